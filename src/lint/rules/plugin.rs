//! The form of `plugin`.

use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::Given;
use crate::templates::{OURS, misshapen as flaw};

/// Templates whose `plugin` is not a map of one key with a value.
pub(super) fn misshapen<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in &given.objects {
        for placed in object.templates() {
            let Some(what) = flaw(placed.template) else { continue };
            found.push(RuleMatch {
                object,
                template: placed.name.to_owned(),
                pointer: format!("{}/plugin", placed.pointer),
                at: At::Key,
                severity: DiagnosticLevel::Error,
                help: help(&what),
                problem: format!("`plugin` has to hold one key with a value; it holds {what}"),
            });
        }
    }
}

fn help(what: &str) -> String {
    if what.contains("without a value") {
        return format!(
            "Argo's controller crashes on it, and again at every start; mostly what belongs to `{OURS}` is not indented"
        );
    }
    "Argo runs one plugin for each template; write a template for each".to_owned()
}
