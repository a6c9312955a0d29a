//! The catalogue of services: text in, types out, no I/O.
//!
//! `services.yaml` declares every service once. [`read`] finds all mistakes in it at once, each with its place. `form` is
//! the table of the fields, which the room [`schema`](crate::schema) prints too; `reader` holds a file against it. What
//! needs more than one field is in `checks` (names, images, repositories) and `builds` (templates and their parameters).

mod builds;
mod checks;
mod cron;
mod fields;
mod form;
mod full_name;
mod parameters;
mod pattern;
mod plain;
mod problem;
mod reader;
mod repository;
mod service;
mod targets;
mod template;
mod text;
mod types;

#[cfg(test)]
pub(crate) mod tests;

pub use builds::DOCKERFILE;
pub use pattern::NamePattern;
pub use problem::{CatalogueProblem, ProblemPlace};
pub use repository::Repository;
pub use template::{BadTemplates, KnownTemplates};
pub use types::{Build, Hook, HookSource, Service};

pub(crate) use form::{CATALOGUE, CatalogueForm, CatalogueTable, SECRET};
pub(crate) use reader::ITEMS;
pub(crate) use text::TextForm;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::EditError;
use crate::manifest::documents;
use reader::FormReader;

/// A valid catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// What the names of the rendered objects begin with.
    pub name: String,
    /// The namespace of the workflows.
    pub namespace: String,
    /// Where pushes are announced. `None` if all services are in pull mode.
    pub hook: Option<Hook>,
    /// The schedule of the sweep, which builds what no hook announced.
    pub sweep: String,
    /// The schedule on which buildkitd pulls the images of all Dockerfiles. `None` if it does not.
    pub warm: Option<String>,
    /// The services, in the order of the file.
    pub services: Vec<Service>,
}

/// The keys at the top of a catalogue, one of which a file has that is meant as one.
const OWN_KEYS: [&str; 5] = ["hook", "namespace", "defaults", "sweep", "name"];

/// Whether a document is meant as a catalogue: it has `services`, and is neither an object of Kubernetes nor a file of
/// Docker Compose, where `services` is a map.
pub fn is_catalogue(document: &Value) -> bool {
    let has = |key: &str| document.get(key).is_some();
    let is_object = has("apiVersion") || has("kind");
    let is_list = document["services"].is_array();
    !is_object && (is_list || has("services") && OWN_KEYS[..3].iter().any(|key| has(key)))
}

/// Reads the catalogue in a file's text, which is its only document.
///
/// # Errors
///
/// All mistakes, in the order of the file's fields. If the text is no YAML, the first one alone.
pub fn parse(bytes: &[u8], templates: &KnownTemplates) -> Result<Catalogue, Vec<CatalogueProblem>> {
    let (_, documents) = documents::documents(bytes).map_err(|error| vec![unreadable(&error)])?;
    let mut documents = documents.into_iter().filter(|document| !document.value.is_null());
    let first = documents.next().map_or(Value::Null, |document| document.value);
    let mut problems: Vec<_> = documents.next().map(|_| CatalogueProblem::several()).into_iter().collect();
    let found = read(&first, templates);
    problems.extend(found.as_ref().err().into_iter().flatten().cloned());
    match (found, problems.is_empty()) {
        (Ok(catalogue), true) => Ok(catalogue),
        _ => Err(problems),
    }
}

fn unreadable(error: &EditError) -> CatalogueProblem {
    CatalogueProblem::at("", format!("the file is no YAML: {error}"), "")
}

/// Reads a catalogue from its document.
///
/// # Errors
///
/// All mistakes, in the order of the fields, and then those that two services make together.
pub fn read(document: &Value, templates: &KnownTemplates) -> Result<Catalogue, Vec<CatalogueProblem>> {
    let mut reader = FormReader::default();
    reader.map(document, "", CATALOGUE);
    let mut problems = reader.problems;
    let refused: Vec<_> = problems.iter().map(|problem| problem.pointer.clone()).collect();
    let services = service::services(document, templates, &refused, &mut problems);
    let hook = service::hook(document);
    checks::services(&services, &mut problems);
    checks::hook(document, hook.as_ref(), &services, &mut problems);
    match problems.is_empty() {
        true => Ok(Catalogue {
            name: fields::text(&document["name"]).unwrap_or("services").to_owned(),
            namespace: fields::text(&document["namespace"]).unwrap_or_default().to_owned(),
            hook,
            sweep: fields::text(&document["sweep"]).unwrap_or("*/10 * * * *").to_owned(),
            warm: fields::text(&document["warm"]).map(str::to_owned),
            services: services.into_iter().filter_map(|placed| placed.service).collect(),
        }),
        false => Err(problems),
    }
}

impl Catalogue {
    /// The repositories of the services, in the order of their slugs.
    pub fn repositories(&self) -> Vec<Repository<'_>> {
        repository::of(&self.name, &self.services)
    }

    /// The services in pull mode, by schedule.
    pub fn pulled(&self) -> BTreeMap<&str, Vec<&Service>> {
        let mut pulled: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for service in &self.services {
            if let Some(schedule) = &service.pull {
                pulled.entry(schedule.as_str()).or_default().push(service);
            }
        }
        pulled
    }
}
