//! Waits for one workload, in a cluster without Argo CD or beside it.

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::look::{WorkloadRef, resource_of};
use super::report;
use super::rollout::{self, RolloutState};
use super::shared::{Arrived, Ended, Shared};
use super::troubles::Troubles;
use crate::argocd::Health;
use crate::kube::ObjectWatch;
use crate::oci::ImageRef;
use crate::step::sync::Workload;

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
    let followed = Followed { shared, workload, number, images, since, troubles };
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
        let now = match self.state(object) {
            RolloutState::Complete { .. } => return Ok(None),
            RolloutState::Failed(why) => {
                self.look().await;
                let why = if why.is_empty() { "its controller does not say why" } else { why.as_str() };
                return Err(
                    self.failed(&format!("has failed: {why}; look at the events and logs of its pods"))
                );
            }
            RolloutState::Waiting(why) => why,
        };
        let look_at = self.troubles.look_at(self.since);
        if look_at <= Instant::now() && self.shared.looker.missing().is_none() {
            self.look().await;
        }
        if self.troubles.last(self.shared.sync.stuck_after) {
            return Err(self.failed(&format!("does not become ready: {now}; look at its pods")));
        }
        if self.shared.deadline() <= Instant::now() {
            let advice = "look at its pods, or give the step more time";
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

    /// The state of the rollout of the images that are waited for.
    fn state(&self, object: &Value) -> RolloutState {
        match rollout::missing_image(object, self.images) {
            Some(image) => RolloutState::Waiting(format!("its pod template does not have {image} yet")),
            None => rollout::state(self.workload.kind, object),
        }
    }

    async fn look(&mut self) {
        let look = self.shared.looker.look(&[self.workload], self.images).await;
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
        "metadata": {"generation": object["metadata"]["generation"]},
        "spec": {
            "replicas": spec["replicas"],
            "paused": spec["paused"],
            "updateStrategy": spec["updateStrategy"],
            "template": {"spec": pods},
        },
        "status": object["status"],
    })
}
