//! Mistakes in templates that Argo handles badly: a `plugin:` that crashes its controller, a `{{` without an end, and fields
//! that it ignores for plugin nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use super::api_login::unread;
use super::user_objects::{UserObject, UserObjects};
use crate::kube::ReadError;
use crate::templates::{self, OURS, children, is_open, is_ours};
use crate::text;

/// The most templates that a finding names.
const NAMED: usize = 5;

/// The effect of a parameter whose braces are not closed (argo-workflows `workflow/controller`, `setExecWorkflow`).
pub(super) const UNCLOSED: &str = "has a `{{` without a `}}`, which Argo takes for the beginning of a reference. Where the \
     workflow's own parameter has it, the workflow is never begun and the controller's log alone says why (`Unable to set \
     ExecWorkflow`), else its node ends with `Cannot find end tag`; close it, or leave it out";

impl UserObjects {
    /// The findings about templates. Empty if there is no mistake.
    pub(super) fn forms(&self) -> Vec<Finding> {
        let every =
            |of: &dyn Fn(&UserObject) -> Vec<String>| self.objects.iter().flat_map(of).collect::<Vec<_>>();
        let mut found = Vec::new();
        let mut unreadable = self.unread.iter().chain(&self.unread_workflows);
        let forbidden = unreadable.find(|error| matches!(error, ReadError::Forbidden(_)));
        found.extend(forbidden.map(|error| unread("templates and workflows", error)));
        found.extend(named(&every(&|object| misshapen(object))).map(|all| {
            Finding::fail(
                "form of plugin",
                format!(
                    "{all}: a template's `plugin` has to hold one key with a value. With a key without one Argo's controller \
                     crashes, and again at every start, so that no workflow moves; mostly what belongs to `{OURS}` is not \
                     indented. Correct the object (kubectl edit), or delete it; the policy in deploy/components/argo-settings \
                     refuses the next one"
                ),
            )
        }));
        let open = named(&every(&|object| unclosed(object)));
        found.extend(open.map(|all| Finding::fail("braces in parameters", format!("{all} {UNCLOSED}"))));
        let ours = self.with_plugin();
        found.extend(named(&every(&|object| ignored(object, &ours))).map(|all| {
            Finding::warn(
                "fields without effect",
                format!(
                    "{all}: Argo does not heed these for plugin nodes; docs/steps.md says what does the same (\"What Argo ignores\")"
                ),
            )
        }));
        found
    }

    /// The templates with our plugin, by object and template.
    fn with_plugin(&self) -> BTreeSet<(&str, &str)> {
        let all = self.objects.iter().flat_map(|object| {
            object.templates().into_iter().map(move |(name, template)| (object.name.as_str(), name, template))
        });
        all.filter(|(.., template)| is_ours(template)).map(|(object, name, _)| (object, name)).collect()
    }
}

/// The first names, and the number of the others.
fn named(all: &[String]) -> Option<String> {
    (!all.is_empty()).then(|| text::first(all, NAMED))
}

/// Templates whose `plugin` is not a map of one key with a value.
fn misshapen(object: &UserObject) -> Vec<String> {
    let flaw = |(name, template): (&str, &Value)| {
        let what = templates::misshapen(template)?;
        Some(format!("{} (template {name}: {what} under `plugin`)", object.place()))
    };
    object.templates().into_iter().filter_map(flaw).collect()
}

/// Parameters with a `{{` that has no `}}`.
pub(super) fn unclosed(object: &UserObject) -> Vec<String> {
    let arguments = parameters(&object.spec["arguments"]);
    let within = object.templates().into_iter().flat_map(|(_, template)| {
        let passed = children(template).flat_map(|(_, child)| parameters(&child["arguments"]));
        parameters(&template["inputs"]).chain(passed)
    });
    let open = arguments.chain(within).filter(|(_, text)| is_open(text));
    let names: BTreeSet<_> = open.map(|(name, _)| name).collect();
    names.into_iter().map(|name| format!("{} (parameter {name})", object.place())).collect()
}

/// Names of parameters with their values or defaults.
fn parameters(place: &Value) -> impl Iterator<Item = (&str, &str)> {
    templates::parameters(place).flat_map(|(_, parameter)| {
        let name = parameter["name"].as_str().unwrap_or_default();
        let texts = ["value", "default"].into_iter().filter_map(|key| parameter[key].as_str());
        texts.map(move |text| (name, text))
    })
}

/// Fields that have no effect in templates with our plugin.
fn ignored(object: &UserObject, ours: &BTreeSet<(&str, &str)>) -> Vec<String> {
    let mut fields = BTreeSet::new();
    let runs_ours = |template: &Value| {
        templates::runs_ours(template, |place, name| ours.contains(&(place.unwrap_or(&object.name), name)))
    };
    for (name, template) in object.templates() {
        let found = templates::without_effect(template, runs_ours(template)).into_iter();
        let field = |pointer: &'static str| pointer.rsplit('/').next().unwrap_or(pointer);
        fields.extend(found.map(|pointer| format!("{} of template {name}", field(pointer))));
    }
    let reference = object.spec["workflowTemplateRef"]["name"].as_str().unwrap_or(&object.name);
    let has_ours = ours.iter().any(|(place, _)| *place == reference)
        || object.templates().iter().any(|(_, template)| runs_ours(template));
    if !object.spec["parallelism"].is_null() && has_ours {
        fields.insert("parallelism of the workflow".to_owned());
    }
    fields.into_iter().map(|field| format!("{} ({field})", object.place())).collect()
}

#[cfg(test)]
mod tests;
