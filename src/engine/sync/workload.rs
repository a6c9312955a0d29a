//! Waits for one workload, in a cluster without Argo CD or beside it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::look::{WorkloadRef, resource_of};
use super::report;
use super::rollout::{self, RolloutState, WORKLOAD_GENERATION};
use super::shared::{Arrived, Ended, Shared};
use super::troubles::Troubles;
use crate::argocd::Health;
use crate::kube::ObjectWatch;
use crate::oci::ImageRef;
use crate::step::sync::{Workload, WorkloadKind};

/// How long a Rollout must have failed: for a moment after a correction, its status may still be that of the last rollout.
const DOUBT: Duration = Duration::from_secs(5);

/// One wait.
struct Followed<'a> {
    shared: &'a Shared<'a>,
    workload: WorkloadRef<'a>,
    /// Its number in the progress of the step.
    number: usize,
    images: &'a [ImageRef],
    /// Since when it is waited.
    since: Instant,
    troubles: Troubles,
    /// Since when it has failed.
    failed_since: Option<Instant>,
}

/// Waits until the rollout of the workload is complete.
pub(super) async fn follow<'a>(shared: &'a Shared<'a>, workload: &'a Workload) -> Result<Arrived, Ended> {
    let Workload { kind, namespace, name, images } = workload;
    let namespace = namespace.as_deref().unwrap_or(shared.tenant());
    let images = images.as_ref().unwrap_or(&shared.sync.images);
    let number = shared.progress.add(name);
    let cluster = &shared.engine.cluster;
    let objects = cluster.tenant_objects(shared.tenant(), resource_of(*kind), namespace).await?;
    let workload = WorkloadRef { kind: *kind, namespace, name };
    let (since, troubles) = (Instant::now(), Troubles::default());
    let followed = Followed { shared, workload, number, images, since, troubles, failed_since: None };
    followed.run(ObjectWatch::new(objects, name)).await
}

impl Followed<'_> {
    async fn run(mut self, mut watch: ObjectWatch) -> Result<Arrived, Ended> {
        let mut object = watch.next().await?.map(needed);
        loop {
            let mut next = Box::pin(watch.next());
            object = loop {
                let Some(until) = self.judge(object.as_ref()).await? else {
                    self.shared.progress.done(self.shared.cx, self.number);
                    let (name, health) = (self.workload.name.to_owned(), Health::Healthy.name());
                    return Ok(Arrived { name, revision: String::new(), health });
                };
                tokio::select! {
                    changed = &mut next => break changed?.map(needed),
                    () = sleep_until(until) => {}
                }
            };
        }
    }

    /// Judges the workload. Returns when to judge it again; `None` if its rollout is complete.
    async fn judge(&mut self, object: Option<&Value>) -> Result<Option<Instant>, Ended> {
        let Some(object) = object else {
            return Err(self.failed("does not exist; create it, or correct its name in `workloads`"));
        };
        let state = self.state(object);
        if !matches!(state, RolloutState::Failed(_)) {
            self.failed_since = None;
        }
        let (now, advice) = match state {
            RolloutState::Complete { .. } => return Ok(None),
            RolloutState::Failed(why) => return self.doubt(why).await.map(Some),
            RolloutState::Waiting(why) => (why, "look at its pods, or give the step more time"),
            RolloutState::Held(why) => (why, "or give the step more time"),
        };
        let look_at = self.troubles.look_at(self.since);
        if look_at <= Instant::now() && self.shared.looker.missing().is_none() {
            self.look().await;
        }
        if self.troubles.last(self.shared.sync.stuck_after) {
            return Err(self.failed(&format!("does not become ready: {now}; look at its pods")));
        }
        if self.shared.deadline() <= Instant::now() {
            return Err(
                self.failed(&format!("is not rolled out, and the step's time is over: {now}; {advice}"))
            );
        }
        self.show(now);
        let next = self.troubles.look_at(self.since).max(Instant::now());
        let next = if self.shared.looker.missing().is_some() { self.shared.deadline() } else { next };
        let stuck_at = self.troubles.over_at(self.shared.sync.stuck_after);
        Ok(Some(stuck_at.map_or(next, |stuck_at| next.min(stuck_at)).min(self.shared.deadline())))
    }

    /// What follows from a failed rollout: it is looked at again, or that is the end.
    async fn doubt(&mut self, why: String) -> Result<Instant, Ended> {
        let is_rollout = self.workload.kind == WorkloadKind::Rollout;
        let (now, doubt) = (Instant::now(), if is_rollout { DOUBT } else { Duration::ZERO });
        let until = (*self.failed_since.get_or_insert(now) + doubt).min(self.shared.deadline());
        if until > now {
            self.show(why);
            return Ok(until);
        }
        self.look().await;
        let why = if why.is_empty() { "its controller does not say why" } else { why.as_str() };
        // The reason of a Rollout has its own advice.
        let advice = if is_rollout { "" } else { "; look at the events and logs of its pods" };
        Err(self.failed(&format!("has failed: {why}{advice}")))
    }

    /// The state of the rollout of the images that are waited for.
    fn state(&self, object: &Value) -> RolloutState {
        let hidden = if self.images.is_empty() { None } else { rollout::hidden_template(object) };
        if let Some(why) = hidden {
            return RolloutState::Failed(why);
        }
        match rollout::missing_image(object, self.images) {
            Some(image) => RolloutState::Waiting(format!("its pod template does not have {image} yet")),
            None => rollout::state(self.workload.kind, object),
        }
    }

    async fn look(&mut self) {
        let mut look = self.shared.looker.look(&[self.workload], self.images).await;
        // The message is about this workload already.
        look.notes.clear();
        self.troubles.note(look);
    }

    fn show(&self, now: String) {
        self.shared.progress.show(self.shared.cx, self.number, self.troubles.after(now));
    }

    fn failed(&self, problem: &str) -> Ended {
        let WorkloadRef { kind, namespace, name } = self.workload;
        let message = format!("{} `{name}` in namespace `{namespace}` {problem}", kind.name());
        Ended::Failed(report::failed(self.troubles.after(message), "", Health::Unknown.name()))
    }
}

/// What is asked of a workload. The whole may have a megabyte, and the wait may last long.
fn needed(object: Value) -> Value {
    let spec = &object["spec"];
    let images = |list: &str| -> Vec<Value> {
        let all = spec["template"]["spec"][list].as_array().into_iter().flatten();
        all.map(|each| json!({"image": each["image"]})).collect()
    };
    let pods = json!({"containers": images("containers"), "initContainers": images("initContainers")});
    json!({
        "metadata": {
            "generation": object["metadata"]["generation"],
            "annotations": {WORKLOAD_GENERATION: object["metadata"]["annotations"][WORKLOAD_GENERATION]},
        },
        "spec": {
            "replicas": spec["replicas"],
            "paused": spec["paused"],
            "updateStrategy": spec["updateStrategy"],
            // Of a Rollout.
            "strategy": {"blueGreen": spec["strategy"]["blueGreen"], "canary": {"steps": spec["strategy"]["canary"]["steps"]}},
            "workloadRef": spec["workloadRef"],
            "template": {"spec": pods},
        },
        "status": object["status"],
    })
}
