//! What the user wrote, parsed once into valid types.
//!
//! A body is the object under `plugin.buildkit`: exactly one key, the step's kind. [`parse`] refuses everything
//! that is wrong with it, naming the field, before anything starts. One file per kind.

use std::fmt;

use serde_json::Value;

mod files;
mod invalid;
mod limits;
mod names;
mod nearest;
mod node;
mod outputs;
mod reference;

pub mod build;
pub mod steps;
pub mod supersede;
pub mod update_manifest;

#[cfg(test)]
mod tests;

pub use build::Build;
pub use invalid::InvalidStep;
pub use names::{RegistryRef, SecretKey, SecretRef};
pub use steps::{Entry, Steps};
pub use supersede::Supersede;
pub use update_manifest::UpdateManifest;

pub(crate) use nearest::hint;
use nearest::listed;
use node::{Node, quoted};
use reference::Scope;

/// A valid step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A Dockerfile build.
    Build(Box<Build>),
    /// One commit to a GitOps repository.
    UpdateManifest(Box<UpdateManifest>),
    /// The end of older workflows.
    Supersede(Supersede),
    /// Several of the others in one node, in order.
    Steps(Steps),
}

/// What a step does; the one key under `plugin.buildkit`, and a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `build`
    Build,
    /// `update-manifest`
    UpdateManifest,
    /// `supersede`
    Supersede,
    /// `steps`
    Steps,
}

/// Reads the object under `plugin.buildkit`.
///
/// Errors name the field and say what to write; all of them are the user's.
pub fn parse(body: &Value) -> Result<Step, InvalidStep> {
    if let Some(excess) = limits::BODY.excess(body) {
        return Err(InvalidStep::new("", format!("the step {excess}")));
    }
    parse_kind(Node::new("", body, Scope::Alone), &Kind::ALL)
}

/// Reads a map whose one key is one of `kinds`.
fn parse_kind(body: Node<'_>, kinds: &[Kind]) -> Result<Step, InvalidStep> {
    let (kind, node) = take_kind(body, kinds)?;
    match kind {
        Kind::Build => build::read(node).map(|build| Step::Build(Box::new(build))),
        Kind::UpdateManifest => {
            update_manifest::read(node).map(|update| Step::UpdateManifest(Box::new(update)))
        }
        Kind::Supersede => supersede::read(node).map(Step::Supersede),
        Kind::Steps => steps::read(node).map(Step::Steps),
    }
}

fn take_kind<'a>(body: Node<'a>, kinds: &[Kind]) -> Result<(Kind, Node<'a>), InvalidStep> {
    let here = body.clone();
    let known = || kinds.iter().map(|kind| kind.name());
    let mut map = body.map()?;
    if let Some(key) = map.keys().find(|key| !known().any(|name| name == *key)) {
        let (key, near) = (quoted(key), hint(key, known()));
        return Err(here.refuse(format!("unknown step kind {key}{near}; known: {}", listed(known()))));
    }
    if map.len() > 1 {
        let named = listed(map.keys().map(String::as_str));
        let problem = format!("several step kinds in one place, {named}; write one, or a list under `steps`");
        return Err(here.refuse(problem));
    }
    let taken = kinds.iter().find_map(|&kind| Some((kind, map.remove(kind.name())?)));
    taken.ok_or_else(|| here.refuse(format!("no step kind is named; write one of {}", listed(known()))))
}

impl Step {
    /// What the step does.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Build(_) => Kind::Build,
            Self::UpdateManifest(_) => Kind::UpdateManifest,
            Self::Supersede(_) => Kind::Supersede,
            Self::Steps(_) => Kind::Steps,
        }
    }
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [Self::Build, Self::UpdateManifest, Self::Supersede, Self::Steps];

    /// The key under `plugin.buildkit`, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::UpdateManifest => "update-manifest",
            Self::Supersede => "supersede",
            Self::Steps => "steps",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
