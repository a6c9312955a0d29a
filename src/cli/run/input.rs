//! The file of `run`: a step, a template, or an object of Argo with templates.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::argo::Template;
use crate::engine::Workflow;
use crate::templates::{self, KINDS, OURS};

/// The name of standard input.
const STDIN: &str = "-";

/// The fields of a template that count here. The others are for Argo.
const PARTS: [&str; 5] = ["plugin", "timeout", "activeDeadlineSeconds", "metadata", "outputs"];

/// A template of the file.
struct Found<'a> {
    name: &'a str,
    template: &'a Value,
    /// The spec of the object that it is in.
    spec: Option<&'a Value>,
}

/// What to take from the file.
pub(super) struct Wanted<'a> {
    /// The name of the template.
    pub(super) template: Option<&'a str>,
    /// The values of its parameters.
    pub(super) parameters: &'a [(String, String)],
    pub(super) workflow: &'a Workflow,
}

/// The name of `file` in messages.
pub(super) fn shown(file: &Path) -> String {
    if file.as_os_str() == STDIN { "standard input".to_owned() } else { file.display().to_string() }
}

/// Reads the template from `file`, and fills its parameters.
pub(super) fn read(file: &Path, wanted: &Wanted<'_>) -> anyhow::Result<Template> {
    let text = text(file).with_context(|| format!("reading {}", shown(file)))?;
    let documents = serde_saphyr::from_multiple::<Value>(&text);
    let documents = documents.with_context(|| format!("{} is not YAML", shown(file)))?;
    template(&documents, wanted).with_context(|| shown(file))
}

fn text(file: &Path) -> std::io::Result<String> {
    if file.as_os_str() != STDIN {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn template(documents: &[Value], wanted: &Wanted<'_>) -> anyhow::Result<Template> {
    let found: Vec<_> = documents.iter().flat_map(found).collect();
    let Found { template, spec, .. } = choose(&found, wanted.template)?;
    let mut parameters = Parameters::new(template, *spec, wanted.parameters, wanted.workflow);
    let mut filled = json!({});
    if template.pointer("/plugin/buildkit").is_some() {
        for part in PARTS {
            filled[part] = template.get(part).map_or(Value::Null, |value| match part {
                // Not Argo's references to the outputs of other nodes.
                "outputs" => value.clone(),
                "metadata" => limit_of(value, &mut parameters),
                _ => parameters.fill(value),
            });
        }
    } else {
        let step = template.get(OURS).unwrap_or(template);
        filled["plugin"] = json!({OURS: parameters.fill(step)});
    }
    parameters.checked()?;
    Ok(Template(filled))
}

/// The annotation with the time limit. The other annotations and labels are for Argo.
fn limit_of(metadata: &Value, parameters: &mut Parameters<'_>) -> Value {
    let name = "argo-buildkit.io/timeout";
    json!({"annotations": {name: parameters.fill(&metadata["annotations"][name])}})
}

/// The templates of a document that have a step of this plugin. A document that is no object of Kubernetes is one, unless
/// it is empty.
fn found(document: &Value) -> Vec<Found<'_>> {
    let kind = document["kind"].as_str().unwrap_or_default();
    if let Some((_, path)) = KINDS.iter().find(|(known, _)| *known == kind) {
        let Some(spec) = document.pointer(path) else { return Vec::new() };
        let all = templates::of_spec(spec).into_iter();
        let ours = all.filter(|placed| templates::is_ours(placed.template));
        return ours
            .map(|placed| Found { name: placed.name, template: placed.template, spec: Some(spec) })
            .collect();
    }
    let name = document["name"].as_str().unwrap_or_default();
    let is_other = document.is_null() || document.get("apiVersion").is_some();
    if is_other { Vec::new() } else { vec![Found { name, template: document, spec: None }] }
}

fn choose<'a, 'b>(found: &'b [Found<'a>], wanted: Option<&str>) -> anyhow::Result<&'b Found<'a>> {
    let name = |found: &Found<'_>| match found.name {
        "" => "one without a name".to_owned(),
        name => format!("`{name}`"),
    };
    let names: Vec<_> = found.iter().map(name).collect();
    let names = names.join(", ");
    match (found, wanted) {
        ([], _) => bail!("there is no template with `plugin.{OURS}`; name a file with one, or with a step"),
        (_, Some(name)) => found
            .iter()
            .find(|found| found.name == name)
            .with_context(|| format!("there is no template `{name}` with a step; there are: {names}")),
        ([only], None) => Ok(only),
        (_, None) => bail!("several templates have a step; name one with --template: {names}"),
    }
}

#[cfg(test)]
mod tests;
