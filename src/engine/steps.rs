//! Several steps in one node, in order; the first failure stops the rest.

use std::collections::BTreeMap;

use super::Engine;
use super::ahead::Readings;
use super::context::Cx;
use crate::outcome::{Outputs, StepError, Success};
use crate::step::{Entry, Steps};

/// What the steps before have made.
#[derive(Default)]
struct Made {
    outputs: BTreeMap<String, Outputs>,
    summaries: Vec<String>,
    /// Of those that may have left something to go on beside the others.
    surroundings: Vec<(String, Cx)>,
}

impl Made {
    /// Waits for what goes on.
    async fn settle(&mut self) {
        for (name, cx) in self.surroundings.drain(..) {
            if let Some(outputs) = self.outputs.get_mut(&name) {
                cx.settle(outputs).await;
            }
        }
    }
}

pub(super) async fn run(engine: &Engine, steps: &Steps, cx: &Cx) -> Result<Success, StepError> {
    let mut made = Made::default();
    let mut readings = Readings::new(engine, steps, cx);
    for (index, entry) in steps.entries.iter().enumerate() {
        let cx = cx.inner(&entry.name, index + 1, steps.entries.len());
        readings.hand_over(index).await;
        match readings.beside(Box::pin(one(engine, entry, &made, &cx))).await {
            Ok(success) => {
                made.summaries.push(format!("{}: {}", entry.name, success.summary));
                made.outputs.insert(entry.name.clone(), success.outputs);
                made.surroundings.push((entry.name.clone(), cx));
            }
            Err(error) => {
                drop(readings);
                made.settle().await;
                return Err(failed(error, entry, index, steps, made));
            }
        }
    }
    made.settle().await;
    Ok(Success { summary: made.summaries.join("; "), outputs: steps.join(&made.outputs) })
}

async fn one(engine: &Engine, entry: &Entry, made: &Made, cx: &Cx) -> Result<Success, StepError> {
    let step = entry.resolve(&made.outputs).map_err(StepError::user)?;
    engine.step(&step, cx).await
}

/// The error of the step that failed: which one, and what was done before it.
fn failed(error: StepError, entry: &Entry, index: usize, steps: &Steps, mut made: Made) -> StepError {
    let mut message =
        format!("step {} of {} (`{}`): {}", index + 1, steps.entries.len(), entry.name, error.message);
    if !made.summaries.is_empty() {
        message.push_str(&format!("\ndone before it: {}", made.summaries.join("; ")));
    }
    made.outputs.insert(entry.name.clone(), error.outputs);
    StepError { message, outputs: steps.join(&made.outputs), ..error }
}
