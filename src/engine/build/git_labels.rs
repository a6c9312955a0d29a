//! Labels and annotations that say what an image was built from (image specification, "Pre-Defined Annotation Keys").

use std::collections::BTreeMap;

use super::inputs::Inputs;
use crate::step::Build;
use crate::step::build::{Annotations, Level};

/// The labels of the image's config. All of them are the same for each build of a commit, so that they spoil no cache.
pub(super) fn labels(build: &Build, inputs: &Inputs) -> BTreeMap<String, String> {
    if !build.git_labels {
        return BTreeMap::new();
    }
    let time = inputs.epoch.or(inputs.main.time);
    let created = time.and_then(|time| jiff::Timestamp::from_second(time.into()).ok());
    let labels = [
        ("revision", Some(inputs.sha.clone())),
        ("source", Some(source(build))),
        ("created", created.map(|created| created.to_string())),
        ("version", version(build, inputs)),
    ];
    let named =
        |(name, value): (&str, Option<String>)| Some((format!("org.opencontainers.image.{name}"), value?));
    labels.into_iter().filter_map(named).collect()
}

/// The same as annotations of each manifest, and of the index if there is one.
pub(super) fn annotations(build: &Build, inputs: &Inputs) -> Annotations {
    let levels = [Some(Level::Manifest(None)), build.has_index().then_some(Level::Index)];
    let labels = labels(build, inputs);
    let at =
        |level: Level| labels.iter().map(move |(name, value)| ((level.clone(), name.clone()), value.clone()));
    levels.into_iter().flatten().flat_map(at).collect()
}

/// The repository's address. Over http, that of its page: forges show it without `.git`.
fn source(build: &Build) -> String {
    let (repo, text) = (&build.context.repo, build.context.repo.to_string());
    if repo.is_ssh() {
        return text;
    }
    let text = text.trim_end_matches('/');
    text.strip_suffix(".git").unwrap_or(text).to_owned()
}

/// The Git tag that the step names; else the first tag of the image, unless that is `latest`.
fn version(build: &Build, inputs: &Inputs) -> Option<String> {
    let of_git = inputs.main.reference.as_ref().and_then(|reference| reference.tag());
    let of_image = build.tags.first().and_then(|tag| tag.image.tag()).filter(|tag| *tag != "latest");
    of_git.or(of_image).map(str::to_owned)
}
