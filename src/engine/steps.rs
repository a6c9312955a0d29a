//! Runs several steps in one node, in order. The first failure stops the rest.

use std::collections::BTreeMap;

use super::Engine;
use super::context::{Cx, EarlierResult};
use super::prefetch::Prefetch;
use super::sync::reverted_by_node;
use crate::outcome::{Outputs, StepError, Success};
use crate::step::sync::{OnDegraded, Revert};
use crate::step::{Entry, Step, Steps, When};

/// The results of the finished steps.
#[derive(Default)]
struct Done<'a> {
    outputs: BTreeMap<String, Outputs>,
    /// The entries that were skipped.
    skipped: Vec<&'a Entry>,
    summaries: Vec<String>,
    /// The contexts of steps that may have a background log upload.
    surroundings: Vec<(String, Cx)>,
}

impl<'a> Done<'a> {
    /// Records that `entry` is skipped.
    fn skip(&mut self, entry: &'a Entry) {
        self.outputs.insert(entry.name.clone(), entry.skipped());
        self.skipped.push(entry);
    }

    /// The results of the entries that ran, in order.
    fn earlier(&self, steps: &Steps) -> Vec<EarlierResult> {
        let ran = |entry: &&Entry| !self.skipped.iter().any(|skipped| skipped.name == entry.name);
        let result = |entry: &Entry| {
            let outputs = self.outputs.get(&entry.name)?.clone();
            Some(EarlierResult { kind: entry.template.kind(), outputs })
        };
        steps.entries.iter().filter(ran).filter_map(result).collect()
    }

    /// The reason of a skipped entry: what the entry that decided says.
    fn reason(&self, entry: &Entry) -> String {
        let said = match &entry.when {
            When::Output { entry, .. } => self.outputs.get(entry).and_then(|outputs| outputs.get("reason")),
            When::Is(_) => None,
        };
        said.cloned().unwrap_or_else(|| format!("its `when`, {}, is not true", entry.when))
    }

    /// The line for the node's message. If nothing ran but what decided that, it is the reason.
    fn summary(&self, steps: &Steps) -> String {
        let mut reasons: Vec<_> = self.skipped.iter().map(|entry| self.reason(entry)).collect();
        let deciding = |entry: &Entry| {
            let decides = |skipped: &&Entry| matches!(&skipped.when, When::Output { entry: name, .. } if *name == entry.name);
            self.skipped.iter().any(decides)
        };
        let nothing_ran = steps
            .entries
            .iter()
            .all(|entry| deciding(entry) || self.skipped.iter().any(|skipped| skipped.name == entry.name));
        if nothing_ran && !self.skipped.is_empty() {
            reasons.dedup();
            return format!("skipped: {}", reasons.join("; "));
        }
        let skipped =
            self.skipped.iter().zip(reasons).map(|(entry, why)| format!("{}: skipped ({why})", entry.name));
        self.summaries.iter().cloned().chain(skipped).collect::<Vec<_>>().join("; ")
    }

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
    let mut checked = vec![false; steps.entries.len()];
    for (index, entry) in steps.entries.iter().enumerate() {
        if !entry.runs(&done.outputs).map_err(StepError::user)? {
            done.skip(entry);
            continue;
        }
        if let Err((place, error)) = engine.check_keys(cx, steps, &done.outputs, &mut checked).await {
            drop(prefetch);
            done.settle().await;
            return Err(failed(error, &steps.entries[place], place, steps, done));
        }
        prefetch.begin(steps, &done.outputs);
        let cx = cx.inner(&entry.name, index + 1, steps.entries.len());
        let cx = match &entry.template {
            Step::Notify(_) => cx.after(done.earlier(steps)),
            _ => cx,
        };
        prefetch.hand_over(index).await;
        let revert = reverting(steps, index);
        match prefetch.beside(Box::pin(one(engine, entry, revert, &done, &cx))).await {
            Ok(success) => {
                if !is_off(&entry.template) {
                    done.summaries.push(format!("{}: {}", entry.name, success.summary));
                }
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
    Ok(Success { summary: done.summary(steps), outputs: steps.join(&done.outputs) })
}

/// Whether the entry does nothing, not even something to tell: a template has it for those who want it.
fn is_off(template: &Step) -> bool {
    match template {
        Step::Select(select) => select.push.is_none(),
        Step::Sign(sign) => sign.target.is_none(),
        Step::Sync(sync) => !sync.enabled,
        Step::CommitStatus(status) => status.wanted.is_none(),
        Step::Notify(notify) => notify.target.is_none(),
        _ => false,
    }
}

/// The revert that a later entry may make of the commit of the entry `index`. The policy has checked what is written in it, but not
/// what will stand for a reference.
fn reverting(steps: &Steps, index: usize) -> Option<&Revert> {
    let Step::UpdateManifest(update) = &steps.entries[index].template else { return None };
    let is_settled =
        |later: &&Entry| ["repo", "branch", "secret"].iter().all(|field| later.is_settled(field));
    let later = steps.entries.iter().skip(index + 1).filter(is_settled);
    let mut reverts = later.filter_map(|later| match &later.template {
        Step::Sync(sync) => match &sync.on_degraded {
            OnDegraded::Revert(revert) => Some(&**revert),
            OnDegraded::Fail => None,
        },
        _ => None,
    });
    reverts.find(|revert| revert.gitops.repo == update.repo && revert.branch == update.branch)
}

async fn one(
    engine: &Engine,
    entry: &Entry,
    revert: Option<&Revert>,
    done: &Done<'_>,
    cx: &Cx,
) -> Result<Success, StepError> {
    let step = entry.resolve(&done.outputs).map_err(StepError::user)?;
    if let (Some(revert), Step::UpdateManifest(update)) = (revert, &step)
        && let Some(reverted) = reverted_by_node(engine, update, revert, cx).await
    {
        return Err(reverted);
    }
    engine.step(&step, cx).await
}

/// The error of the failed step: its name, and the results of the steps before it.
fn failed(error: StepError, entry: &Entry, index: usize, steps: &Steps, mut done: Done<'_>) -> StepError {
    let mut message =
        format!("step {} of {} (`{}`): {}", index + 1, steps.entries.len(), entry.name, error.message);
    if !done.summaries.is_empty() {
        message.push_str(&format!("\ndone before it: {}", done.summaries.join("; ")));
    }
    done.outputs.insert(entry.name.clone(), error.outputs);
    StepError { message, outputs: steps.join(&done.outputs), ..error }
}
