//! The template of a node, with all parameters resolved.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::duration::{LONGEST, parse_timeout, shown};
use crate::step::{self, Step};

/// The key of this plugin's templates under `plugin`.
pub const PLUGIN: &str = "buildkit";

/// A template as Argo sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub Value);

/// The validated step of a template, with its time limit.
#[derive(Debug)]
pub struct TimedStep {
    /// The step.
    pub step: Step,
    /// The time limit of the step.
    pub limit: Duration,
    /// Whether the node may have waited for a lock first: then the node is older than its work.
    pub waits: bool,
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The annotation of a template with the time limit of a step, counted from the start of the step itself. Argo counts
/// `timeout` from the creation of the node, which includes the wait for a mutex (`workflow/controller/operator.go`,
/// `checkTemplateTimeout`).
pub(crate) const TIMEOUT: &str = "/metadata/annotations/argo-buildkit.io~1timeout";

impl Template {
    /// The value of `plugin.buildkit`; `None` if the template is another plugin's.
    pub fn step(&self) -> Option<&Value> {
        self.0.get("plugin")?.get(PLUGIN)
    }

    /// A template with nothing but the time limit `value` at `pointer`.
    pub(crate) fn with_limit(pointer: &str, value: Value) -> Self {
        Self(match pointer {
            TIMEOUT => json!({"metadata": {"annotations": {"argo-buildkit.io/timeout": value}}}),
            _ => json!({pointer.trim_start_matches('/'): value}),
        })
    }

    /// The value of `plugin`, of whichever plugin.
    pub fn plugin(&self) -> Value {
        self.0.get("plugin").cloned().unwrap_or_default()
    }

    /// The size of the template as JSON, in bytes.
    pub fn size(&self) -> usize {
        let mut counter = Counter(0);
        // Writing to a counter cannot fail.
        let _ = serde_json::to_writer(&mut counter, &self.0);
        counter.0
    }

    /// The names of the declared output parameters.
    pub fn declared(&self) -> Vec<String> {
        let parameters = self.0.pointer("/outputs/parameters").and_then(Value::as_array);
        let name = |p: &Value| p.get("name").and_then(Value::as_str).map(str::to_owned);
        parameters.into_iter().flatten().filter_map(name).collect()
    }

    /// Parses the step `body`. Its time limit is `default_timeout` if the template has none. The error says what is
    /// wrong with the step.
    pub fn timed_step(&self, body: &Value, default_timeout: Duration) -> Result<TimedStep, String> {
        let step = step::parse(body).map_err(|e| e.to_string())?;
        step.check_declared(&self.declared()).map_err(|e| e.to_string())?;
        let limits = [self.timeout("/timeout")?, self.timeout(TIMEOUT)?, self.active_deadline()?];
        let limit = limits.into_iter().flatten().min().unwrap_or(default_timeout);
        Ok(TimedStep { step, limit, waits: self.0.get("synchronization").is_some() })
    }

    /// The duration at `pointer`; `""` counts as absent.
    fn timeout(&self, pointer: &str) -> Result<Option<Duration>, String> {
        let text = self.0.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(parse_timeout).transpose()
    }

    /// Reads `activeDeadlineSeconds`, a number or a string. Argo itself applies it to pods only.
    fn active_deadline(&self) -> Result<Option<Duration>, String> {
        let text = match self.0.get("activeDeadlineSeconds") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Ok(None),
        };
        let seconds = text.parse().map(Duration::from_secs).ok().filter(|limit| !limit.is_zero());
        let wrong = || {
            format!("activeDeadlineSeconds: expected a number of seconds, 1 or more, got {}", shown(&text))
        };
        seconds.map(|limit| Some(limit.min(LONGEST))).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn limit(more: Value) -> Result<Duration, String> {
        let body = json!({"supersede": {}});
        let mut template = json!({"name": "main", "plugin": {"buildkit": body}});
        template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Ok(Template(template).timed_step(&body, Duration::from_secs(100))?.limit)
    }

    #[test]
    fn the_shortest_of_a_template_s_limits_counts() {
        let annotation = |text: &str| json!({"annotations": {"argo-buildkit.io/timeout": text}});
        let rows = [
            (json!({}), 100),
            (json!({"timeout": "", "metadata": annotation("")}), 100),
            (json!({"timeout": "200s"}), 200),
            (json!({"metadata": annotation("2m")}), 120),
            (json!({"timeout": "1m", "metadata": annotation("2m")}), 60),
            (json!({"timeout": "1m", "activeDeadlineSeconds": 30}), 30),
            (json!({"activeDeadlineSeconds": "300"}), 300),
            // Argo takes it, and no clock does.
            (json!({"activeDeadlineSeconds": i64::MAX.to_string()}), LONGEST.as_secs()),
        ];
        for (more, seconds) in rows {
            assert_eq!(limit(more.clone()), Ok(Duration::from_secs(seconds)), "{more}");
        }
        for wrong in [json!("{{inputs.parameters.x}}"), json!(0), json!(-1), json!("1m")] {
            let said = limit(json!({"activeDeadlineSeconds": wrong})).unwrap_err();
            assert!(said.starts_with("activeDeadlineSeconds: expected a number of seconds"), "{said}");
        }
    }
}
