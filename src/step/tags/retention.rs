//! `tags.delete`: which tags are kept, and which are deleted.

use std::time::Duration;

use super::super::form::ValueForm::{Bool, List, Map, Maybe, Names, Number, Word, Words};
use super::super::form::{self, FieldRule, SECRET, optional, required};
use super::super::git_login::git_login;
use super::super::node::Node;
use super::super::{FieldTable, InvalidStep, SecretRef, files};
use crate::duration::parse_age;
use crate::git::{FileSpec, RepoUrl};
use crate::oci::ImageRef;
use crate::selection::NamePattern;

/// The most images that `keep` counts.
const MOST: u32 = 100_000;
/// The branch of `in-use` if none is named, as in `update-manifest`.
const DEFAULT_BRANCH: &str = "main";

pub(super) const DELETE: &FieldTable = &FieldTable {
    fields: &[
        optional("keep", Number(0, MOST as i64)),
        optional("older-than", Word),
        optional("clock", Names(&CLOCK_NAMES)),
        optional("keep-matching", Word),
        optional("keep-tags", Words(&Maybe(&Word))),
        optional("in-use", List(0, &Map(IN_USE))),
        optional("dry-run", Bool),
        optional("allow-empty", Bool),
    ],
    rules: &[FieldRule::AnyOf(&["keep", "older-than"])],
};

const IN_USE: &FieldTable = &FieldTable::of(&[
    required("repo", Word),
    optional("branch", Word),
    required("files", Words(&Word)),
    optional("secret", SECRET),
]);

const CLOCKS: [(&str, Clock); 2] = [("created", Clock::Created), ("pushed", Clock::Pushed)];
const CLOCK_NAMES: [&str; 2] = form::names(&CLOCKS);

/// The time that an image's age counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time in the image, at which it was made.
    Created,
    /// The time at which the registry received the tag.
    Pushed,
}

/// Which tags are deleted: those that no rule keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest images stay.
    pub keep: Option<usize>,
    /// The age up to which an image stays.
    pub older_than: Option<Duration>,
    /// What the age counts from.
    pub clock: Clock,
    /// Tags that stay.
    pub keep_matching: Option<NamePattern>,
    /// Tags that stay.
    pub keep_tags: Vec<String>,
    /// The files that name images which stay.
    pub in_use: Vec<InUse>,
    /// Whether nothing is deleted, and the plan is only told.
    pub dry_run: bool,
    /// Whether the repository may be left without a tag.
    pub allow_empty: bool,
}

/// Files of a branch in which images are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The repository.
    pub repo: RepoUrl,
    /// The branch.
    pub branch: String,
    /// The files. Each pattern must match one.
    pub files: Vec<FileSpec>,
    /// The login for the repository.
    pub secret: Option<SecretRef>,
}

/// Reads the value under `delete`.
pub(super) fn read(node: Node<'_>) -> Result<Retention, InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(DELETE)?;
    let pattern = |text: &str| NamePattern::new(text).map_err(|bad| bad.to_string());
    let retention = Retention {
        keep: fields
            .optional("keep")
            .map(|node| node.number(0..=MOST))
            .transpose()?
            .map(|keep| keep as usize),
        older_than: fields.optional("older-than").map(|node| node.checked(parse_age)).transpose()?,
        clock: fields
            .optional("clock")
            .map(|node| node.one_of(&CLOCKS))
            .transpose()?
            .unwrap_or(Clock::Created),
        keep_matching: fields.optional("keep-matching").map(|node| node.checked(pattern)).transpose()?,
        keep_tags: fields.or_default("keep-tags", tags)?,
        in_use: fields.or_default("in-use", in_use)?,
        dry_run: fields.switch("dry-run", true)?,
        allow_empty: fields.switch("allow-empty", false)?,
    };
    match (retention.keep, retention.older_than) {
        (None, None) => Err(here.refuse("names no rule; write `keep`, `older-than` or both")),
        _ => Ok(retention),
    }
}

fn tags(node: Node<'_>) -> Result<Vec<String>, InvalidStep> {
    let items = node.words()?.into_iter().filter(|item| !item.is_absent());
    let tag = |tag: &str| match ImageRef::is_tag(tag) {
        true => Ok(tag.to_owned()),
        false => {
            Err("is no tag (letters, digits, `_`, `.` and `-`); write expressions in `keep-matching`"
                .to_owned())
        }
    };
    items.map(|item| item.checked(tag)).collect()
}

fn in_use(node: Node<'_>) -> Result<Vec<InUse>, InvalidStep> {
    let branches = node.list()?;
    let one = |node: Node<'_>| {
        let mut fields = node.fields(IN_USE)?;
        let (repo, secret) = git_login(&mut fields)?;
        let branch = fields.optional("branch").map(|node| node.checked(files::branch)).transpose()?;
        let file = |word: &str| files::file(word)?.parse::<FileSpec>().map_err(|bad| bad.to_string());
        let specs = fields.required("files")?.words()?.into_iter().map(|node| node.checked(file));
        let specs = specs.collect::<Result<Vec<_>, _>>()?;
        if specs.is_empty() {
            return Err(fields.refuse("files", "names no file; write those in which images are named"));
        }
        Ok(InUse { repo, branch: branch.unwrap_or_else(|| DEFAULT_BRANCH.to_owned()), files: specs, secret })
    };
    branches.into_iter().map(one).collect()
}
