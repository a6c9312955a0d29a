//! Runs several steps in one node, in order. The first failure stops the rest.

use std::collections::BTreeMap;

use super::Engine;
use super::context::Cx;
use super::prefetch::Prefetch;
use crate::outcome::{Outputs, StepError, Success};
use crate::step::{Entry, Steps};

/// The results of the finished steps.
#[derive(Default)]
struct Done {
    outputs: BTreeMap<String, Outputs>,
    summaries: Vec<String>,
    /// The contexts of steps that may have a background log upload.
    surroundings: Vec<(String, Cx)>,
}

impl Done {
    /// Waits for the background uploads.
    async fn settle(&mut self) {
        for (name, cx) in self.surroundings.drain(..) {
            if let Some(outputs) = self.outputs.get_mut(&name) {
                cx.settle(outputs).await;
            }
        }
    }
}

pub(super) async fn run(engine: &Engine, steps: &Steps, cx: &Cx) -> Result<Success, StepError> {
    let mut done = Done::default();
    let mut prefetch = Prefetch::new(engine, steps, cx);
    for (index, entry) in steps.entries.iter().enumerate() {
        let cx = cx.inner(&entry.name, index + 1, steps.entries.len());
        prefetch.hand_over(index).await;
        match prefetch.beside(Box::pin(one(engine, entry, &done, &cx))).await {
            Ok(success) => {
                done.summaries.push(format!("{}: {}", entry.name, success.summary));
                done.outputs.insert(entry.name.clone(), success.outputs);
                done.surroundings.push((entry.name.clone(), cx));
            }
            Err(error) => {
                drop(prefetch);
                done.settle().await;
                return Err(failed(error, entry, index, steps, done));
            }
        }
    }
    done.settle().await;
    Ok(Success { summary: done.summaries.join("; "), outputs: steps.join(&done.outputs) })
}

async fn one(engine: &Engine, entry: &Entry, done: &Done, cx: &Cx) -> Result<Success, StepError> {
    let step = entry.resolve(&done.outputs).map_err(StepError::user)?;
    engine.step(&step, cx).await
}

/// The error of the failed step: its name, and the results of the steps before it.
fn failed(error: StepError, entry: &Entry, index: usize, steps: &Steps, mut done: Done) -> StepError {
    let mut message =
        format!("step {} of {} (`{}`): {}", index + 1, steps.entries.len(), entry.name, error.message);
    if !done.summaries.is_empty() {
        message.push_str(&format!("\ndone before it: {}", done.summaries.join("; ")));
    }
    done.outputs.insert(entry.name.clone(), error.outputs);
    StepError { message, outputs: steps.join(&done.outputs), ..error }
}
