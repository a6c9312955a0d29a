//! The findings on standard output: lines, one JSON object, or what mends them.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use serde_json::{Value, json};

use crate::check::{Finding, Severity};
use crate::text;

const NO_COMMAND: &str = "# There is no command for this: the line above says what to do.";

/// How the findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for each, as soon as it is known.
    Text,
    /// One JSON object at the end.
    Json,
    /// At the end, a shell script of what mends them.
    Fix,
}

/// The findings of a run.
pub(super) struct Report {
    form: Form,
    found: Vec<Finding>,
}

impl Report {
    pub(super) fn new(form: Form) -> Self {
        Self { form, found: Vec::new() }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.form == Form::Text {
            print(&line(&finding));
        }
        self.found.push(finding);
    }

    /// The number of findings of `severity`.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Prints what can only be printed at the end. The summary is for people, so it is not among the findings; `is_one` is
    /// for a run that looks at one thing.
    pub(super) fn end(&self, is_one: bool) {
        match self.form {
            Form::Text if is_one => {}
            Form::Text => {
                let counts =
                    Severity::ALL.map(|severity| format!("{} {}", self.count(severity), severity.word()));
                let _ = writeln!(stderr(), "{}", counts.join(", "));
            }
            Form::Json => print(&format!("{:#}", self.json())),
            Form::Fix => print(&self.script()),
        }
    }

    fn json(&self) -> Value {
        let findings: Vec<_> = self.found.iter().map(described).collect();
        let counts = Severity::ALL.map(|severity| (word(severity), json!(self.count(severity))));
        let mut report: serde_json::Map<String, Value> = counts.into_iter().collect();
        report.insert("findings".to_owned(), json!(findings));
        Value::Object(report)
    }

    /// The text of each finding, followed by the commands that mend it.
    fn script(&self) -> String {
        let wrong = self.found.iter().filter(|f| f.severity == Severity::Fail || f.fix.is_some());
        let parts: Vec<_> = wrong.map(mended).collect();
        match parts.is_empty() {
            true => "# nothing to mend".to_owned(),
            false => parts.join("\n\n"),
        }
    }
}

fn mended(finding: &Finding) -> String {
    let said = text::line(&finding.to_string());
    match &finding.fix {
        Some(commands) => format!("{}\n{}", noted(&said), text::lines(commands)),
        None => noted(&format!("{said}\n{NO_COMMAND}")),
    }
}

/// `lines` as text that no shell runs. A comment alone does not do: zsh, at whose prompt somebody may paste it, has none there, and
/// a finding quotes what tenants and servers write. No line here ends the text, because each begins with `#`.
fn noted(lines: &str) -> String {
    format!(": <<'FOUND'\n# {lines}\nFOUND")
}

fn described(finding: &Finding) -> Value {
    let [subject, text] = [&finding.subject, &finding.text].map(|said| text::line(said));
    json!({"severity": word(finding.severity), "subject": subject, "text": text, "fix": finding.fix})
}

fn word(severity: Severity) -> String {
    severity.word().to_lowercase()
}

/// A finding in one line, in colour on a terminal.
fn line(finding: &Finding) -> String {
    let line = text::line(&finding.to_string());
    let is_plain =
        !stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = match finding.severity {
        _ if is_plain => return line,
        Severity::Ok => "32",
        Severity::Warn => "33",
        Severity::Fail => "31",
        Severity::Skip => "36",
    };
    let word = finding.severity.word();
    let rest = line.strip_prefix(word).unwrap_or_default();
    format!("\x1b[{colour}m{word}\x1b[0m{rest}")
}

/// Prints to a terminal or a pipe. A closed output must not stop the checks.
fn print(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, text: &str, fix: Option<&str>) -> Finding {
        let (subject, text) = ("a".to_owned(), text.to_owned());
        Finding { severity, subject, text, fix: fix.map(str::to_owned) }
    }

    fn report() -> Report {
        let found = vec![
            finding(Severity::Ok, "fine", None),
            finding(Severity::Warn, "slow", Some("set it")),
            finding(Severity::Warn, "old", None),
            finding(Severity::Fail, "gone\nrm -rf ~", None),
        ];
        Report { form: Form::Text, found }
    }

    #[test]
    fn the_script_has_every_failure_and_what_has_a_command() {
        let expected = format!(
            ": <<'FOUND'\n# warn a: slow\nFOUND\nset it\n\n: <<'FOUND'\n# FAIL a: gone rm -rf ~\n{NO_COMMAND}\nFOUND"
        );
        assert_eq!(report().script(), expected);
        assert_eq!(Report::new(Form::Fix).script(), "# nothing to mend");
    }

    #[test]
    fn the_json_counts_and_lists() {
        let json = report().json();
        assert_eq!(
            (&json["ok"], &json["warn"], &json["fail"], &json["skip"]),
            (&json!(1), &json!(2), &json!(1), &json!(0))
        );
        let slow = json!({"severity": "warn", "subject": "a", "text": "slow", "fix": "set it"});
        assert_eq!(json["findings"][1], slow);
    }
}
