//! Puts values in place of a template's parameters, as Argo does before it sends the template.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use serde_json::Value;

use crate::engine::Workflow;
use crate::step::hint;
use crate::templates;

/// How often a parameter's value may name another one. Argo substitutes twice.
const DEEPEST: usize = 3;

/// The values for one template.
pub(super) struct Parameters<'a> {
    /// Those of the command line.
    given: &'a [(String, String)],
    /// The template's own, with their values or defaults.
    inputs: BTreeMap<&'a str, Option<String>>,
    /// The workflow's.
    arguments: BTreeMap<&'a str, Option<String>>,
    workflow: &'a Workflow,
    /// The names that the template uses.
    used: BTreeSet<String>,
    missing: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

impl<'a> Parameters<'a> {
    /// The values for `template`, of the object with `spec`.
    pub(super) fn new(
        template: &'a Value,
        spec: Option<&'a Value>,
        given: &'a [(String, String)],
        workflow: &'a Workflow,
    ) -> Self {
        let arguments = spec.map(|spec| declared(&spec["arguments"])).unwrap_or_default();
        let (used, missing, unknown) = Default::default();
        Self { given, inputs: declared(&template["inputs"]), arguments, workflow, used, missing, unknown }
    }

    /// `value` with the values in all its texts and keys.
    pub(super) fn fill(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, 0)),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(map) => {
                map.iter().map(|(key, value)| (self.text(key, 0), self.fill(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// Refuses what could not be filled, and values that nothing uses.
    pub(super) fn checked(self) -> anyhow::Result<()> {
        if let Some(tag) = self.unknown.first() {
            bail!(
                "`{{{{{tag}}}}}` has no value here: `run` knows inputs.parameters, workflow.parameters, workflow.name, \
                 workflow.namespace and workflow.uid, and no expressions; write the value, or submit the workflow to Argo"
            );
        }
        if !self.missing.is_empty() {
            let names: Vec<_> = self.missing.iter().map(|name| format!("-p {name}=VALUE")).collect();
            bail!("parameters without a value or a default; give {}", names.join(" "));
        }
        let used = self.used.iter().map(String::as_str);
        let known: BTreeSet<&str> =
            self.inputs.keys().chain(self.arguments.keys()).copied().chain(used).collect();
        if let Some((name, _)) = self.given.iter().find(|(name, _)| !known.contains(name.as_str())) {
            let near = hint(name, known.iter().copied());
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.into_iter().collect::<Vec<_>>().join(", ")
            };
            bail!("-p {name}: there is no such parameter{near}; there are: {known}");
        }
        Ok(())
    }

    /// `text` with the value of each tag. What is behind a `{{` without an end stays.
    fn text(&mut self, text: &str, depth: usize) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((tag, after)) = after.split_once("}}") else { break };
            filled.push_str(before);
            filled.push_str(&self.tag(tag.trim(), depth));
            rest = after;
        }
        filled + rest
    }

    fn tag(&mut self, tag: &str, depth: usize) -> String {
        let Workflow { name, namespace, uid } = self.workflow;
        match tag {
            "workflow.name" => return name.clone(),
            "workflow.namespace" => return namespace.clone(),
            "workflow.uid" => return uid.clone(),
            _ => {}
        }
        if depth <= DEEPEST {
            if let Some(name) = tag.strip_prefix("inputs.parameters.") {
                return self.parameter(name, true, depth);
            }
            if let Some(name) = tag.strip_prefix("workflow.parameters.") {
                return self.parameter(name, false, depth);
            }
        }
        self.unknown.insert(tag.to_owned());
        String::new()
    }

    /// The value of a parameter. An input without one has that of the workflow's parameter of the same name, which a caller usually
    /// passes on.
    fn parameter(&mut self, name: &str, is_input: bool, depth: usize) -> String {
        self.used.insert(name.to_owned());
        if let Some((_, value)) = self.given.iter().rev().find(|(given, _)| given == name) {
            return value.clone();
        }
        let own = self.inputs.get(name).filter(|_| is_input).cloned().flatten();
        match own.or_else(|| self.arguments.get(name).cloned().flatten()) {
            Some(text) => self.text(&text, depth + 1),
            None => {
                self.missing.insert(name.to_owned());
                String::new()
            }
        }
    }
}

/// The parameters of `place`, with their values or defaults.
fn declared(place: &Value) -> BTreeMap<&str, Option<String>> {
    let all = templates::parameters(place);
    all.filter_map(|(_, parameter)| Some((parameter["name"].as_str()?, value_of(parameter)))).collect()
}

fn value_of(parameter: &Value) -> Option<String> {
    let is_set = |value: &&Value| !value.is_null();
    let value = parameter.get("value").filter(is_set).or_else(|| parameter.get("default").filter(is_set))?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
