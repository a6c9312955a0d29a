//! The fields of a catalogue. The parser refuses what is not in these tables, and the room `schema` prints them.

use super::text::TextForm;
use crate::step::build::WHEN_NAMES;

/// The fields of a map, in the order of docs/catalogue.md.
#[derive(Debug)]
pub(crate) struct CatalogueTable {
    pub(crate) fields: &'static [CatalogueField],
}

/// A field of a map.
#[derive(Debug)]
pub(crate) struct CatalogueField {
    pub(crate) name: &'static str,
    /// Whether it must be there.
    pub(crate) required: bool,
    pub(crate) form: CatalogueForm,
}

/// What a value may be. Unlike in a step, no text is read as a value of another type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CatalogueForm {
    /// A text that is not empty.
    Text(TextForm),
    /// A text; the empty one is none.
    MaybeText(TextForm),
    /// `true` or `false`.
    Bool,
    /// A whole number from one to another.
    Number(i64, i64),
    /// One of a few names.
    Names(&'static [&'static str]),
    /// A list of at least some items.
    List(usize, &'static CatalogueForm),
    /// A map with any keys of the first form, to texts of the second, which may be empty.
    Pairs(TextForm, TextForm),
    /// A map with known keys.
    Map(&'static CatalogueTable),
    /// `true`, `false` or a map.
    BoolOrMap(&'static CatalogueTable),
    /// A Secret's name, or a map with its name and key.
    Secret,
    /// The targets of `update-manifest`.
    Targets,
}

use CatalogueForm::{Bool, BoolOrMap, List, Map, MaybeText, Names, Number, Pairs, Secret, Targets, Text};

const fn required(name: &'static str, form: CatalogueForm) -> CatalogueField {
    CatalogueField { name, required: true, form }
}

const fn optional(name: &'static str, form: CatalogueForm) -> CatalogueField {
    CatalogueField { name, required: false, form }
}

/// The top of a catalogue.
pub(crate) const CATALOGUE: &CatalogueTable = &CatalogueTable {
    fields: &[
        required("namespace", Text(TextForm::Label)),
        optional("name", Text(TextForm::ShortLabel)),
        optional("hook", Map(HOOK)),
        optional("sweep", Text(TextForm::Schedule)),
        optional("warm", Text(TextForm::Schedule)),
        optional("defaults", Map(DEFAULTS)),
        required("services", List(1, &Map(SERVICE))),
    ],
};

/// The sources of hooks.
pub(super) const SOURCES: &[&str] = &["gitea", "github", "webhook"];

const HOOK: &CatalogueTable = &CatalogueTable {
    fields: &[
        optional("source", Names(SOURCES)),
        optional("endpoint", Text(TextForm::Endpoint)),
        optional("port", Number(1, 65535)),
        optional("secret", Secret),
        optional("event-source", Text(TextForm::ObjectName)),
        optional("bots", List(0, &Text(TextForm::Account))),
        optional("service-account", Text(TextForm::ObjectName)),
    ],
};

/// A Secret with its key.
pub(crate) const SECRET: &CatalogueTable = &CatalogueTable {
    fields: &[required("name", Text(TextForm::ObjectName)), optional("key", Text(TextForm::SecretKey))],
};

const CACHE: &CatalogueTable = &CatalogueTable {
    fields: &[
        optional("registry", MaybeText(TextForm::Registry)),
        optional("name", MaybeText(TextForm::Path)),
        optional("insecure", Bool),
        optional("when", Names(WHEN_NAMES)),
    ],
};

const GITOPS: &CatalogueTable = &CatalogueTable {
    fields: &[
        optional("repo", Text(TextForm::Repo)),
        optional("branch", Text(TextForm::Branch)),
        optional("secret", MaybeText(TextForm::ObjectName)),
    ],
};

const PULL_REQUESTS: &CatalogueTable =
    &CatalogueTable { fields: &[required("template", Text(TextForm::ObjectName))] };

const PULL: &CatalogueTable = &CatalogueTable { fields: &[required("schedule", Text(TextForm::Schedule))] };

macro_rules! service_fields {
    ($($own:expr),*) => {
        &[
            $($own,)*
            optional("branches", List(0, &Text(TextForm::Pattern))),
            optional("tags", List(0, &Text(TextForm::Pattern))),
            optional("pull-requests", BoolOrMap(PULL_REQUESTS)),
            optional("subdir", MaybeText(TextForm::Path)),
            optional("paths", List(0, &Text(TextForm::Glob))),
            optional("paths-ignore", List(0, &Text(TextForm::Glob))),
            optional("dockerfile", Text(TextForm::Path)),
            optional("target", MaybeText(TextForm::Word)),
            optional("image", Text(TextForm::Image)),
            optional("insecure", Bool),
            optional("platforms", List(0, &Text(TextForm::Platform))),
            optional("build-args", Pairs(TextForm::Argument, TextForm::Line)),
            optional("cache", Map(CACHE)),
            optional("targets", Targets),
            optional("gitops", Map(GITOPS)),
            optional("git-secret", MaybeText(TextForm::ObjectName)),
            optional("registry-secret", MaybeText(TextForm::ObjectName)),
            optional("template", Text(TextForm::ObjectName)),
            optional("parameters", Pairs(TextForm::Parameter, TextForm::Lines)),
            optional("pull", BoolOrMap(PULL)),
        ]
    };
}

/// What a service takes from `defaults` if it says nothing else: every field but its name and its repository.
pub(super) const DEFAULTS: &CatalogueTable = &CatalogueTable { fields: service_fields!() };

const SERVICE: &CatalogueTable = &CatalogueTable {
    fields: service_fields!(
        required("name", Text(TextForm::Service)),
        required("repo", Text(TextForm::Repo))
    ),
};

impl CatalogueTable {
    /// The keys, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.fields.iter().map(|field| field.name)
    }
}
