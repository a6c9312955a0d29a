//! The findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::lint::{Diagnostic, LintReport, LintRule, RULES};

/// What a path in a URI reference does not escape (RFC 3986, section 3.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The log with one run.
pub(super) fn report(report: &LintReport) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "argo-buildkit lint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": report.findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(rule: &LintRule) -> Value {
    json!({"id": rule.name, "shortDescription": {"text": rule.summary}})
}

fn result(finding: &Diagnostic) -> Value {
    let help = if finding.help.is_empty() { String::new() } else { format!("; {}", finding.help) };
    json!({
        "ruleId": finding.rule,
        "ruleIndex": RULES.iter().position(|rule| rule.name == finding.rule),
        "level": finding.severity.name(),
        "message": {"text": format!("{}{help}", finding.problem)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": utf8_percent_encode(&finding.file, PATH).to_string()},
            "region": {
                "startLine": finding.start.line,
                "startColumn": finding.start.column,
                "endLine": finding.end.line,
                "endColumn": finding.end.column,
            },
        }}],
    })
}
