//! What the kinds that submit Workflows share: which pushes concern a service, and the Workflow that builds it.

use std::collections::BTreeMap;

use super::InvalidStep;
use super::form::ValueForm::{Map, Maybe, Pairs, Text, Word, Words};
use super::form::{FieldForm, FieldTable, optional, required};
use super::names::is_object_name;
use super::node::{Fields, Node};
use crate::selection::{LONGEST_SERVICE, PathFilter, RefFilter, Rule, is_service_name};

/// The longest name of a parameter.
const LONGEST_PARAMETER: usize = 63;

/// The Workflow that builds a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowCall {
    /// The WorkflowTemplate in the namespace of the step's own workflow.
    pub template: String,
    /// Its arguments, besides those that the push decides.
    pub parameters: BTreeMap<String, String>,
}

/// The fields of `workflow`.
pub(super) const WORKFLOW: &FieldTable =
    &FieldTable::of(&[required("template", Word), optional("parameters", Pairs(0, &Text))]);

pub(super) const NAME: FieldForm = required("name", Word);
pub(super) const BRANCHES: FieldForm = optional("branches", Words(&Maybe(&Word)));
pub(super) const TAGS: FieldForm = optional("tags", Words(&Maybe(&Word)));
pub(super) const PATHS: FieldForm = optional("paths", Words(&Maybe(&Word)));
pub(super) const PATHS_IGNORE: FieldForm = optional("paths-ignore", Words(&Maybe(&Word)));
pub(super) const WORKFLOW_FIELD: FieldForm = optional("workflow", Map(WORKFLOW));

impl WorkflowCall {
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(WORKFLOW)?;
        let template = fields.required("template")?.checked(template)?;
        let parameters = match fields.optional("parameters") {
            Some(node) => parameters(node)?,
            None => BTreeMap::new(),
        };
        Ok(Self { template, parameters })
    }
}

fn parameters(node: Node<'_>) -> Result<BTreeMap<String, String>, InvalidStep> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let here = node.clone();
    let parameters = node.texts()?;
    match parameters.keys().find(|name| name.len() > LONGEST_PARAMETER || !name.bytes().all(allowed)) {
        Some(odd) => Err(here.refuse(format!(
            "{} is no name of a parameter (letters, digits, `-` and `_`)",
            super::quoted(odd)
        ))),
        None => Ok(parameters),
    }
}

fn template(name: &str) -> Result<String, String> {
    match is_object_name(name) {
        true => Ok(name.to_owned()),
        false => Err("is no name of a WorkflowTemplate (lower-case letters, digits, `-` and `.`)".into()),
    }
}

/// Reads the name of a service.
pub(super) fn name(node: Node<'_>) -> Result<String, InvalidStep> {
    node.checked(|name| match is_service_name(name) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "is no name of a service: at most {LONGEST_SERVICE} lower-case letters, digits and `-`, a letter first"
        )),
    })
}

/// Reads `branches`, `tags`, `paths` and `paths-ignore`, as far as `fields` has them.
pub(super) fn rule(fields: &mut Fields<'_>) -> Result<Rule, InvalidStep> {
    let (branches, tags) = (words(fields, "branches")?, words(fields, "tags")?);
    let field = if RefFilter::new(&branches, &[]).is_ok() { "tags" } else { "branches" };
    let refs = RefFilter::new(&branches, &tags).map_err(|bad| fields.refuse(field, bad))?;
    let (paths, ignored) = (words(fields, "paths")?, words(fields, "paths-ignore")?);
    let field = if PathFilter::new(&paths, &[]).is_ok() { "paths-ignore" } else { "paths" };
    let paths = PathFilter::new(&paths, &ignored).map_err(|bad| fields.refuse(field, bad))?;
    Ok(Rule { refs, paths })
}

/// The words of a field; empty ones count as absent.
fn words(fields: &mut Fields<'_>, name: &str) -> Result<Vec<String>, InvalidStep> {
    let Some(node) = fields.optional(name) else { return Ok(Vec::new()) };
    node.words()?.into_iter().filter(|word| !word.is_absent()).map(Node::word).collect()
}
