//! Converts an edit to the bytes that it changes.

use super::error::EditError;
use super::file::File;
use super::reach::{self, ScalarRequest};
use super::splice::Splice;
use super::{
    Edit, Target, argocd, block, container, image, kustomize, lookup, object, pinned, scalar, setter,
};

/// The splices for `edit`. Empty if the file already holds the value. `all` are the edits made together with it.
pub(super) fn plan(file: &File<'_>, edit: &Edit, all: &[Edit]) -> Result<Vec<Splice>, EditError> {
    match &edit.target {
        Target::Helm(path) => {
            let label = path.to_string();
            scalar::check_value(&label, &edit.value)?;
            if let Some((text, inner)) = path.split_text() {
                return block::at(
                    file,
                    lookup::roots(&file.stream),
                    &text,
                    Target::Helm(inner),
                    edit,
                    &label,
                );
            }
            pinned::warn(file, lookup::roots(&file.stream), path, edit, all, Target::Helm);
            reach::scalar(
                file,
                lookup::roots(&file.stream),
                path,
                &ScalarRequest { edit, label: &label, typed: true },
            )
        }
        Target::Kustomize { image, field } => kustomize::plan(file, image, *field, edit, all),
        Target::Image(path) => {
            if let Some((text, inner)) = path.split_text() {
                let label = edit.target.to_string();
                return block::at(
                    file,
                    lookup::roots(&file.stream),
                    &text,
                    Target::Image(inner),
                    edit,
                    &label,
                );
            }
            image::plan(file, lookup::roots(&file.stream), path, edit, &edit.target.to_string())
        }
        Target::Object { object, path } => {
            let label = edit.target.to_string();
            scalar::check_value(&label, &edit.value)?;
            let start = object::find(&file.stream, object, &label)?;
            if let Some((text, inner)) = path.split_text() {
                return block::at(file, vec![start], &text, Target::Helm(inner), edit, &label);
            }
            let with = |path| Target::Object { object: object.clone(), path };
            pinned::warn(file, vec![start.clone()], path, edit, all, with);
            reach::scalar(file, vec![start], path, &ScalarRequest { edit, label: &label, typed: true })
        }
        Target::Container { object, container } => {
            container::plan(file, object, container, edit, &edit.target.to_string())
        }
        Target::Running { object, image } => {
            container::running(file, object.as_ref(), image, edit, &edit.target.to_string())
        }
        Target::Parameter { application, name } => {
            argocd::parameter(file, application.as_ref(), name, edit, &edit.target.to_string())
        }
        Target::Values { application, path } => {
            argocd::values(file, application.as_ref(), path, edit, &edit.target.to_string())
        }
        Target::Setter(setter) => setter::plan(file, setter, edit, &edit.target.to_string()),
    }
}
