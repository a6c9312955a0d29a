//! Converts an edit to the bytes that it changes.

use super::error::EditError;
use super::file::File;
use super::splice::Splice;
use super::{
    Edit, Target, argocd, container, embedded, image, kustomize, lookup, object, pinned, scalar, setter,
};

/// The splices for `edit`. Empty if the file already holds the value. `all` are the edits made together with it.
pub(super) fn plan(file: &File<'_>, edit: &Edit, all: &[Edit]) -> Result<Vec<Splice>, EditError> {
    file.stream.share(edit.shared);
    let label = edit.target.to_string();
    match &edit.target {
        Target::Helm(path) => {
            let label = path.to_string();
            scalar::check_value(&label, &edit.value)?;
            let starts = lookup::roots(&file.stream);
            pinned::warn(file, starts.clone(), path, edit, all, Target::Helm);
            embedded::scalar(file, starts, path, edit, &label)
        }
        Target::Kustomize { image, field } => kustomize::plan(file, image, *field, edit, all),
        Target::Image(path) => image::plan(file, lookup::roots(&file.stream), path, edit, &label),
        Target::Object { object, path } => {
            scalar::check_value(&label, &edit.value)?;
            let starts = vec![object::find(&file.stream, object, &label)?];
            let with = |path| Target::Object { object: object.clone(), path };
            pinned::warn(file, starts.clone(), path, edit, all, with);
            embedded::scalar(file, starts, path, edit, &label)
        }
        Target::Container { object, container } => container::plan(file, object, container, edit, &label),
        Target::Running { object, image } => container::running(file, object.as_ref(), image, edit, &label),
        Target::Parameter { application, name } => {
            argocd::parameter(file, application.as_ref(), name, edit, &label)
        }
        Target::Values { application, path } => {
            argocd::values(file, application.as_ref(), path, edit, &label)
        }
        Target::Setter(setter) => setter::plan(file, setter, edit, &label),
    }
}
