//! What the workflows of a namespace may name, for a process that serves many namespaces.
//!
//! Rights to Secrets and to other objects are the namespace's own (see [`crate::kube`]). Registries and Git servers decide
//! by login what may be read. The policy decides the rest: the targets that a step writes to, or makes this process
//! connect to. A file lists them for each namespace, and a step may not name a target that is not listed.

mod canonical;
mod file;
mod lists;
mod named;
mod pattern;
mod refused;

use std::path::Path;

pub(crate) use canonical::{NotCanonical, host_port};
pub use file::BadPolicy;
pub use refused::{NotInList, Refused};

use crate::argocd::Application;
use crate::git::RepoUrl;
use crate::step::{Entry, MentionKind, Step};
use lists::Lists;
use named::NamedTarget;
pub(crate) use pattern::NAMESPACE_CHARACTERS;
use pattern::Namespaces;

/// The lists of each namespace, read from a file.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The file's name, for messages.
    file: String,
    /// The entries, the most specific namespaces first.
    entries: Vec<(Namespaces, Lists)>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`BadPolicy`] names the position in the file, and what to write there.
    pub fn read(path: &Path) -> Result<Self, BadPolicy> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(error) => Err(BadPolicy::unreadable(&file, &error)),
        }
    }

    /// Reads the text of the policy file `file`.
    ///
    /// # Errors
    /// Returns the errors of [`Policy::read`].
    pub fn parse(file: &str, text: &str) -> Result<Self, BadPolicy> {
        let mut entries = file::entries(file, text)?;
        entries.sort_by_cached_key(|(names, _)| names.order());
        Ok(Self { file: file.to_owned(), entries })
    }

    /// Checks whether a workflow of `namespace` may run `step`. For `steps`, this checks what is known before any entry
    /// has run. Each entry must be checked again with its references resolved.
    ///
    /// # Errors
    /// [`Refused`] names the target, and the list of the file to extend.
    pub fn check(&self, namespace: &str, step: &Step) -> Result<(), Refused> {
        let (entry, lists) = self.entry(namespace)?;
        let refused =
            |named: NamedTarget, field: String| Refused::new(self, namespace, entry, lists, named, field);
        match step {
            Step::Steps(steps) => {
                steps.entries.iter().try_for_each(|each| match unlisted(each, lists, namespace) {
                    Some(named) => {
                        let field = format!("entry `{}`, {}", each.name, named.field);
                        Err(refused(named, field))
                    }
                    None => Ok(()),
                })
            }
            step => match named::of(step, namespace).into_iter().find(|named| !lists.have(named)) {
                Some(named) => {
                    let field = named.field.to_owned();
                    Err(refused(named, field))
                }
                None => Ok(()),
            },
        }
    }

    /// Checks whether a build of `namespace` may read a repository that only a commit names. `field` is the field that causes the read.
    ///
    /// # Errors
    /// Returns the errors of [`Policy::check`].
    pub(crate) fn check_repository(
        &self,
        namespace: &str,
        field: &'static str,
        repo: &RepoUrl,
    ) -> Result<(), Refused> {
        self.check_named(namespace, NamedTarget::of_repository(field, repo))
    }

    /// Checks whether a workflow of `namespace` may use an Application that only its labels name. `field` is the field with the labels.
    ///
    /// # Errors
    /// Returns the errors of [`Policy::check`].
    pub(crate) fn check_application(
        &self,
        namespace: &str,
        field: &'static str,
        application: &Application,
    ) -> Result<(), Refused> {
        self.check_named(namespace, NamedTarget::of_application(field, application))
    }

    /// Checks whether a workflow of `namespace` may send messages to a server that only a Secret names. `origin` is its scheme, host
    /// and port.
    ///
    /// # Errors
    /// Returns the errors of [`Policy::check`].
    pub(crate) fn check_webhook(
        &self,
        namespace: &str,
        field: &'static str,
        origin: &str,
    ) -> Result<(), Refused> {
        self.check_named(namespace, NamedTarget::of_webhook(field, origin))
    }

    /// The message for workflows of `namespace` if no entry matches the namespace, so that they may not do anything.
    pub fn unserved(&self, namespace: &str) -> Option<String> {
        self.entry(namespace).err().map(|refused| refused.to_string())
    }

    /// Regular expressions for the images that a build of `namespace` may read. The whole name of each image must match one of them. The
    /// daemon checks them, since only the daemon knows the images of a Dockerfile. None if any image may be read.
    pub fn images(&self, namespace: &str) -> Option<Vec<String>> {
        match self.entry(namespace) {
            Ok((_, lists)) => lists.images(),
            Err(_) => Some(Vec::new()),
        }
    }

    /// The warning about a file that does not limit which images are read.
    pub fn warning(&self) -> Option<String> {
        let lacking = self.entries.iter().filter(|(_, lists)| lists.lack_images());
        let lacking: Vec<_> = lacking.map(|(names, _)| format!("`namespaces.{names}`")).collect();
        (!lacking.is_empty()).then(|| {
            format!(
                "the policy {} has no `images` under {}, so their builds read by digest whatever private image anybody's \
                 build has pulled; list the images that they may read, or write `images: [\"**\"]` to keep it so",
                self.file,
                lacking.join(", ")
            )
        })
    }

    /// Checks whether a workflow of `namespace` may use a target that its step does not name.
    fn check_named(&self, namespace: &str, named: NamedTarget) -> Result<(), Refused> {
        let (entry, lists) = self.entry(namespace)?;
        if lists.have(&named) {
            return Ok(());
        }
        let field = named.field.to_owned();
        Err(Refused::new(self, namespace, entry, lists, named, field))
    }

    fn entry(&self, namespace: &str) -> Result<(&Namespaces, &Lists), Refused> {
        let found = self.entries.iter().find(|(names, _)| names.have(namespace));
        let found = found.map(|(names, lists)| (names, lists));
        found.ok_or_else(|| Refused::NoEntry {
            namespace: namespace.to_owned(),
            file: self.file.clone(),
            entries: self.entries.iter().map(|(names, _)| names.to_string()).collect(),
        })
    }
}

/// The keys of an entry's lists.
pub(crate) fn lists() -> impl Iterator<Item = &'static str> {
    MentionKind::LISTED.into_iter().map(MentionKind::key)
}

/// The keys of an entry's switches.
pub(crate) fn switches() -> impl Iterator<Item = &'static str> {
    MentionKind::SWITCHES.into_iter().map(MentionKind::key)
}

/// The first target of an entry of `steps` that is not listed. Placeholders for later outputs are skipped.
fn unlisted(entry: &Entry, lists: &Lists, namespace: &str) -> Option<NamedTarget> {
    let settled = |named: &NamedTarget| !entry.open.iter().any(|text| named.stands_in(text));
    named::of(&entry.template, namespace).into_iter().find(|named| !lists.have(named) && settled(named))
}

#[cfg(test)]
mod tests;
