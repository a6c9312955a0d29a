//! The fields of `update-manifest`.

use super::pull_request::{FORGE, PULL_REQUEST};
use super::{MODES, VIA};
use crate::step::forge_api::DIALECT_NAMES;
use crate::step::form::ValueForm::{Any, Bool, List, Map, Names, Number, Pairs, Text, Word};
use crate::step::form::{FieldRule, FieldTable, SECRET, SECRET_KEY, names, optional, required};

/// The fields of `update-manifest`, in the order of docs/steps.md.
pub(in crate::step) const UPDATE_MANIFEST: &FieldTable = &FieldTable::of(&[
    required("repo", Word),
    optional("branch", Word),
    optional("secret", SECRET),
    required("targets", List(1, &Map(TARGET))),
    optional("image", Word),
    optional("source", Map(SOURCE)),
    optional("message", Text),
    optional("author", Map(AUTHOR)),
    optional("committer", Map(AUTHOR)),
    optional("signing-key", SECRET_KEY),
    optional("skip-ci", Bool),
    optional("commit", Bool),
    optional("mode", Names(MODE_NAMES)),
    optional("pull-request", Map(PULL_REQUEST)),
    optional("via", Names(VIA_NAMES)),
    optional("forge", Any(&[Names(DIALECT_NAMES), Map(FORGE)])),
    optional("refresh", Any(&[Word, Map(REFRESH)])),
]);

const MODE_NAMES: &[&str] = &names::<_, { MODES.len() }>(MODES);
const VIA_NAMES: &[&str] = &names::<_, { VIA.len() }>(VIA);

/// The fields of `source`.
pub(super) const SOURCE: &FieldTable =
    &FieldTable::of(&[required("repo", Word), required("commit", Word), optional("secret", SECRET)]);

/// The fields of `author` and `committer`.
pub(in crate::step) const AUTHOR: &FieldTable =
    &FieldTable::of(&[optional("name", Word), optional("email", Word)]);

/// The fields of `refresh`.
pub(super) const REFRESH: &FieldTable =
    &FieldTable::of(&[required("application", Word), optional("namespace", Word)]);

/// The kinds of target, in the order of docs/steps.md.
pub(super) const KINDS: &[&str] =
    &["helm", "image", "kustomize", "object", "container", "application", "setters"];

/// The fields of a target.
pub(super) const TARGET: &FieldTable = &FieldTable {
    fields: &[
        required("file", Word),
        optional("create", Bool),
        optional("shared", Bool),
        optional("helm", Pairs(1, &Word)),
        optional("image", Pairs(1, &Word)),
        optional("kustomize", Map(KUSTOMIZE)),
        optional("object", Map(OBJECT)),
        optional("container", Map(CONTAINER)),
        optional("application", Map(APPLICATION)),
        optional("setters", Pairs(1, &Word)),
    ],
    rules: &[FieldRule::OneOf(KINDS)],
};

/// The fields of `kustomize`.
pub(super) const KUSTOMIZE: &FieldTable = &FieldTable {
    fields: &[
        required("name", Word),
        optional("newName", Word),
        optional("newTag", Word),
        optional("digest", Word),
    ],
    rules: &[FieldRule::AnyOf(&["newName", "newTag", "digest"])],
};

/// The fields of `object`.
pub(super) const OBJECT: &FieldTable = &FieldTable::of(&[
    required("kind", Word),
    optional("name", Word),
    optional("namespace", Word),
    required("set", Pairs(1, &Word)),
]);

/// The fields of `container`.
pub(super) const CONTAINER: &FieldTable = &FieldTable {
    fields: &[
        optional("kind", Word),
        optional("name", Word),
        optional("namespace", Word),
        optional("container", Word),
        optional("runs", Word),
        optional("image", Word),
        optional("tag", Word),
        optional("digest", Word),
    ],
    rules: &[
        FieldRule::OneOf(&["container", "runs"]),
        FieldRule::AnyOf(&["kind", "runs"]),
        FieldRule::Needs("name", "kind"),
        FieldRule::AnyOf(&["image", "tag", "digest"]),
        FieldRule::NotBoth("image", "tag"),
        FieldRule::NotBoth("image", "digest"),
    ],
};

/// The fields of `application`.
pub(super) const APPLICATION: &FieldTable = &FieldTable {
    fields: &[
        optional("name", Word),
        optional("source", Any(&[Number(0, i64::MAX), Word, Map(APPLICATION_SOURCE)])),
        optional("parameters", Pairs(1, &Word)),
        optional("values", Pairs(1, &Word)),
    ],
    rules: &[FieldRule::AnyOf(&["parameters", "values"])],
};

/// The fields that can select one of several sources.
pub(super) const SOURCES: &[&str] = &["chart", "repoURL", "ref", "path", "name"];

/// The fields that select one of several sources.
pub(super) const APPLICATION_SOURCE: &FieldTable = &FieldTable {
    fields: &[
        optional("chart", Word),
        optional("repoURL", Word),
        optional("ref", Word),
        optional("path", Word),
        optional("name", Word),
    ],
    rules: &[FieldRule::OneOf(SOURCES)],
};
