//! Why one workflow makes no progress: reads its state from the cluster, and reports the first cause found.

mod agent;
mod large;
mod lock;
mod node;
mod pod;
mod shared;
mod words;

use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::Value;

use super::api_login::{ApiLogin, unread};
use super::controller::Config;
use super::user_objects::UserObject;
use super::{Doctor, ExecutionMode, Finding, forms, rights, room};
use crate::kube::{Account, By, SecretError, Secrets};
use lock::Holder;

/// The state of one workflow in the cluster.
#[derive(Debug, Default)]
struct WorkflowFacts {
    namespace: String,
    name: String,
    workflow: Value,
    task_set: Option<Value>,
    /// The agent pods. None if they may not be read.
    pods: Option<Vec<Pod>>,
    /// Events about the pods, oldest first.
    events: Vec<Event>,
    /// Secrets that an agent pod mounts and that do not exist.
    missing_secrets: Vec<String>,
    /// The holder of the mutex that the workflow waits for.
    holder: Holder,
    /// The reasons why a quota or a limit range refuses the agent pod.
    room: Vec<Finding>,
    /// The names of the LimitRanges of the namespace.
    ranges: Vec<String>,
    /// The settings in the controller's ConfigMap, and the only namespace that it watches.
    config: Config,
    only: Option<String>,
    /// The agent's rights that the workflow's account lacks.
    unmet: Vec<Finding>,
    /// The component that executes plugin steps.
    mode: ExecutionMode,
    /// The reasons why the shared agent for this namespace cannot work.
    flaws: Vec<Finding>,
    agent_namespace: String,
    /// Whether a controller runs and loads plugins, if known.
    controller_ready: Option<bool>,
    plugins_on: Option<bool>,
    /// Whether the controller may patch a task set's status.
    status_right: Option<bool>,
}

impl Doctor {
    /// Reports why the workflow `name` makes no progress, or that it does.
    pub async fn why(&self, name: &str, mut say: impl FnMut(Finding)) {
        let api_login = ApiLogin::open(&self.engine.cluster).await;
        let finding = match api_login.is_open() {
            true => self.cause(&api_login, name).await,
            false => api_login.without("a workflow can only be looked at in its cluster"),
        };
        say(finding.clean(&self.redactor));
    }

    async fn cause(&self, api_login: &ApiLogin, name: &str) -> Finding {
        let namespace = &self.site.namespace;
        let subject = format!("workflow {namespace}/{name}");
        match self.engine.cluster.find_argo("Workflow", namespace, name).await {
            Err(error) => unread(subject, &error),
            Ok(None) => {
                Finding::fail(subject, "does not exist; check the name, and the namespace (--namespace)")
            }
            Ok(Some(workflow)) => judge(&self.facts(api_login, name, large::unpacked(workflow)).await),
        }
    }

    async fn facts(&self, api_login: &ApiLogin, name: &str, workflow: Value) -> WorkflowFacts {
        let (cluster, namespace) = (&self.engine.cluster, &self.site.namespace);
        let task_set = cluster.find_argo("WorkflowTaskSet", namespace, name).await.ok().flatten();
        let labels = format!("workflows.argoproj.io/component=agent,workflows.argoproj.io/workflow={name}");
        let pods = cluster.list::<Pod>(namespace, &By::Labels(&labels)).await.ok();
        let (namespace, name) = (namespace.clone(), name.to_owned());
        let mut facts =
            WorkflowFacts { namespace, name, workflow, task_set, pods, ..WorkflowFacts::default() };
        let controller = self.controller().await;
        let signs = self.mode_inputs(&controller).await;
        (facts.mode, facts.config) = (signs.mode(), signs.config);
        let controller = controller.ok().flatten();
        if facts.mode == ExecutionMode::Sidecar && facts.pods.as_ref().is_some_and(Vec::is_empty) {
            let plugins = self.plugins().await;
            let pod = room::Pod::new(controller.as_ref(), plugins.iter().flatten().flatten());
            facts.room = self.room(&pod).await;
        }
        if let Some(controller) = controller {
            facts.only = controller.only(&self.site.argo_namespace);
            facts.controller_ready = Some(controller.is_ready());
            facts.plugins_on = controller.loads_plugins();
            facts.status_right = self.controller_rights(api_login, &controller, facts.mode).await.status();
        }
        facts.holder = self.holder(&facts).await;
        if facts.mode.is_shared() {
            facts.agent_namespace = self.site.agent_namespace.clone();
            facts.flaws = self.shared_flaws(api_login, &facts.config).await;
        } else if let Some(pod) = facts.pods.iter().flatten().next().cloned() {
            self.of_pod(api_login, &pod, &mut facts).await;
        }
        facts.ranges = self.limit_ranges().await;
        facts
    }

    async fn of_pod(&self, api_login: &ApiLogin, pod: &Pod, facts: &mut WorkflowFacts) {
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
        let unmet = self.rights(api_login, &account, &needs).await;
        facts.unmet = unmet.into_iter().filter(|finding| finding.severity == super::Severity::Fail).collect();
    }
}

/// The first cause found in the facts.
fn judge(facts: &WorkflowFacts) -> Finding {
    let executor = if facts.mode.is_shared() { shared::cause } else { agent::cause };
    let large = [large::offloaded, large::oversized];
    let first = [finished, unseen, controller_down, lock::cause, suspended];
    let causes = first.into_iter().chain(large).chain([executor, other_node]);
    let found = causes.into_iter().find_map(|cause: fn(&WorkflowFacts) -> Option<Finding>| cause(facts));
    found.unwrap_or_else(|| {
        facts.warn("is Running, and nothing was found that holds it; look again, or see the controller's log")
    })
}

impl WorkflowFacts {
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

    /// The advice for a known message.
    fn mend(&self, message: &str) -> Option<String> {
        words::mend(message, &self.ranges)
    }

    fn status(&self, key: &str) -> &str {
        self.workflow["status"][key].as_str().unwrap_or_default()
    }
}

fn finished(facts: &WorkflowFacts) -> Option<Finding> {
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
    let mend = facts.mend(message).unwrap_or_else(|| "correct that, and submit it again".to_owned());
    Some(facts.fail(format!("has finished: {phase}: {said}; {mend}")))
}

fn unseen(facts: &WorkflowFacts) -> Option<Finding> {
    if !facts.status("phase").is_empty() {
        return None;
    }
    Some(match facts.controller_ready {
        Some(false) => facts.fail(
            "nobody has looked at it: no pod of the controller is ready; see kubectl describe and logs of it",
        ),
        _ => facts.fail(elsewhere(facts).unwrap_or_else(|| {
            "the controller has not looked at it: see that it runs, that it watches this namespace \
             (--namespaced, --managed-namespace), and that its instance id is the workflow's \
             (label workflows.argoproj.io/controller-instanceid)"
                .to_owned()
        })),
    })
}

/// The reason why a running controller does not process this workflow.
fn elsewhere(facts: &WorkflowFacts) -> Option<String> {
    const LABEL: &str = "workflows.argoproj.io/controller-instanceid";
    if let Some(open) = forms::unclosed(&UserObject::of("Workflow", &facts.workflow, "/spec")).first() {
        return Some(format!("the controller does not begin it: {open} {}", forms::UNCLOSED));
    }
    if let Some(only) = facts.only.as_ref().filter(|only| **only != facts.namespace) {
        return Some(format!(
            "the controller does not look at it: it watches namespace {only} alone (--namespaced, --managed-namespace)"
        ));
    }
    let label = facts.workflow["metadata"]["labels"][LABEL].as_str();
    let theirs = facts.config.instance.as_deref();
    (facts.config.is_known && label != theirs).then(|| {
        let shown = |id: Option<&str>| id.map_or_else(|| "none".to_owned(), |id| format!("`{id}`"));
        format!(
            "the controller does not look at it: its instanceID is {}, and the workflow's label {LABEL} is {}; submit it \
             with argo --instanceid, or with that label",
            shown(theirs),
            shown(label)
        )
    })
}

fn controller_down(facts: &WorkflowFacts) -> Option<Finding> {
    let text = "does not move: no pod of the controller is ready; see kubectl describe and logs of it";
    (facts.controller_ready == Some(false)).then(|| facts.fail(text))
}

fn suspended(facts: &WorkflowFacts) -> Option<Finding> {
    let spec = facts.workflow["spec"]["suspend"] == true;
    let node = node::all(facts).into_iter().find(|node| node.kind() == "Suspend" && node.is_open());
    let by = node.map(|node| format!(" by node {}", node.name())).or_else(|| spec.then(String::new))?;
    Some(facts.warn(format!("is suspended{by}; argo resume -n {} {}", facts.namespace, facts.name)))
}

/// The finding about a step that is a pod of its own: Argo itself reports why it waits.
fn other_node(facts: &WorkflowFacts) -> Option<Finding> {
    let nodes = node::all(facts);
    let open = || nodes.iter().filter(|node| node.is_leaf() && node.is_open());
    if let Some(held) = open().find(|node| node.phase() == "Pending" && !node.message().is_empty()) {
        let text = format!("node {} is Pending: {}", held.name(), held.message());
        if ["PodInitializing", "ContainerCreating"].contains(&held.message()) {
            return Some(facts.ok(format!("starts: {text}")));
        }
        let mend = facts.mend(held.message()).unwrap_or_else(|| {
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
