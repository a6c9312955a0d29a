//! The fields and outputs of `sync`.

use super::WorkloadKind;
use super::revert::ON_DEGRADED;
use crate::step::form::ValueForm::{Any, Bool, List, Map, Names, Word, Words};
use crate::step::form::{self, FieldRule, SECRET, SECRET_KEY, optional, required};
use crate::step::spec::{Output, Spec, sample};
use crate::step::update_manifest::AUTHOR;
use crate::step::{FieldTable, ValueForm};

pub(in crate::step) const SPEC: Spec = Spec { name: "sync", form: Map(SYNC), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
pub(super) const SYNC: &FieldTable = &FieldTable {
    fields: &[
        optional("enabled", Bool),
        optional("applications", Words(&ONE)),
        optional("workloads", List(0, &Map(WORKLOAD))),
        optional("commit", Word),
        optional("images", Words(&Word)),
        optional("repo", Word),
        optional("secret", SECRET),
        optional("superseded-by", Word),
        optional("start-sync", Bool),
        optional("stop-older-sync", Bool),
        optional("stuck-after", Word),
        optional("on-degraded", Names(ON_DEGRADED_NAMES)),
        optional("branch", Word),
        optional("author", Map(AUTHOR)),
        optional("committer", Map(AUTHOR)),
        optional("signing-key", SECRET_KEY),
    ],
    rules: &[FieldRule::AnyUnlessOff(&["applications", "workloads"], "enabled")],
};

const ON_DEGRADED_NAMES: &[&str] = &form::names::<_, { ON_DEGRADED.len() }>(ON_DEGRADED);

/// An Application: a map, or its name.
const ONE: ValueForm = Any(&[Word, Map(APPLICATION)]);
pub(super) const APPLICATION: &FieldTable = &FieldTable {
    fields: &[
        optional("name", Word),
        optional("labels", Word),
        optional("namespace", Word),
        optional("images", Words(&Word)),
    ],
    rules: &[FieldRule::OneOf(&["name", "labels"])],
};

pub(super) const WORKLOAD: &FieldTable = &FieldTable::of(&[
    required("kind", Names(&KIND_NAMES)),
    required("name", Word),
    optional("namespace", Word),
    optional("images", Words(&Word)),
]);

pub(super) const KINDS: [(&str, WorkloadKind); 4] = [
    ("Deployment", WorkloadKind::Deployment),
    ("StatefulSet", WorkloadKind::StatefulSet),
    ("DaemonSet", WorkloadKind::DaemonSet),
    ("Rollout", WorkloadKind::Rollout),
];
const KIND_NAMES: [&str; 4] = form::names(&KINDS);

/// `outcome` is `healthy` or `superseded`; for a step that failed, `failed` or `reverted`. `deployed` is the revision of the first Application,
/// `newer` the commit that has superseded ours, and `reverted-by` the one that took it back. `waited` counts seconds, and `applications` is a JSON list of names. Outputs of
/// other kinds have other names, so that a node with a build and a commit keeps its own.
const OUTPUTS: &[Output] = &[
    Output::ours("outcome", "healthy"),
    Output::ours("deployed", sample::COMMIT),
    Output::ours("health", "Healthy"),
    Output::ours("newer", sample::COMMIT),
    Output::ours("reverted-by", sample::COMMIT),
    Output::ours("waited", "4"),
    Output::ours("applications", "[]"),
    Output::text("remarks"),
];
