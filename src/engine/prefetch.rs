//! Reads Secrets and Git data for later entries of `steps` while earlier entries run.
//!
//! It uses the same reads as the step itself: the policy has checked the entries before the first of them began, and each
//! login is checked for its use. A failure here fails nothing. The step reads again, and reports the error itself.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;
use tracing::debug;

use super::Engine;
use super::context::Cx;
use crate::outcome::Outputs;
use crate::step::update_manifest::Mode;
use crate::step::{Entry, SecretRef, Step, Steps, UpdateManifest};
use crate::write_back::{ReadAhead, ReadAheadRequest};

/// The largest number of entries of one node with prefetched data.
const MOST: usize = 4;

/// The time that an entry waits for its prefetch to finish. The entry would have to do the same work itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// The fields that determine which data is read, and with which login.
const READ_BY: [&str; 5] = ["repo", "branch", "secret", "targets.file", "mode"];

/// The prefetched data of entries that have not begun. Dropping it stops the reads and discards the data.
pub(super) struct Prefetch<'a>(Vec<(usize, PrefetchState<'a>)>);

type Reading<'a> = Pin<Box<dyn Future<Output = Option<Box<ReadAhead>>> + Send + 'a>>;

enum PrefetchState<'a> {
    /// It is not known yet whether the entry runs.
    Waits(Reading<'a>),
    Runs(Reading<'a>),
    Ended(Option<Box<ReadAhead>>),
}

impl<'a> Prefetch<'a> {
    /// Prefetches for the first entry of each written branch. The next entry finds the branch as the first one left it.
    pub(super) fn new(engine: &'a Engine, steps: &'a Steps, cx: &Cx) -> Self {
        let (mut prefetch, mut seen) = (Vec::new(), Vec::new());
        for (index, entry) in steps.entries.iter().enumerate() {
            let Step::UpdateManifest(update) = &entry.template else { continue };
            let branch = (&update.repo, &update.branch, &update.secret);
            let is_first = !seen.contains(&branch);
            seen.push(branch);
            if index > 0 && is_first && prefetch.len() < MOST && is_known(entry, update) {
                let reading = Box::pin(read(engine, entry, update, cx.clone()));
                prefetch.push((index, PrefetchState::Waits(reading)));
            }
        }
        Self(prefetch)
    }

    /// Begins with the entries that are known to run, by the outputs of the entries before them.
    pub(super) fn begin(&mut self, steps: &Steps, outputs: &BTreeMap<String, Outputs>) {
        for (index, state) in &mut self.0 {
            let runs = steps.entries.get(*index).is_some_and(|entry| entry.runs(outputs) == Ok(true));
            if runs && matches!(state, PrefetchState::Waits(_)) {
                let waited = std::mem::replace(state, PrefetchState::Ended(None));
                if let PrefetchState::Waits(reading) = waited {
                    *state = PrefetchState::Runs(reading);
                }
            }
        }
    }

    /// Runs `step` and prefetches at the same time.
    pub(super) async fn beside<T>(&mut self, step: impl Future<Output = T>) -> T {
        let mut step = pin!(step);
        poll_fn(|cx| {
            let ended = step.as_mut().poll(cx);
            if ended.is_pending() {
                self.go_on(cx);
            }
            ended
        })
        .await
    }

    fn go_on(&mut self, cx: &mut Context<'_>) {
        for (_, state) in &mut self.0 {
            if let PrefetchState::Runs(reading) = state
                && let Poll::Ready(read) = reading.as_mut().poll(cx)
            {
                *state = PrefetchState::Ended(read);
            }
        }
    }

    /// Waits for the data of `entry` and gives it to the entry.
    pub(super) async fn hand_over(&mut self, entry: usize) {
        let Some(at) = self.0.iter().position(|(of, _)| *of == entry) else { return };
        let read = match self.0.swap_remove(at).1 {
            PrefetchState::Ended(read) => read,
            PrefetchState::Waits(_) => None,
            // The others go on: what it waits for may be theirs.
            PrefetchState::Runs(reading) => timeout(PATIENCE, self.beside(reading)).await.ok().flatten(),
        };
        if let Some(read) = read {
            read.hand_over();
        }
    }
}

/// Whether the entry's data can be read before earlier entries have run. If a step only reads a branch, it reads it when it runs.
fn is_known(entry: &Entry, update: &UpdateManifest) -> bool {
    update.commit && READ_BY.iter().all(|field| entry.is_settled(field))
}

async fn read(engine: &Engine, entry: &Entry, update: &UpdateManifest, cx: Cx) -> Option<Box<ReadAhead>> {
    let login = engine.git_credentials(&cx, &update.repo, update.secret.as_ref());
    let (login, ()) = tokio::join!(login, read_secrets(engine, entry, update, &cx));
    let credentials = login.map_err(|error| told(&cx, entry, &error.message)).ok()?;
    let reading = ReadAheadRequest {
        repo: update.repo.clone(),
        credentials,
        branch: update.branch.clone(),
        files: update.targets.iter().map(|target| target.file.clone()).collect(),
        source: update.source.is_some(),
        pushes: matches!(update.mode, Mode::Push) && !update.via_api,
    };
    let pusher = engine.pusher.of(engine.tenancy.tenant(&cx.workflow));
    let read = Box::pin(pusher.read_ahead(reading)).await.unwrap_or_else(|error| {
        told(&cx, entry, &error.to_string());
        None
    });
    read.map(Box::new)
}

/// Reads the other Secrets of the entry and keeps them for it.
async fn read_secrets(engine: &Engine, entry: &Entry, update: &UpdateManifest, cx: &Cx) {
    let name = |secret: &SecretRef| secret.name.clone();
    let names = [
        ("signing-key", update.signing_key.as_ref().map(|key| key.name.clone())),
        ("source", update.source.as_ref().and_then(|source| source.secret.as_ref()).map(name)),
        ("forge", update.forge.secret.as_ref().map(name)),
    ];
    let settled = names.into_iter().filter(|(field, _)| entry.is_settled(field)).filter_map(|(_, name)| name);
    futures_util::future::join_all(settled.map(|name| async move {
        if let Err(error) = engine.secret(cx, &name).await {
            told(cx, entry, &error.message);
        }
    }))
    .await;
}

fn told(cx: &Cx, entry: &Entry, why: &str) {
    debug!("not read ahead for `{}`: {}", entry.name, cx.redactor.line(why));
}
