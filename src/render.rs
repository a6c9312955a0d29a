//! The objects that a [catalogue](crate::catalogue) becomes, as files: text out, no I/O.
//!
//! The same catalogue always becomes the same bytes. `filters` has what a Sensor lets through, `workflow` the Workflows
//! that it creates; `select` and `sweep` the objects with steps of this plugin that create the same ones.

mod account;
mod event_source;
mod explain;
mod filters;
mod ignored;
mod load;
mod select;
mod sensor;
mod sweep;
mod warm;
mod workflow;
pub(crate) mod yaml;

#[cfg(test)]
mod tests;

pub use explain::explain;

use serde_json::{Value, json};

use crate::catalogue::Catalogue;

/// The first line of every file that [`render`] makes. Only a file that begins with it is ever replaced or removed.
pub const MARK: &str =
    "# Made by `argo-buildkit render`. Edit the catalogue and render it again, not this file.";

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Its name in the directory.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why a valid catalogue cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// One repository needs more of an object than the object may have.
    #[error(
        "what the repository `{repository}` needs of one {kind} is {size} bytes, and at most {most} can be started; \
         shorten the parameters of its services, such as `targets` and `build-args`"
    )]
    TooLarge {
        /// The repository's owner and name.
        repository: String,
        /// The kind of the object.
        kind: &'static str,
        /// The bytes of its JSON.
        size: usize,
        /// The most bytes.
        most: usize,
    },
    /// One repository needs more values of a step than a step may have.
    #[error(
        "the services of the repository `{repository}` have {count} values in the step that decides about its pushes, and at most {most} \
         are taken; give them fewer branches, tags, paths and parameters"
    )]
    TooManyValues {
        /// The repository's owner and name.
        repository: String,
        /// How many values there are.
        count: usize,
        /// How many may be there.
        most: usize,
    },
    /// One Sensor knows the names of all repositories.
    #[error(
        "the names of all {count} repositories take {size} bytes of one Sensor, which logs the hooks of others, and at most {most} bytes \
         can be started with it; write two catalogues with fewer repositories each"
    )]
    TooManyNames {
        /// How many repositories there are.
        count: usize,
        /// The bytes that their names take.
        size: usize,
        /// The most bytes of a Sensor.
        most: usize,
    },
}

/// The files of a catalogue, by name.
///
/// # Errors
///
/// An object would be too large to be started.
pub fn render(catalogue: &Catalogue) -> Result<Vec<RenderedFile>, RenderError> {
    let repositories = catalogue.repositories();
    let mut objects = Vec::new();
    if let Some(hook) = &catalogue.hook {
        if hook.event_source.is_none() {
            objects.push(("event-source".to_owned(), event_source::of(catalogue, hook)));
        }
        if hook.own_account {
            objects.push(("sensor-account".to_owned(), account::of(catalogue, &hook.service_account)));
        }
        for (n, sensor) in sensor::sensors(catalogue, hook, &repositories)?.into_iter().enumerate() {
            objects.push((format!("sensor-{}", n + 1), sensor));
        }
    }
    for repository in &repositories {
        objects.extend(select::templates(catalogue, repository)?);
    }
    objects.extend(sweep::of(catalogue)?);
    objects.extend(warm::of(catalogue)?);
    let names: Vec<_> = objects.iter().map(|(name, _)| format!("{name}.yaml")).collect();
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": names,
    });
    objects.push(("kustomization".to_owned(), kustomization));
    let mut files: Vec<_> = objects.into_iter().map(file).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn file((name, object): (String, Value)) -> RenderedFile {
    RenderedFile { name: format!("{name}.yaml"), text: format!("{MARK}\n{}", yaml::document(&object)) }
}

/// Whether a file's text is one that [`render`] made.
pub fn is_ours(text: &str) -> bool {
    text.lines().next() == Some(MARK)
}

/// The label with the name of the catalogue that an object is rendered from. What left the catalogue is found by it. The Sensors'
/// account has none, because other catalogues of the namespace use it too.
pub const CATALOGUE_LABEL: &str = "argo-buildkit.io/catalogue";

/// The metadata of an object.
fn metadata(catalogue: &Catalogue, name: &str) -> Value {
    json!({
        "name": name,
        "namespace": catalogue.namespace,
        "labels": {"app.kubernetes.io/part-of": "argo-buildkit", CATALOGUE_LABEL: catalogue.name},
    })
}

/// The bytes of a value as JSON, as Go writes it: with `\u0026` for `&`, and the same for `<`, `>` and two separators of lines (package
/// `encoding/json`).
fn size(value: &Value) -> usize {
    let text = value.to_string();
    let more = text.chars().map(|c| match c {
        '&' | '<' | '>' => 5,
        '\u{2028}' | '\u{2029}' => 3,
        _ => 0,
    });
    text.len() + more.sum::<usize>()
}
