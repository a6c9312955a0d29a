//! A node's template, every parameter in its place.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::parse_timeout;
use crate::step::{self, Step};

/// The key of our templates under `plugin`.
pub const PLUGIN: &str = "buildkit";

/// A template as Argo hands it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub Value);

/// What a template of ours asks for, found to be valid.
#[derive(Debug)]
pub struct TimedStep {
    /// What to do.
    pub step: Step,
    /// How long it may take.
    pub limit: Duration,
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

impl Template {
    /// What is under `plugin.buildkit`, or nothing: the template is another plugin's.
    pub fn step(&self) -> Option<&Value> {
        self.0.get("plugin")?.get(PLUGIN)
    }

    /// What is under `plugin`, whosever it is.
    pub fn plugin(&self) -> Value {
        self.0.get("plugin").cloned().unwrap_or_default()
    }

    /// Bytes of its text, as JSON.
    pub fn size(&self) -> usize {
        let mut counter = Counter(0);
        // A counter takes everything.
        let _ = serde_json::to_writer(&mut counter, &self.0);
        counter.0
    }

    /// The output parameters that it declares.
    pub fn declared(&self) -> Vec<String> {
        let parameters = self.0.pointer("/outputs/parameters").and_then(Value::as_array);
        let name = |p: &Value| p.get("name").and_then(Value::as_str).map(str::to_owned);
        parameters.into_iter().flatten().filter_map(name).collect()
    }

    /// The step `body`, which may take `default_timeout` where the template has no `timeout`; or what is wrong with it.
    pub fn timed_step(&self, body: &Value, default_timeout: Duration) -> Result<TimedStep, String> {
        let step = step::parse(body).map_err(|e| e.to_string())?;
        step.check_declared(&self.declared()).map_err(|e| e.to_string())?;
        let limit = self.timeout().map_or(Ok(default_timeout), parse_timeout)?;
        Ok(TimedStep { step, limit })
    }

    /// The `timeout`, as it is written; `""` counts as none.
    fn timeout(&self) -> Option<&str> {
        self.0.get("timeout").and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}
