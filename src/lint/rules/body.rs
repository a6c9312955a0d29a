//! The steps of the plugin: their bodies, time limits and declared outputs.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::finding::{At, DiagnosticLevel, RuleMatch, split};
use super::super::objects::{ArgoObject, Given};
use super::super::sample::{Judged, judge};
use super::super::scope::KnownParameters;
use crate::argo::{TIMEOUT, Template};
use crate::templates::{Placed, is_ours, misshapen, parameters};

/// A template with our plugin alone, and what the parser says of its step.
pub(in crate::lint) struct JudgedStep<'a> {
    object: &'a ArgoObject<'a>,
    placed: Placed<'a>,
    scope: KnownParameters,
    judged: Judged,
}

/// The JSON pointer of a step in its template.
const BODY: &str = "/plugin/buildkit";

/// The steps of the plugin in all objects.
pub(in crate::lint) fn judged_steps<'a>(given: &'a Given<'a>) -> Vec<JudgedStep<'a>> {
    let judged = given.objects.iter().flat_map(move |object| {
        let ours = object.templates().into_iter();
        let ours = ours.filter(|placed| is_ours(placed.template) && misshapen(placed.template).is_none());
        ours.filter_map(move |placed| {
            let scope = KnownParameters::of(given, object, placed.template);
            let judged = judge(placed.template.pointer(BODY)?, &scope);
            Some(JudgedStep { object, placed, scope, judged })
        })
    });
    judged.collect()
}

impl<'a> JudgedStep<'a> {
    /// Whether the names of entries, which are part of the names of outputs, are all written out.
    fn names_are_known(&self) -> bool {
        let entries = self.placed.template.pointer("/plugin/buildkit/steps").and_then(Value::as_array);
        let is_open = |entry: &Value| entry["name"].as_str().is_some_and(|name| name.contains("{{"));
        !entries.into_iter().flatten().any(is_open)
    }

    fn found(&self, pointer: &str, at: At, problem: String, help: String) -> RuleMatch<'a> {
        let template = self.placed.name.to_owned();
        let pointer = format!("{}{pointer}", self.placed.pointer);
        RuleMatch {
            object: self.object,
            template,
            pointer,
            at,
            severity: DiagnosticLevel::Error,
            problem,
            help,
        }
    }
}

/// What the parser refuses.
pub(super) fn steps<'a>(steps: &[JudgedStep<'a>], found: &mut Vec<RuleMatch<'a>>) {
    for ours in steps {
        for (pointer, wrong) in &ours.judged.wrong {
            let is_name = wrong.problem.starts_with("unknown");
            let at = if is_name { At::Key } else { At::Value };
            let pointer = format!("{BODY}{pointer}");
            let written = ours.placed.template.pointer(&pointer).and_then(Value::as_str);
            let (problem, mut help) = split(&wrong.to_string());
            if help.is_empty() && written.is_some_and(|text| text.contains("{{")) {
                help = "that is what its parameter declares".to_owned();
            }
            found.push(ours.found(&pointer, at, problem, help));
        }
    }
}

/// Outputs that are declared and not made.
pub(super) fn outputs<'a>(steps: &[JudgedStep<'a>], found: &mut Vec<RuleMatch<'a>>) {
    for ours in steps {
        let Some(step) = ours.judged.step.as_ref().filter(|_| ours.names_are_known()) else { continue };
        for (pointer, parameter) in parameters(&ours.placed.template["outputs"]) {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let Err(wrong) = step.check_declared(&[name]) else { continue };
            let (problem, help) = split(&wrong.to_string());
            let help = match help.as_str() {
                "" => help,
                help => format!("{help}; an output that never comes lets the workflow hang"),
            };
            found.push(ours.found(&format!("/outputs{pointer}/name"), At::Value, problem, help));
        }
    }
}

/// Time limits that the plugin refuses.
pub(super) fn limits<'a>(steps: &[JudgedStep<'a>], found: &mut Vec<RuleMatch<'a>>) {
    let body = json!({"supersede": {}});
    for ours in steps {
        for pointer in ["/timeout", TIMEOUT, "/activeDeadlineSeconds"] {
            let Some(value) = ours.placed.template.pointer(pointer) else { continue };
            let value = match value {
                Value::String(text) => {
                    let parts: Option<Vec<_>> = ours.scope.fill(text).into_iter().collect();
                    let Some(parts) = parts else { continue };
                    Value::from(parts.concat())
                }
                other => other.clone(),
            };
            let Err(wrong) = Template::with_limit(pointer, value).timed_step(&body, Duration::from_secs(1))
            else {
                continue;
            };
            let (problem, help) = split(&wrong);
            found.push(ours.found(pointer, At::Value, problem, help));
        }
    }
}
