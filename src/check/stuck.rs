//! Why one workflow does not move: what the cluster knows of it, and the first cause found in it.

mod agent;
mod large;
mod node;
mod pod;
mod shared;
mod words;

use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::Value;

use super::session::{Session, unread};
use super::{Doctor, Finding, Mode, rights};
use crate::kube::{Account, By, SecretError, Secrets};

/// What the cluster knows of one workflow.
#[derive(Debug, Default)]
struct Facts {
    namespace: String,
    name: String,
    workflow: Value,
    task_set: Option<Value>,
    /// The agent's pods; nothing if they may not be read.
    pods: Option<Vec<Pod>>,
    /// What was reported of them, the oldest first.
    events: Vec<Event>,
    /// Secrets that a pod of the agent mounts and that do not exist.
    missing_secrets: Vec<String>,
    /// Whether the workflow that holds its mutex has ended.
    holder_ended: bool,
    /// What the workflow's account lacks of the agent's rights.
    unmet: Vec<Finding>,
    /// Who executes plugin steps.
    mode: Mode,
    /// Why the shared agent, of this namespace, cannot.
    flaws: Vec<Finding>,
    agent_namespace: String,
    /// Whether a controller runs and loads plugins, where that is known.
    controller_ready: Option<bool>,
    plugins_on: Option<bool>,
    /// Whether the controller may patch a task set's status.
    status_right: Option<bool>,
}

impl Doctor {
    /// Says why the workflow `name` does not move, or that it does.
    pub async fn why(&self, name: &str, mut say: impl FnMut(Finding)) {
        let session = Session::open(&self.engine.cluster).await;
        let finding = match session.is_open() {
            true => self.cause(&session, name).await,
            false => session.without("a workflow can only be looked at in its cluster"),
        };
        say(finding.clean(&self.redactor));
    }

    async fn cause(&self, session: &Session, name: &str) -> Finding {
        let namespace = &self.site.namespace;
        let subject = format!("workflow {namespace}/{name}");
        match self.engine.cluster.find_argo("Workflow", namespace, name).await {
            Err(error) => unread(subject, &error),
            Ok(None) => {
                Finding::fail(subject, "does not exist; check the name, and the namespace (--namespace)")
            }
            Ok(Some(workflow)) => judge(&self.facts(session, name, large::unpacked(workflow)).await),
        }
    }

    async fn facts(&self, session: &Session, name: &str, workflow: Value) -> Facts {
        let (cluster, namespace) = (&self.engine.cluster, &self.site.namespace);
        let task_set = cluster.find_argo("WorkflowTaskSet", namespace, name).await.ok().flatten();
        let labels = format!("workflows.argoproj.io/component=agent,workflows.argoproj.io/workflow={name}");
        let pods = cluster.list::<Pod>(namespace, &By::Labels(&labels)).await.ok();
        let (namespace, name) = (namespace.clone(), name.to_owned());
        let mut facts = Facts { namespace, name, workflow, task_set, pods, ..Facts::default() };
        let controller = self.controller().await;
        facts.mode = self.signs(&controller).await.mode();
        if let Ok(Some(controller)) = controller {
            facts.controller_ready = Some(controller.is_ready());
            facts.plugins_on = controller.loads_plugins();
            facts.status_right = self.controller_rights(session, &controller, facts.mode).await.status();
        }
        facts.holder_ended = self.holder_ended(&facts.workflow).await;
        if facts.mode.is_shared() {
            facts.agent_namespace = self.site.agent_namespace.clone();
            facts.flaws = self.shared_flaws(session).await;
        } else if let Some(pod) = facts.pods.iter().flatten().next().cloned() {
            self.of_pod(session, &pod, &mut facts).await;
        }
        facts
    }

    /// Whether the mutex that `workflow` waits for is held by one that has ended, or is gone.
    async fn holder_ended(&self, workflow: &Value) -> bool {
        let holder = &workflow["status"]["synchronization"]["mutex"]["waiting"][0]["holder"];
        // `namespace/workflow`, or with the node that holds it.
        let mut parts = holder.as_str().unwrap_or_default().split('/');
        let (Some(namespace), Some(name)) = (parts.next(), parts.next()) else { return false };
        match self.engine.cluster.find_argo("Workflow", namespace, name).await {
            Ok(Some(found)) => found["status"]["finishedAt"].is_string(),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    async fn of_pod(&self, session: &Session, pod: &Pod, facts: &mut Facts) {
        let fields = format!("involvedObject.name={}", pod.metadata.name.as_deref().unwrap_or_default());
        facts.events = self
            .engine
            .cluster
            .list::<Event>(&facts.namespace, &By::Fields(&fields))
            .await
            .unwrap_or_default();
        facts.events.sort_by_key(pod::time_of);
        let secrets = Secrets::Cluster(self.engine.cluster.clone());
        for name in pod::mounted_secrets(pod) {
            if let Err(SecretError::NotFound { .. }) = secrets.get(&facts.namespace, &name).await {
                facts.missing_secrets.push(name);
            }
        }
        let account = Account::new(&facts.namespace, pod::account(pod));
        let needs = rights::of_agent(&facts.namespace);
        let unmet = self.rights(session, &account, &needs).await;
        facts.unmet = unmet.into_iter().filter(|finding| finding.verdict == super::Verdict::Fail).collect();
    }
}

/// The first cause that the facts hold.
fn judge(facts: &Facts) -> Finding {
    let executor = if facts.mode.is_shared() { shared::cause } else { agent::cause };
    let large = [large::offloaded, large::oversized];
    let first = [finished, unseen, controller_down, locked, suspended];
    let causes = first.into_iter().chain(large).chain([executor, other_node]);
    let found = causes.into_iter().find_map(|cause: fn(&Facts) -> Option<Finding>| cause(facts));
    found.unwrap_or_else(|| {
        facts.warn("is Running, and nothing was found that holds it; look again, or see the controller's log")
    })
}

impl Facts {
    fn subject(&self) -> String {
        format!("workflow {}/{}", self.namespace, self.name)
    }

    fn ok(&self, text: impl Into<String>) -> Finding {
        Finding::ok(self.subject(), text)
    }

    fn warn(&self, text: impl Into<String>) -> Finding {
        Finding::warn(self.subject(), text)
    }

    fn fail(&self, text: impl Into<String>) -> Finding {
        Finding::fail(self.subject(), text)
    }

    fn status(&self, key: &str) -> &str {
        self.workflow["status"][key].as_str().unwrap_or_default()
    }
}

fn finished(facts: &Facts) -> Option<Finding> {
    if facts.status("finishedAt").is_empty() {
        return None;
    }
    let phase = facts.status("phase");
    if phase == "Succeeded" {
        return Some(facts.ok(format!("has finished: Succeeded at {}", facts.status("finishedAt"))));
    }
    let failed = node::all(facts).into_iter().find(|node| node.is_leaf() && node.has_failed());
    let (said, message) = match &failed {
        Some(node) => (format!("node {}: {}", node.name(), node.message()), node.message()),
        None => (facts.status("message").to_owned(), facts.status("message")),
    };
    let mend = words::mend(message).unwrap_or_else(|| "correct that, and submit it again".to_owned());
    Some(facts.fail(format!("has finished: {phase}: {said}; {mend}")))
}

fn unseen(facts: &Facts) -> Option<Finding> {
    if !facts.status("phase").is_empty() {
        return None;
    }
    Some(match facts.controller_ready {
        Some(false) => facts.fail(
            "nobody has looked at it: no pod of the controller is ready; see kubectl describe and logs of it",
        ),
        _ => facts.fail(
            "the controller has not looked at it: see that it runs, that it watches this namespace \
             (--namespaced, --managed-namespace), and that its instance id is the workflow's \
             (label workflows.argoproj.io/controller-instanceid)",
        ),
    })
}

fn controller_down(facts: &Facts) -> Option<Finding> {
    let text = "does not move: no pod of the controller is ready; see kubectl describe and logs of it";
    (facts.controller_ready == Some(false)).then(|| facts.fail(text))
}

/// A mutex or a semaphore (argo-workflows `SynchronizationStatus`), or the controller's own limit.
fn locked(facts: &Facts) -> Option<Finding> {
    let waiting = |kind: &str| facts.workflow["status"]["synchronization"][kind]["waiting"][0].clone();
    let (mutex, semaphore) = (waiting("mutex"), waiting("semaphore"));
    if let Some(name) = mutex["mutex"].as_str() {
        let holder = mutex["holder"].as_str().unwrap_or("another workflow");
        if facts.holder_ended {
            return Some(facts.fail(format!(
                "waits for the mutex {name}, which {holder} still holds though it has ended; where that lasts, \
                 restart the controller, which then counts anew"
            )));
        }
        return Some(
            facts
                .warn(format!("waits for the mutex {name}, which {holder} holds; wait for that, or stop it")),
        );
    }
    if let Some(name) = semaphore["semaphore"].as_str() {
        let holders = semaphore["holders"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let holders = holders.collect::<Vec<_>>().join(", ");
        let text = format!(
            "waits for the semaphore {name}, which is used up by {holders}; wait, or raise its limit"
        );
        return Some(facts.warn(text));
    }
    let message = facts.status("message");
    (facts.status("phase") == "Pending" && !message.is_empty())
        .then(|| facts.warn(format!("is Pending: {message}")))
}

fn suspended(facts: &Facts) -> Option<Finding> {
    let spec = facts.workflow["spec"]["suspend"] == true;
    let node = node::all(facts).into_iter().find(|node| node.kind() == "Suspend" && node.is_open());
    let by = node.map(|node| format!(" by node {}", node.name())).or_else(|| spec.then(String::new))?;
    Some(facts.warn(format!("is suspended{by}; argo resume -n {} {}", facts.namespace, facts.name)))
}

/// A step that is a pod of its own: Argo says itself what holds it.
fn other_node(facts: &Facts) -> Option<Finding> {
    let nodes = node::all(facts);
    let open = || nodes.iter().filter(|node| node.is_leaf() && node.is_open());
    if let Some(held) = open().find(|node| node.phase() == "Pending" && !node.message().is_empty()) {
        let text = format!("node {} is Pending: {}", held.name(), held.message());
        if ["PodInitializing", "ContainerCreating"].contains(&held.message()) {
            return Some(facts.ok(format!("starts: {text}")));
        }
        let mend = words::mend(held.message()).unwrap_or_else(|| {
            format!(
                "see kubectl describe pods -n {} -l workflows.argoproj.io/workflow={}",
                facts.namespace, facts.name
            )
        });
        return Some(facts.fail(format!("{text}; {mend}")));
    }
    let running = open().find(|node| node.phase() == "Running")?;
    let message =
        if running.message().is_empty() { String::new() } else { format!(": {}", running.message()) };
    Some(facts.ok(format!("works: node {} is Running{message}", running.name())))
}

#[cfg(test)]
mod tests;
