//! `cache`: what is in the daemon's cache, a prune of it, and images that are pulled into it.

mod filter;
mod warm;

use std::time::Duration;

use super::build::bytes;
use super::form::ValueForm::{Any, Bool, List, Map, Names, Number, Word};
use super::form::{self, FieldRule, optional};
use super::mention::{Mention, MentionKind};
use super::nearest::listed;
use super::node::{Fields, Node};
use super::spec::{Output, Spec};
use super::{FieldTable, InvalidStep, ValueForm};
use crate::duration::parse_age;
use warm::WARM;
pub use warm::Warm;

pub(super) const SPEC: Spec =
    Spec { name: "cache", form: ValueForm::Map(CACHE), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
const CACHE: &FieldTable = &FieldTable {
    fields: &[optional("usage", Map(USAGE)), optional("prune", Map(PRUNE)), optional("warm", Map(WARM))],
    rules: &[FieldRule::OneOf(&VERBS)],
};

/// The fields, one of which says what the step does.
const VERBS: [&str; 3] = ["usage", "prune", "warm"];

const USAGE: &FieldTable = &FieldTable::of(&[optional("scope", Names(&SCOPE_NAMES))]);

const PRUNE: &FieldTable = &FieldTable {
    fields: &[
        optional("scope", Names(&SCOPE_NAMES)),
        optional("older-than", Word),
        optional("filters", List(1, &Word)),
        optional("reserved-space", SIZE),
        optional("max-used-space", SIZE),
        optional("min-free-space", SIZE),
        optional("all", Bool),
    ],
    rules: &[FieldRule::AnyOf(&CHOICES)],
};

const SIZE: ValueForm = Any(&[Number(1, i64::MAX), Word]);

/// The fields that say what a prune deletes.
const CHOICES: [&str; 6] =
    ["older-than", "filters", "reserved-space", "max-used-space", "min-free-space", "all"];

/// The fields that the daemon compares with the size of its whole cache, or with its disk.
const SIZES: [&str; 3] = ["reserved-space", "max-used-space", "min-free-space"];

const SCOPES: [(&str, CacheScope); 2] =
    [("namespace", CacheScope::Namespace), ("daemon", CacheScope::Daemon)];
const SCOPE_NAMES: [&str; 2] = form::names(&SCOPES);

/// The most filters. The daemon compares each of them with each of its records.
const FILTERS: usize = 20;
/// The most filters of a tenant, and not of the daemon's administrator.
const OWN_FILTERS: usize = 4;

/// `types`, `largest`, `mounts`, `images`, `buildkitds` and `warnings` are JSON lists, whose texts are redacted when the list is made.
const OUTPUTS: &[Output] = &[
    Output::ours("size", "1000000"),
    Output::ours("records", "12"),
    Output::ours("reclaimable", "1000000"),
    Output::ours("shared", "0"),
    Output::ours("types", "[]"),
    Output::ours("largest", "[]"),
    Output::ours("mounts", "[]"),
    Output::ours("images", "[]"),
    Output::ours("buildkitds", "[]"),
    Output::ours("warnings", "[]"),
];

/// A valid `cache` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// Says what is in a part of the cache.
    Usage(CacheScope),
    /// Deletes from a part of the cache what no build uses.
    Prune(CacheScope, Prune),
    /// Pulls images into the cache.
    Warm(Warm),
}

/// A part of the daemon's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// The cache mounts of the workflow's namespace.
    Namespace,
    /// Everything, of all users of the daemon.
    Daemon,
}

/// What a prune deletes: every record that meets all of this and that no build uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prune {
    /// The time since its last use after which a record is deleted.
    pub older_than: Option<Duration>,
    /// Filters in BuildKit's language, one of which a record must match.
    pub filters: Vec<String>,
    /// The size, in bytes, below which nothing is deleted.
    pub reserved_space: Option<u64>,
    /// The size, in bytes, to which the cache may grow.
    pub max_used_space: Option<u64>,
    /// The bytes that must be free on the daemon's disk.
    pub min_free_space: Option<u64>,
    /// Whether the records of frontends and BuildKit's own are deleted too.
    pub all: bool,
}

/// Reads the value under `cache`.
pub(super) fn read(node: Node<'_>) -> Result<Cache, InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(CACHE)?;
    let written: Vec<_> = VERBS.into_iter().filter(|verb| fields.has(verb)).collect();
    if written.len() > 1 {
        let named = listed(written);
        return Err(here.refuse(format!("has {named}; write one of them")));
    }
    if let Some(node) = fields.optional("usage") {
        return scope(&mut node.fields(USAGE)?).map(Cache::Usage);
    }
    if let Some(node) = fields.optional("prune") {
        return prune(node).map(|(scope, prune)| Cache::Prune(scope, prune));
    }
    match fields.optional("warm") {
        Some(node) => warm::read(node).map(Cache::Warm),
        None => {
            Err(here.refuse("says nothing to do; write `usage: {}`, or `prune` or `warm` with its fields"))
        }
    }
}

/// The list of all records shows what other namespaces build, and a prune deletes it.
pub(super) fn mentions(cache: &Cache) -> Vec<Mention> {
    let of_scope = |field, scope: &CacheScope| match scope {
        CacheScope::Namespace => Vec::new(),
        CacheScope::Daemon => vec![Mention::new(MentionKind::DaemonCache, field, "scope: daemon")],
    };
    match cache {
        Cache::Usage(scope) => of_scope("cache.usage.scope", scope),
        Cache::Prune(scope, _) => of_scope("cache.prune.scope", scope),
        Cache::Warm(warm) => warm::mentions(warm),
    }
}

fn scope(fields: &mut Fields<'_>) -> Result<CacheScope, InvalidStep> {
    let scope = fields.optional("scope").map(|node| node.one_of(&SCOPES)).transpose()?;
    Ok(scope.unwrap_or(CacheScope::Namespace))
}

fn prune(node: Node<'_>) -> Result<(CacheScope, Prune), InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(PRUNE)?;
    let scope = scope(&mut fields)?;
    if let Some(size) = SIZES.into_iter().find(|name| fields.has(name) && scope == CacheScope::Namespace) {
        return Err(fields.refuse(
            size,
            "is compared with everything in the daemon's cache, so it has no meaning with `scope: namespace`; leave it out, or \
             write `scope: daemon`",
        ));
    }
    let mut size = |name| fields.optional(name).map(bytes).transpose();
    let (reserved_space, max_used_space, min_free_space) =
        (size("reserved-space")?, size("max-used-space")?, size("min-free-space")?);
    let prune = Prune {
        older_than: fields.optional("older-than").map(|node| node.checked(parse_age)).transpose()?,
        filters: fields.or_default("filters", |node| filters(node, scope))?,
        reserved_space,
        max_used_space,
        min_free_space,
        all: fields.switch("all", false)?,
    };
    match prune == Prune::default() {
        true => Err(here.refuse(
            "would delete everything that no build uses at the moment; write what to delete (`older-than`, `filters`, \
             `reserved-space`, `max-used-space`, `min-free-space`), or `all: true` for everything",
        )),
        false => Ok((scope, prune)),
    }
}

fn filters(node: Node<'_>, scope: CacheScope) -> Result<Vec<String>, InvalidStep> {
    let here = node.clone();
    let filters = node.list()?;
    let (most, is_own) = match scope {
        CacheScope::Namespace => (OWN_FILTERS, true),
        CacheScope::Daemon => (FILTERS, false),
    };
    let check = |text: &str| if is_own { filter::check_own(text) } else { filter::check(text) };
    match filters.len() {
        0 => Err(here.refuse("is empty; leave it out, or write a filter such as `type==exec.cachemount`")),
        count if count > most => Err(here.refuse(format!("has {count} filters; at most {most} are taken"))),
        _ => filters.into_iter().map(|node| node.checked(check)).collect(),
    }
}
