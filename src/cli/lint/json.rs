//! The findings as JSON.

use serde_json::{Value, json};

use crate::lint::{Diagnostic, DiagnosticLevel, LintReport};

/// The report: the findings, and what was checked.
pub(super) fn report(report: &LintReport, files: usize) -> Value {
    json!({
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "errors": report.count(DiagnosticLevel::Error),
        "warnings": report.count(DiagnosticLevel::Warning),
        "files": files,
        "objects": report.objects,
        "passed_over": report.passed_over,
    })
}

fn finding(finding: &Diagnostic) -> Value {
    json!({
        "file": finding.file,
        "line": finding.start.line,
        "column": finding.start.column,
        "end_line": finding.end.line,
        "end_column": finding.end.column,
        "severity": finding.severity.name(),
        "rule": finding.rule,
        "object": finding.object,
        "problem": finding.problem,
        "help": finding.help,
    })
}
