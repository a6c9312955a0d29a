//! Many task sets at once. The test writes them as the controller does, because the controller takes a minute for so
//! many workflows.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use futures_util::{StreamExt, stream};
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;
use crate::support::net::PATIENCE;

const VERSION: &str = "argoproj.io/v1alpha1";

/// The task set of the workflow `name` with one node that has the step `step`.
fn task_set(name: &str, uid: &str, step: &Value) -> Value {
    let owner = json!({"apiVersion": VERSION, "kind": "Workflow", "name": name, "uid": uid});
    let template = json!({"name": "main", "inputs": {}, "outputs": {}, "plugin": {"buildkit": step}});
    json!({
        "apiVersion": VERSION, "kind": "WorkflowTaskSet",
        "metadata": {"name": name, "ownerReferences": [owner]}, "spec": {"tasks": {name: template}},
    })
}

/// A workflow of another controller, so that the test's own controller ignores it.
fn workflow(name: &str) -> Value {
    let labels = json!({"workflows.argoproj.io/controller-instanceid": "nobody"});
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]});
    json!({"apiVersion": VERSION, "kind": "Workflow", "metadata": {"name": name, "labels": labels}, "spec": spec})
}

/// Creates `number` task sets at once, of workflows that exist. `step` makes the step of each from its name.
async fn create(tenant: &Tenant, number: usize, step: impl Fn(&str) -> Value) {
    let (kube, step) = (Kube::shared().await, &step);
    let workflows = &kube.api(VERSION, "Workflow", &tenant.namespace).await;
    let sets = &task_sets(tenant).await;
    let create = async |number: usize| {
        let name = format!("wf-{number}");
        let owner = post(workflows, workflow(&name)).await;
        post(sets, task_set(&name, &owner.metadata.uid.unwrap(), &step(&name))).await;
    };
    stream::iter(0..number).for_each_concurrent(32, create).await;
}

/// Creates the task sets without their workflows, for steps that never ask for them.
async fn create_sets(tenant: &Tenant, number: usize, step: impl Fn(&str) -> Value) {
    let (sets, step) = (&task_sets(tenant).await, &step);
    let create = async |number: usize| {
        let name = format!("wf-{number}");
        post(sets, task_set(&name, &uuid::Uuid::new_v4().to_string(), &step(&name))).await;
    };
    stream::iter(0..number).for_each_concurrent(32, create).await;
}

async fn post(api: &Api<DynamicObject>, object: Value) -> DynamicObject {
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

/// The phases in the status of the tenant's task sets.
async fn phases(tenant: &Tenant) -> Vec<String> {
    let sets = task_sets(tenant).await.list(&ListParams::default()).await.unwrap();
    let nodes = |set: DynamicObject| set.data["status"]["nodes"].as_object().cloned().unwrap_or_default();
    let phases = sets.items.into_iter().flat_map(nodes).map(|(_, node)| node["phase"].clone());
    phases.filter_map(|phase| phase.as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn two_hundred_workflows_at_once_all_finish() {
    let tenant = Tenant::new().await;
    let agent = SharedAgent::serving(shared_buildkitd().address(), &tenant).await;
    create(&tenant, 200, |_| json!({"supersede": {"enabled": false}})).await;
    agent.metric("argo_buildkit_agent_report_seconds_count 200").await;
    let phases = phases(&tenant).await;
    assert!(phases.len() == 200 && phases.iter().all(|phase| phase == "Succeeded"), "{phases:?}");
    let metrics = agent.metric("argo_buildkit_agent_tasks 0").await;
    assert!(metrics.contains("outcome=\"succeeded\"} 200\n"), "each ran once:\n{metrics}");
}

/// A Git server without repositories. It answers for as many repositories as it has permits.
struct Server {
    url: String,
    /// The paths of the requested repositories, in order of their first request.
    came: Mutex<Vec<String>>,
    /// The permits; each repository takes one.
    may: Semaphore,
    /// The repositories that have their permit: a step sends more than one request.
    answered: Mutex<Vec<String>>,
}

impl Server {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(Self {
            url,
            came: Mutex::default(),
            may: Semaphore::new(0),
            answered: Mutex::default(),
        });
        let router = axum::Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// A step that requests a repository of its own.
    fn step(&self, tenant: &Tenant, name: &str) -> Value {
        let repo = format!("{}/{}/{name}.git", self.url, tenant.namespace);
        json!({"update-manifest": {"repo": repo, "targets": [{"file": "values.yaml", "helm": {"tag": "1"}}]}})
    }

    /// Records the request, and waits until `repository` has its permit.
    async fn may_answer(&self, repository: &str) {
        note(&self.came, repository);
        if !self.answered.lock().unwrap().iter().any(|answered| answered == repository) {
            self.may.acquire().await.unwrap().forget();
            note(&self.answered, repository);
        }
    }

    /// The requested repositories.
    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }

    /// The position of the tenant's first request, if there was one.
    fn place(&self, tenant: &Tenant) -> Option<usize> {
        self.came().iter().position(|path| path.starts_with(&format!("/{}/", tenant.namespace)))
    }
}

async fn answer(State(server): State<Arc<Server>>, uri: axum::http::Uri) -> StatusCode {
    server.may_answer(uri.path().split_once(".git").unwrap().0).await;
    StatusCode::NOT_FOUND
}

fn note(list: &Mutex<Vec<String>>, repository: &str) {
    let mut list = list.lock().unwrap();
    if !list.iter().any(|noted| noted == repository) {
        list.push(repository.to_owned());
    }
}

/// Starts an agent that runs `running` jobs at a time, with a limit for each namespace. One of its two namespaces has
/// `flood` task sets, of which two run; the other has none yet.
async fn flooded(flood: usize, running: usize) -> (Arc<Server>, SharedAgent, Tenant) {
    let (server, loud, quiet) = (Server::start().await, Tenant::new().await, Tenant::new().await);
    create_sets(&loud, flood, |name| server.step(&loud, name)).await;
    let setup = AgentSetup::new(shared_buildkitd().address(), &[&loud, &quiet]).await;
    let setup = setup.env("ARGO_BUILDKIT_MAX_RUNNING", &running.to_string());
    let agent = setup.env("ARGO_BUILDKIT_MAX_RUNNING_PER_NAMESPACE", "2").start();
    until_came(&server, 2, &agent).await;
    agent.metric(&format!("argo_buildkit_jobs_queued {}", flood - 2)).await;
    (server, agent, quiet)
}

/// Waits until `number` repositories were requested.
async fn until_came(server: &Server, number: usize, agent: &SharedAgent) {
    let came = async || (server.came().len() >= number).then_some(());
    until(|| format!("{number} of {:?}\n{}", server.came(), agent.log()), PATIENCE, came).await;
}

#[tokio::test]
async fn a_flood_leaves_room_for_others() {
    let (server, agent, quiet) = flooded(50, 3).await;
    create(&quiet, 1, |name| server.step(&quiet, name)).await;
    until_came(&server, 3, &agent).await;
    assert_eq!(server.place(&quiet), Some(2), "{:?}", server.came());
}

#[tokio::test]
async fn a_namespace_with_one_task_is_not_behind_the_thousand_of_another() {
    let (server, agent, quiet) = flooded(1000, 2).await;
    create(&quiet, 1, |name| server.step(&quiet, name)).await;
    agent.metric("argo_buildkit_jobs_queued 999").await;
    server.may.add_permits(1);
    until_came(&server, 3, &agent).await;
    // The other namespace may have one turn first, because it has waited longer.
    if server.place(&quiet).is_none() {
        server.may.add_permits(1);
        until_came(&server, 4, &agent).await;
    }
    assert!(server.place(&quiet).is_some(), "{:?}", server.came());
    // No other job started before it unseen: the task sets of the flood have no workflows, so their jobs may end
    // before they send a request.
    let metrics = agent.ops("/metrics").await.1;
    let queued = metrics.lines().find_map(|line| line.strip_prefix("argo_buildkit_jobs_queued "));
    assert!(matches!(queued, Some("998" | "997")), "{queued:?} queue");
    server.may.add_permits(2);
    let reported = async || (phases(&quiet).await == ["Failed"]).then_some(());
    until(|| format!("its report\n{}", agent.log()), PATIENCE, reported).await;
}
