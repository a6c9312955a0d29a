//! Waits for one Application.

mod ending;
mod operations;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::look::WorkloadRef;
use super::shared::{Arrived, Ended, Shared, Target};
use super::troubles::Troubles;
use super::wait_limit::{Clock, WaitLimit};
use crate::argocd::{
    ApplicationState, ApplicationWatch, Applications, Health, Standing, Waiting, Wanted, is_image,
};
use crate::step::sync::WorkloadKind;

/// How long an Application must stay done if its images ran before the commit: its health may still be that of the old pods.
const SETTLED: Duration = Duration::from_secs(1);

/// One wait.
struct Followed<'a> {
    shared: &'a Shared<'a>,
    target: &'a Target<'a>,
    wanted: Wanted<'a>,
    /// Its number in the progress of the step.
    number: usize,
    applications: Applications,
    clock: Clock,
    troubles: Troubles,
    /// Whether the images ran before the commit was deployed.
    ran_before: bool,
    /// Whether it was Degraded before the commit was deployed.
    was_degraded: bool,
    /// Since when it has been done.
    done_since: Option<Instant>,
    /// Whether a sync was started by us.
    has_started: bool,
    /// The older revisions whose sync was ended by us.
    stopped: BTreeSet<String>,
}

/// What follows from a state.
enum Next {
    Arrived,
    /// Wait for another state, and at this time judge the same one again.
    JudgeAt(Instant),
}

/// Waits until the Application runs what it is to run.
pub(super) async fn follow<'a>(shared: &'a Shared<'a>, target: &'a Target<'a>) -> Result<Arrived, Ended> {
    let application = &target.application;
    let number = shared.progress.add(&application.name);
    let applications = shared.engine.argocd.applications(shared.tenant(), &application.namespace).await?;
    let watch = ApplicationWatch::new(applications.clone(), application);
    let followed = Followed {
        shared,
        target,
        wanted: Wanted { commit: shared.sync.commit.as_deref(), images: target.images },
        number,
        applications,
        clock: Clock::new(),
        troubles: Troubles::default(),
        ran_before: false,
        was_degraded: false,
        done_since: None,
        has_started: false,
        stopped: BTreeSet::new(),
    };
    followed.run(watch).await
}

impl Followed<'_> {
    async fn run(mut self, mut watch: ApplicationWatch) -> Result<Arrived, Ended> {
        self.show("reading it".to_owned());
        let mut state = watch.next().await?;
        if self.is_deployed(&state) {
            return Ok(self.arrived(&state));
        }
        self.ran_before = self.runs_images(&state);
        self.was_degraded = self.is_degraded_without_ours(&state);
        let refreshed = watch.refresh().await;
        self.note_refresh(refreshed.is_ok());
        state = refreshed?;
        loop {
            let mut next = Box::pin(watch.next());
            state = loop {
                let until = match self.judge(&state).await? {
                    Next::Arrived => return Ok(self.arrived(&state)),
                    Next::JudgeAt(until) => until,
                };
                tokio::select! {
                    changed = &mut next => break changed?,
                    () = sleep_until(until) => {}
                }
            };
        }
    }

    /// Whether our commit is deployed already. Without a commit, only a comparison with Git can tell what there is to deploy.
    fn is_deployed(&self, state: &ApplicationState) -> bool {
        let standing = state.standing(&self.wanted, &self.shared.orders());
        self.wanted.commit.is_some() && standing == Standing::Done
    }

    async fn judge(&mut self, state: &ApplicationState) -> Result<Next, Ended> {
        loop {
            let standing = state.standing(&self.wanted, &self.shared.orders());
            if standing != Standing::Done {
                self.done_since = None;
            }
            match standing {
                Standing::Done => return Ok(self.settle()),
                Standing::Superseded { by } => return Err(self.superseded(by)),
                Standing::Ask { revision } => self.shared.ask(&revision).await?,
                Standing::Waiting(waiting) => return self.wait(state, &waiting).await,
            }
        }
    }

    /// The end, or a moment more in which the state must not change.
    fn settle(&mut self) -> Next {
        let now = Instant::now();
        let until = (*self.done_since.get_or_insert(now) + SETTLED).min(self.shared.deadline());
        if !self.ran_before || until <= now {
            return Next::Arrived;
        }
        self.show("Healthy".to_owned());
        Next::JudgeAt(until)
    }

    /// Does what helps, and decides how long to wait.
    async fn wait(&mut self, state: &ApplicationState, waiting: &Waiting) -> Result<Next, Ended> {
        let since = self.clock.note(waiting);
        self.act(state, waiting).await?;
        let look_at = self.look(state, waiting, since).await;
        if self.is_only_scaling(state, waiting) {
            return Ok(Next::Arrived);
        }
        let (wait_limit, now) = (self.wait_limit(state, waiting), Instant::now());
        let over = wait_limit.limit.map(|limit| since + limit);
        if over.is_some_and(|over| over <= now) || self.troubles.last(self.shared.sync.stuck_after) {
            return self.give_up(state, waiting);
        }
        if self.shared.deadline() <= now {
            return Err(self.failed(state, waiting, "; the step's time is over"));
        }
        let refresh_at = self.refresh_again(wait_limit).await?;
        self.show(self.troubles.after(waiting.progress()));
        let stuck_at = self.troubles.over_at(self.shared.sync.stuck_after);
        let times = [over, refresh_at, look_at, stuck_at].into_iter().flatten();
        Ok(Next::JudgeAt(times.fold(self.shared.deadline(), Instant::min)))
    }

    /// An autoscaler is Degraded while new pods have no metrics yet, and then so is the Application.
    fn wait_limit(&self, state: &ApplicationState, waiting: &Waiting) -> WaitLimit {
        let wait_limit = WaitLimit::of(waiting);
        match *waiting == Waiting::Degraded && state.has_autoscaler && !self.troubles.has_failed() {
            true => WaitLimit { limit: Some(self.shared.sync.stuck_after), ..wait_limit },
            false => wait_limit,
        }
    }

    /// Looks at the pods if that is due, and returns when it is due next.
    async fn look(&mut self, state: &ApplicationState, waiting: &Waiting, since: Instant) -> Option<Instant> {
        if !is_about_pods(waiting) {
            self.troubles = Troubles::default();
            return None;
        }
        // Pods of another cluster cannot be read here; a namespace with the same name here is a different one.
        if !state.is_in_cluster || self.shared.looker.missing().is_some() {
            // No later look would correct them.
            self.troubles.forget_notes();
            return None;
        }
        if self.troubles.look_at(since) <= Instant::now() {
            let look = self.shared.looker.look(&workloads(state), self.wanted.images).await;
            self.troubles.note(look);
        }
        Some(self.troubles.look_at(since))
    }

    /// Whether Argo CD says `Progressing` only because an autoscaler works.
    fn is_only_scaling(&self, state: &ApplicationState, waiting: &Waiting) -> bool {
        *waiting == Waiting::NotHealthy { health: Health::Progressing }
            && self.troubles.is_only_scaling()
            // A workload of another kind was not looked at.
            && workloads(state).len() == state.workloads.len()
            && self.runs_images(state)
    }

    /// Whether each image runs in a pod, as far as Argo CD knows.
    fn runs_images(&self, state: &ApplicationState) -> bool {
        let runs = |image| state.images.iter().any(|running| is_image(running, image));
        self.wanted.images.iter().all(runs)
    }

    fn show(&self, now: String) {
        self.shared.progress.show(self.shared.cx, self.number, now);
    }
}

/// Whether pods can tell the reason.
fn is_about_pods(waiting: &Waiting) -> bool {
    matches!(waiting, Waiting::NotHealthy { .. } | Waiting::Degraded)
}

/// The workloads of the Application whose rollout can be followed.
fn workloads(state: &ApplicationState) -> Vec<WorkloadRef<'_>> {
    let workloads = state.workloads.iter().filter_map(|workload| {
        let kind = WorkloadKind::of(&workload.kind)?;
        Some(WorkloadRef { kind, namespace: &workload.namespace, name: &workload.name })
    });
    workloads.collect()
}
