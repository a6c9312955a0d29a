//! The fields of `build`.

use super::cache::CACHE;
use super::options::{ALGORITHM_NAMES, COMPRESSION, ENTITLEMENTS, MEDIA_TYPES, NETWORKS, SOURCE_DATE};
use crate::step::form::ValueForm::{Any, Bool, List, Map, Maybe, Names, Number, Pairs, Text, Word, Words};
use crate::step::form::{
    FieldRule, FieldTable, IMAGE, SECRET, SECRET_KEY, ValueForm, names, optional, required,
};

/// The fields of `build`, in the order of docs/steps.md.
pub(in crate::step) const BUILD: &FieldTable = &FieldTable {
    fields: &[
        required("context", REPOSITORY),
        optional("dockerfile", Word),
        optional("dockerfile-inline", Text),
        optional("target", Word),
        optional("platforms", Words(&Maybe(&Word))),
        optional("build-args", Pairs(0, &Text)),
        optional("secrets", List(0, &Map(SECRETS))),
        optional("ssh", List(0, &Map(SSH))),
        optional("contexts", Pairs(0, &REPOSITORY)),
        optional("tags", Words(&IMAGE)),
        optional("push", Bool),
        optional("registry-secret", SECRET),
        optional("attach-log", Bool),
        optional("attach-report", Bool),
        optional("labels", Pairs(0, &Text)),
        optional("annotations", Pairs(0, &Text)),
        optional("cache", Map(CACHE)),
        optional("no-cache", Any(&[Bool, Words(&Maybe(&Word))])),
        optional("network", Names(NETWORK_NAMES)),
        optional("entitlements", Words(&Maybe(&Names(ENTITLEMENT_NAMES)))),
        optional("extra-hosts", Any(&[Pairs(0, &Word), Words(&Word)])),
        optional("shm-size", Any(&[Number(1, i64::MAX), Word])),
        optional("ulimits", Any(&[Pairs(0, &Any(&[Number(-1, i64::MAX), Word])), Words(&Word)])),
        optional("cgroup-parent", Word),
        optional("compression", Any(&[Names(ALGORITHM_NAMES), Map(COMPRESSION)])),
        optional("media-types", Names(MEDIA_TYPE_NAMES)),
        optional("source-date-epoch", SOURCE_DATE),
        optional("rewrite-timestamp", Bool),
        optional("attest", super::attest::FORM),
        optional("git-labels", Bool),
        optional("skip-if-exists", Bool),
    ],
    rules: &[FieldRule::NotBoth("dockerfile", "dockerfile-inline"), FieldRule::UnlessOff("tags", "push")],
};

const NETWORK_NAMES: &[&str] = &names::<_, { NETWORKS.len() }>(NETWORKS);
const ENTITLEMENT_NAMES: &[&str] = &names::<_, { ENTITLEMENTS.len() }>(ENTITLEMENTS);
const MEDIA_TYPE_NAMES: &[&str] = &names::<_, { MEDIA_TYPES.len() }>(MEDIA_TYPES);

/// A repository as a map, or a string: a repository's URL, or an image.
pub(in crate::step) const REPOSITORY: ValueForm = Any(&[Word, Map(CONTEXT)]);

/// The fields of `context`.
pub(super) const CONTEXT: &FieldTable = &FieldTable::of(&[
    required("repo", Word),
    optional("revision", Word),
    optional("subdir", Word),
    optional("secret", SECRET),
    optional("submodules", Bool),
    optional("submodule-secrets", Pairs(0, &SECRET)),
    optional("dockerignore", Bool),
]);

/// The fields of an item of `secrets`.
pub(super) const SECRETS: &FieldTable =
    &FieldTable::of(&[required("id", Word), required("secret", SECRET_KEY)]);

/// The fields of an item of `ssh`.
pub(super) const SSH: &FieldTable = &FieldTable::of(&[optional("id", Word), required("secret", SECRET)]);
