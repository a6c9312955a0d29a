//! From an edit to the bytes that it changes.

use super::error::EditError;
use super::file::File;
use super::reach::{self, Wish};
use super::splice::Splice;
use super::{Edit, Target, argocd, container, image, kustomize, lookup, object, scalar, setter};

/// The splices that make `edit`, none if the file already says so. `all` are the edits made with it.
pub(super) fn plan(file: &File<'_>, edit: &Edit, all: &[Edit]) -> Result<Vec<Splice>, EditError> {
    match &edit.target {
        Target::Helm(path) => {
            let label = path.to_string();
            scalar::check_value(&label, &edit.value)?;
            reach::scalar(file, lookup::roots(&file.stream), path, &Wish { edit, label: &label, typed: true })
        }
        Target::Kustomize { image, field } => kustomize::plan(file, image, *field, edit, all),
        Target::Image(path) => {
            image::plan(file, lookup::roots(&file.stream), path, edit, &edit.target.to_string())
        }
        Target::Object { object, path } => {
            let label = edit.target.to_string();
            scalar::check_value(&label, &edit.value)?;
            let start = object::find(&file.stream, object, &label)?;
            reach::scalar(file, vec![start], path, &Wish { edit, label: &label, typed: true })
        }
        Target::Container { object, container } => {
            container::plan(file, object, container, edit, &edit.target.to_string())
        }
        Target::Parameter { application, name } => {
            argocd::parameter(file, application.as_deref(), name, edit, &edit.target.to_string())
        }
        Target::Values { application, path } => {
            argocd::values(file, application.as_deref(), path, edit, &edit.target.to_string())
        }
        Target::Setter(setter) => setter::plan(file, setter, edit, &edit.target.to_string()),
    }
}
