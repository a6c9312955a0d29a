//! The findings as text for people.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::Value;

use crate::lint::{Diagnostic, DiagnosticLevel, LintReport};
use crate::text;

/// The most characters of a line that are shown behind the place.
const BEHIND: usize = 200;

/// Prints every finding with its line, and a summary.
pub(super) fn findings(report: &LintReport, files: usize) {
    let mut shown = all(report, stdout().is_terminal());
    shown.push_str(&summary(report, files));
    // A closed output must not change the exit code.
    let _ = writeln!(stdout(), "{shown}");
}

/// Prints every finding with its line, and their number, on standard error.
pub(in crate::cli) fn mistakes(report: &LintReport) {
    let found = many(report.count(DiagnosticLevel::Error), "mistake");
    let _ = writeln!(stderr(), "{}{found}; nothing was written", all(report, stderr().is_terminal()));
}

fn all(report: &LintReport, is_terminal: bool) -> String {
    let is_plain = !is_terminal || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let renderer = if is_plain { Renderer::plain() } else { Renderer::styled() };
    report.findings.iter().map(|finding| format!("{}\n\n", rendered(finding, &renderer))).collect()
}

fn rendered(finding: &Diagnostic, renderer: &Renderer) -> String {
    let level = match finding.severity {
        DiagnosticLevel::Error => Level::ERROR,
        DiagnosticLevel::Warning => Level::WARNING,
    };
    let line = Line::of(finding);
    let span = line.span.clone();
    let snippet = Snippet::source(line.text)
        .line_start(finding.start.line)
        .path(text::line(&finding.file))
        .annotation(AnnotationKind::Primary.span(span));
    let mut group = level.primary_title(&finding.problem).id(finding.rule).element(snippet);
    if !finding.help.is_empty() {
        group = group.element(Level::HELP.message(&finding.help));
    }
    if !finding.object.is_empty() {
        group = group.element(Level::NOTE.message(format!("in {}", finding.object)));
    }
    renderer.render(&[group])
}

/// The line of a finding, safe for a terminal.
struct Line {
    text: String,
    /// The bytes of the place.
    span: Range<usize>,
}

impl Line {
    fn of(finding: &Diagnostic) -> Self {
        // Every character stays one, so that the place is right.
        let safe = |c: char| match text::line(c.encode_utf8(&mut [0; 4])).is_empty() || c.is_control() {
            true => ' ',
            false => c,
        };
        let end = finding.end.column - 1;
        let text: String = finding.line.chars().take(end + BEHIND).map(safe).collect();
        let at = |column: usize| text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
        let span = at(finding.start.column - 1)..at(end);
        Self { text, span }
    }
}

fn summary(report: &LintReport, files: usize) -> String {
    let (errors, warnings) = (report.count(DiagnosticLevel::Error), report.count(DiagnosticLevel::Warning));
    let checked = format!(
        "{} checked in {}, {} passed over",
        many(report.objects, "object"),
        many(files, "file"),
        many(report.passed_over, "document"),
    );
    match (errors, warnings) {
        (0, 0) => format!("nothing to correct: {checked}"),
        _ => format!("{}, {}: {checked}", many(errors, "error"), many(warnings, "warning")),
    }
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Prints JSON on standard output.
pub(in crate::cli) fn json(value: &Value) {
    print(&format!("{value:#}\n"));
}

/// Prints text on standard output. A closed output must not change the exit code.
pub(in crate::cli) fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}

/// Prints a warning on standard error.
pub(in crate::cli) fn warning(line: &str) {
    let _ = writeln!(stderr(), "warning: {}", text::line(line));
}

/// Prints a line on standard error.
pub(in crate::cli) fn error(line: &str) {
    let _ = writeln!(stderr(), "error: {}", text::line(line));
}
