//! The user's input, parsed once into valid types.
//!
//! A body is the object under `plugin.buildkit`: exactly one key, the step's kind. [`parse`] refuses every mistake in it
//! and names the field, before anything starts. There is one file per kind.

use std::fmt;

use serde_json::Value;

mod files;
mod forge_api;
mod form;
mod git_login;
mod invalid;
mod kinds;
mod limits;
mod mention;
mod names;
mod nearest;
mod node;
mod outputs;
mod reference;
mod service;
mod spec;
mod when;

pub mod build;
pub mod cache;
pub mod commit_status;
pub mod notify;
pub mod poll;
pub mod push;
pub mod select;
pub mod sign;
pub mod steps;
pub mod supersede;
pub mod sync;
pub mod tags;
pub mod update_manifest;
pub mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use build::Build;
pub use cache::{Cache, CacheScope, Prune, Warm};
pub use commit_status::CommitStatus;
pub use invalid::InvalidStep;
pub use kinds::{Kind, Step};
pub use names::{RegistryRef, SecretKey, SecretRef};
pub use notify::{Notify, NotifyTarget};
pub use poll::{Poll, PolledService};
pub use push::{Push, PushTarget};
pub use select::Select;
pub use service::WorkflowCall;
pub use sign::{ImageKey, Sign, SignTarget};
pub use spec::{Output, OutputSource, Spec};
pub use steps::{Entry, Steps};
pub use supersede::Supersede;
pub use sync::Sync;
pub use tags::{TagFilter, TagOrder, Tags};
pub use update_manifest::UpdateManifest;
pub use verify::Verify;
pub use when::When;

pub(crate) use form::{FieldRule, FieldTable, ValueForm};
pub(crate) use kinds::kinds;
pub(crate) use mention::{Mention, MentionKind};
pub(crate) use nearest::hint;
use nearest::listed;
pub(crate) use node::child_path;
use node::{Node, quoted};
use reference::Scope;

/// Reads the object under `plugin.buildkit`.
///
/// Errors name the field and say what to write. Every error is the user's to fix.
pub fn parse(body: &Value) -> Result<Step, InvalidStep> {
    if let Some(excess) = limits::BODY.excess(body) {
        return Err(InvalidStep::new("", format!("the step {excess}")));
    }
    parse_kind(Node::new("", body, Scope::Alone), Kind::ALL)
}

/// The most items of a list or a map.
pub(crate) const fn max_items() -> usize {
    limits::ITEMS
}

/// The most entries of `steps`.
pub(crate) const fn max_entries() -> usize {
    limits::ENTRIES
}

/// Reads a map whose one key is one of `kinds`.
fn parse_kind(body: Node<'_>, kinds: &[Kind]) -> Result<Step, InvalidStep> {
    let (kind, node) = take_kind(body, kinds)?;
    kind.read(node)
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

impl Kind {
    /// The key under `plugin.buildkit`, in kebab case.
    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
