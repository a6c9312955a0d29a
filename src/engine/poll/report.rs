//! The outcome of a run: what was submitted, skipped and failed, and the node's message.

use serde_json::{Value, json};

use super::super::sanitize::{LONGEST, list_that_fits, without_expressions};
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::text;

/// The most bytes of a reason in an output.
const REASON: usize = 500;
/// The most bytes of a ref in an output.
const REF: usize = 300;
/// How many names and failures the message shows.
const SHOWN: usize = 3;

/// What one run has done so far. Of each list, as much is kept as fits an output.
#[derive(Debug, Default)]
pub(super) struct Report {
    submitted: Kept,
    skipped: Kept,
    up_to_date: Kept,
    failed: Kept,
    /// The failures that the message shows.
    shown: Vec<String>,
    /// The fault of the whole run. The fault of a server outweighs that of a user, because the next run may succeed.
    fault: Option<Fault>,
}

/// The first items of a list, as JSON, and their number.
#[derive(Debug, Default)]
struct Kept {
    items: Vec<Value>,
    bytes: usize,
    count: usize,
}

/// One service, and the ref that a reason is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) service: &'a str,
    /// The full name; empty if the reason is about the whole service.
    pub(super) git_ref: &'a str,
}

impl Kept {
    fn add(&mut self, item: Value) {
        self.count += 1;
        let bytes = item.to_string().len() + 1;
        if self.bytes + bytes < LONGEST {
            self.bytes += bytes;
            self.items.push(item);
        }
    }

    /// Sorts the items by what they are about, because services end in any order.
    fn sort(&mut self) {
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        self.items.sort_by_cached_key(|item| match item {
            Value::String(name) => (name.clone(), String::new()),
            item => (text(item, "service"), text(item, "ref")),
        });
    }

    /// The list as JSON, cut by whole items. The items of `more` follow.
    fn json(self, more: Kept) -> String {
        list_that_fits(self.items.into_iter().chain(more.items))
    }
}

impl Report {
    pub(super) fn submitted(&mut self, name: &str) {
        self.submitted.add(json!(name));
    }

    /// The image of a ref is there.
    pub(super) fn up_to_date(&mut self, about: About<'_>, reason: &str) {
        self.up_to_date.add(about.because(reason));
    }

    pub(super) fn skipped(&mut self, about: About<'_>, reason: &str) {
        self.skipped.add(about.because(reason));
    }

    pub(super) fn failed(&mut self, about: About<'_>, fault: Fault, reason: &str) {
        self.failed.add(about.because(reason));
        if self.shown.len() < SHOWN {
            self.shown.push(format!("{}: {}", about.service, plain(reason, REASON)));
        }
        let weight = |fault: Fault| match fault {
            Fault::User => 0,
            Fault::Transient => 1,
            Fault::Ours => 2,
        };
        self.fault = self.fault.into_iter().chain([fault]).max_by_key(|fault| weight(*fault));
    }

    /// How many there are of each result, under its name in metrics.
    pub(super) fn results(&self) -> [(&'static str, usize); 4] {
        [
            ("submitted", self.submitted.count),
            ("up-to-date", self.up_to_date.count),
            ("skipped", self.skipped.count),
            ("failed", self.failed.count),
        ]
    }

    /// `3 submitted, 195 up to date, 2 skipped, 1 failed`.
    pub(super) fn counts(&self) -> String {
        let told = self.results().into_iter().filter(|(_, count)| *count > 0);
        let told: Vec<_> = told.map(|(what, count)| format!("{count} {}", what.replace('-', " "))).collect();
        if told.is_empty() { "nothing yet".to_owned() } else { told.join(", ") }
    }

    /// The outcome of the step. `nothing` is its message if there was nothing to do.
    pub(super) fn ended(mut self, nothing: &str) -> Result<Success, StepError> {
        for kept in [&mut self.submitted, &mut self.skipped, &mut self.up_to_date, &mut self.failed] {
            kept.sort();
        }
        let is_empty = self.results().iter().all(|(_, count)| *count == 0);
        let mut message = if is_empty { nothing.to_owned() } else { self.counts() };
        let names =
            self.submitted.items.iter().filter_map(Value::as_str).take(SHOWN).collect::<Vec<_>>().join(", ");
        if !names.is_empty() {
            let more = if self.submitted.count > SHOWN { ", …" } else { "" };
            message.push_str(&format!("; submitted {names}{more}"));
        }
        let more = if self.failed.count > self.shown.len() { "; …" } else { "" };
        if !self.shown.is_empty() {
            message.push_str(&format!("; failed {}{more}", self.shown.join("; ")));
        }
        let Self { submitted, skipped, up_to_date, failed, fault, .. } = self;
        let outputs = Outputs::from([
            ("submitted".to_owned(), submitted.json(Kept::default())),
            ("skipped".to_owned(), skipped.json(up_to_date)),
            ("failed".to_owned(), failed.json(Kept::default())),
        ]);
        match fault {
            None => Ok(Success { summary: message, outputs }),
            Some(fault) => Err(StepError { outputs, ..StepError::new(fault, message) }),
        }
    }
}

impl About<'_> {
    fn because(self, reason: &str) -> Value {
        json!({"service": self.service, "ref": plain(self.git_ref, REF), "reason": plain(reason, REASON)})
    }
}

/// A text for an output: short, and without the beginning of an expression, which Argo would evaluate where a template uses
/// the output.
fn plain(text: &str, longest: usize) -> String {
    without_expressions(text::brief(text, longest))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn about<'a>(service: &'a str, git_ref: &'a str) -> About<'a> {
        About { service, git_ref }
    }

    #[test]
    fn a_message_counts_and_names_a_few() {
        let mut report = Report::default();
        for nth in 0..4 {
            report.submitted(&format!("api-{nth}"));
        }
        report.up_to_date(about("web", "refs/heads/main"), "there");
        assert_eq!(
            report.ended("nothing").unwrap().summary,
            "4 submitted, 1 up to date; submitted api-0, api-1, api-2, …"
        );
        assert_eq!(Report::default().ended("nothing to do").unwrap().summary, "nothing to do");
    }

    #[test]
    fn a_failure_ends_the_step_after_the_others_with_their_outputs() {
        let mut report = Report::default();
        report.failed(about("a", ""), Fault::User, "no such repository");
        report.submitted("b-1");
        let ended = Report::ended(report, "").unwrap_err();
        assert_eq!((ended.fault, ended.outputs["submitted"].as_str()), (Fault::User, r#"["b-1"]"#));
        assert_eq!(ended.message, "1 submitted, 1 failed; submitted b-1; failed a: no such repository");
        let mut report = Report::default();
        report.failed(about("a", ""), Fault::Transient, "away");
        report.failed(about("b", ""), Fault::User, "wrong");
        assert_eq!(report.ended("").unwrap_err().fault, Fault::Transient);
    }

    #[test]
    fn outputs_fit_by_whole_items_and_hold_no_expression() {
        let mut report = Report::default();
        for nth in 0..10_000 {
            let name = format!("refs/heads/{{{{x}}}}\"\u{1d11e}\u{1b}{nth}");
            report.skipped(about("api", &name), "tried");
            report.up_to_date(about("api", &name), "there");
            report.failed(about("api", &name), Fault::User, &"{{y}}\n".repeat(1000));
            report.submitted(&name[11..]);
        }
        let ended = report.ended("").unwrap_err();
        assert!(ended.message.starts_with("10000 submitted, 10000 up to date, 10000 skipped, 10000 failed"));
        for name in ["skipped", "failed"] {
            let output = &ended.outputs[name];
            assert!(output.len() <= LONGEST && output.len() > LONGEST - 1000, "{name}: {}", output.len());
            assert!(!output.contains("{{") && !output.contains('\u{1b}'), "{name}");
            let items: Vec<Value> = serde_json::from_str(output).unwrap();
            assert!(items.iter().all(|item| item["service"] == "api"));
        }
    }
}
