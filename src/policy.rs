//! What the workflows of a namespace may name, where one process works for many namespaces.
//!
//! Rights to Secrets and to other objects are the namespace's own (see [`crate::kube`]), and what may be read
//! from a registry or a Git server their logins decide. What is left are targets: places that a step writes to, or has
//! this process talk to. A file lists them for each namespace, and what is not listed may not be named.

mod canonical;
mod file;
mod lists;
mod named;
mod pattern;
mod refused;

use std::path::Path;

pub(crate) use canonical::{Odd, host_port};
pub use file::BadPolicy;
pub use refused::{Refused, Unlisted};

use crate::git::RepoUrl;
use crate::step::{Entry, Step};
use lists::Lists;
use named::Named;
use pattern::Namespaces;

/// Lists by namespace, read from a file.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The file's name, for messages.
    file: String,
    /// The most specific namespaces first.
    entries: Vec<(Namespaces, Lists)>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`BadPolicy`] names the place in the file, and what to write there.
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
    /// As [`Policy::read`].
    pub fn parse(file: &str, text: &str) -> Result<Self, BadPolicy> {
        let mut entries = file::entries(file, text)?;
        entries.sort_by_cached_key(|(names, _)| names.order());
        Ok(Self { file: file.to_owned(), entries })
    }

    /// Whether a workflow of `namespace` may run `step`. Of the entries of `steps` this is what can be told before any
    /// of them has run; each is to be checked again with its references resolved.
    ///
    /// # Errors
    /// [`Refused`] says what was named, and which list of the file to extend.
    pub fn check(&self, namespace: &str, step: &Step) -> Result<(), Refused> {
        let (entry, lists) = self.entry(namespace)?;
        let refused = |named: Named, field: String| Refused::new(self, namespace, entry, lists, named, field);
        match step {
            Step::Steps(steps) => steps.entries.iter().try_for_each(|each| match unlisted(each, lists) {
                Some(named) => {
                    let field = format!("entry `{}`, {}", each.name, named.field);
                    Err(refused(named, field))
                }
                None => Ok(()),
            }),
            step => match named::of(step).into_iter().find(|named| !lists.have(named)) {
                Some(named) => {
                    let field = named.field.to_owned();
                    Err(refused(named, field))
                }
                None => Ok(()),
            },
        }
    }

    /// Whether a build of `namespace` may read a repository that only a commit names; `field` is what has it read.
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub(crate) fn check_repository(
        &self,
        namespace: &str,
        field: &'static str,
        repo: &RepoUrl,
    ) -> Result<(), Refused> {
        let (entry, lists) = self.entry(namespace)?;
        let named = Named::of_repository(field, repo);
        if lists.have(&named) {
            return Ok(());
        }
        Err(Refused::new(self, namespace, entry, lists, named, field.to_owned()))
    }

    /// What the workflows of `namespace` are told where no entry is for them, so that they may do nothing.
    pub fn unserved(&self, namespace: &str) -> Option<String> {
        self.entry(namespace).err().map(|refused| refused.to_string())
    }

    /// Regular expressions, one of which the whole name of each image has to match that a build of `namespace` reads: for the
    /// daemon, since only that knows what a Dockerfile names. None where any image may be read.
    pub fn images(&self, namespace: &str) -> Option<Vec<String>> {
        match self.entry(namespace) {
            Ok((_, lists)) => lists.images(),
            Err(_) => Some(Vec::new()),
        }
    }

    /// What is to be told of a file that leaves open which images are read.
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

/// What an entry of `steps` names that is not listed, and is no mere stand-in for an output to come.
fn unlisted(entry: &Entry, lists: &Lists) -> Option<Named> {
    let settled = |named: &Named| !entry.open.iter().any(|text| named.stands_in(text));
    named::of(&entry.template).into_iter().find(|named| !lists.have(named) && settled(named))
}

#[cfg(test)]
mod tests;
