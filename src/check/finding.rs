//! One line of the report.

use std::fmt;

use crate::redact::Redactor;

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Ok,
    /// It works, and could be better.
    Warn,
    /// Mend it: steps fail or hang because of it.
    Fail,
    /// It could not be looked at.
    Skip,
}

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is to be done.
    pub verdict: Verdict,
    /// What was looked at.
    pub subject: String,
    /// What there is; for all but [`Verdict::Ok`], what to do.
    pub text: String,
}

impl Finding {
    pub(super) fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, subject: subject.into(), text: text.into() }
    }

    pub(super) fn warn(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, ..Self::ok(subject, text) }
    }

    pub(super) fn fail(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::ok(subject, text) }
    }

    pub(super) fn skip(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skip, ..Self::ok(subject, text) }
    }

    /// The same in one line, without any secret that was read.
    pub(super) fn clean(self, redactor: &Redactor) -> Self {
        let lines = self.text.lines().map(str::trim).filter(|line| !line.is_empty());
        let text = lines.collect::<Vec<_>>().join("; ");
        Self { text: redactor.clean(&text), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
            Verdict::Skip => "skip",
        };
        write!(f, "{verdict:<4} {}: {}", self.subject, self.text)
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
