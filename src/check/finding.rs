//! One line of the report.

use std::fmt;

use crate::redact::Redactor;

/// What the user has to do about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing.
    Ok,
    /// It works, but could be better.
    Warn,
    /// Steps fail or hang until it is repaired.
    Fail,
    /// The check could not be made.
    Skip,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What the user has to do.
    pub severity: Severity,
    /// The object that was checked.
    pub subject: String,
    /// What was found; except for [`Severity::Ok`], also what to do.
    pub text: String,
    /// Shell commands that mend it, if they are known exactly.
    pub fix: Option<String>,
}

impl Severity {
    /// All of them, from good to unknown.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warn, Self::Fail, Self::Skip];

    /// The word at the beginning of a line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skip => "skip",
        }
    }
}

impl Finding {
    pub(super) fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, subject: subject.into(), text: text.into(), fix: None }
    }

    pub(super) fn warn(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, ..Self::ok(subject, text) }
    }

    pub(super) fn fail(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Fail, ..Self::ok(subject, text) }
    }

    pub(super) fn skip(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Skip, ..Self::ok(subject, text) }
    }

    /// The same finding with the commands that mend it, if there is something to mend.
    pub(super) fn fixed_by(self, fix: Option<String>) -> Self {
        let is_wrong = matches!(self.severity, Severity::Warn | Severity::Fail);
        Self { fix: fix.filter(|_| is_wrong), ..self }
    }

    /// The same finding in one line, without any secret that was read.
    pub(super) fn clean(self, redactor: &Redactor) -> Self {
        let lines = self.text.lines().map(str::trim).filter(|line| !line.is_empty());
        let text = lines.collect::<Vec<_>>().join("; ");
        let fix = self.fix.as_deref().map(|fix| redactor.lines(fix));
        Self { text: redactor.clean(&text), fix, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4} {}: {}", self.severity.word(), self.subject, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_without_secrets() {
        let redactor = Redactor::default();
        redactor.remember(&"hunter2".into());
        let finding = Finding::fail("git https://x", "refused hunter2\n\n  twice").clean(&redactor);
        assert_eq!(finding.to_string(), "FAIL git https://x: refused ***; twice");
        assert_eq!(Finding::ok("a", "b").to_string(), "ok   a: b");
    }
}
