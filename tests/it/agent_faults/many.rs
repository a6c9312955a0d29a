//! Many task sets at once. They are written as the controller writes them, for it takes a minute for so many workflows.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use futures_util::{StreamExt, stream};
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;

/// The task set of a workflow `name` with one node, whose step is `step`.
fn task_set(name: &str, step: &Value) -> DynamicObject {
    let owner = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": name, "uid": uuid::Uuid::new_v4().to_string(),
    });
    let template = json!({"name": "main", "inputs": {}, "outputs": {}, "plugin": {"buildkit": step}});
    serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskSet",
        "metadata": {"name": name, "ownerReferences": [owner]}, "spec": {"tasks": {name: template}},
    }))
    .unwrap()
}

/// Creates `number` task sets at once; the step of each is made of its name.
async fn create(tenant: &Tenant, number: usize, step: impl Fn(&str) -> Value) {
    let sets = task_sets(tenant).await;
    let (sets, step) = (&sets, &step);
    let create = async |number: usize| {
        let name = format!("wf-{number}");
        sets.create(&PostParams::default(), &task_set(&name, &step(&name))).await.unwrap();
    };
    stream::iter(0..number).for_each_concurrent(32, create).await;
}

/// The phases that were reported in the tenant's task sets.
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
    let succeeded = async || phases(&tenant).await.iter().filter(|phase| *phase == "Succeeded").count();
    let all = async || (succeeded().await == 200).then_some(());
    until(|| format!("200 reports\n{}", agent.log()), PATIENCE, all).await;
    let metrics = agent.metric("argo_buildkit_agent_tasks 0").await;
    assert!(metrics.contains("outcome=\"succeeded\"} 200\n"), "each ran once:\n{metrics}");
}

/// A Git server that has nothing, and says so when it may.
struct Server {
    url: String,
    /// The first part of the path, as they came.
    came: Mutex<Vec<String>>,
    may: Semaphore,
}

impl Server {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(Self { url, came: Mutex::default(), may: Semaphore::new(0) });
        let router = axum::Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// A step that asks for a repository of its own.
    fn step(&self, tenant: &Tenant, name: &str) -> Value {
        let repo = format!("{}/{}/{name}.git", self.url, tenant.namespace);
        json!({"update-manifest": {"repo": repo, "targets": [{"file": "values.yaml", "helm": {"tag": "1"}}]}})
    }

    /// Whose steps have asked.
    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }
}

async fn answer(State(server): State<Arc<Server>>, uri: axum::http::Uri) -> StatusCode {
    let whose = uri.path().split('/').nth(1).unwrap_or_default().to_owned();
    server.came.lock().unwrap().push(whose);
    let _ = server.may.acquire().await;
    StatusCode::NOT_FOUND
}

/// Two namespaces, of which one has `flood` task sets and the other one, and an agent that runs so many at a time, and so
/// many of one namespace.
async fn flooded(flood: usize, running: usize, of_one: usize) -> (Arc<Server>, SharedAgent, Tenant) {
    let (server, loud, quiet) = (Server::start().await, Tenant::new().await, Tenant::new().await);
    create(&loud, flood, |name| server.step(&loud, name)).await;
    create(&quiet, 1, |name| server.step(&quiet, name)).await;
    let setup = AgentSetup::new(shared_buildkitd().address(), &[&loud, &quiet]).await;
    let setup = setup.env("ARGO_BUILDKIT_MAX_RUNNING", &running.to_string());
    let agent = setup.env("ARGO_BUILDKIT_MAX_RUNNING_PER_NAMESPACE", &of_one.to_string()).start();
    (server, agent, quiet)
}

async fn until_it_came(server: &Server, quiet: &Tenant, agent: &SharedAgent) -> usize {
    let place = async || server.came().iter().position(|whose| *whose == quiet.namespace);
    until(|| format!("the quiet one among {:?}\n{}", server.came(), agent.log()), PATIENCE, place).await
}

#[tokio::test]
async fn a_flood_leaves_room_for_others() {
    let (server, agent, quiet) = flooded(50, 3, 2).await;
    until_it_came(&server, &quiet, &agent).await;
    let loud = server.came().iter().filter(|whose| **whose != quiet.namespace).count();
    assert!(loud <= 2, "{loud} of one namespace");
}

#[tokio::test]
async fn a_namespace_with_one_task_is_not_behind_the_thousand_of_another() {
    let (server, agent, quiet) = flooded(1000, 2, 2).await;
    agent.metric("argo_buildkit_jobs_queued 999").await;
    server.may.add_permits(Semaphore::MAX_PERMITS);
    let place = until_it_came(&server, &quiet, &agent).await;
    assert!(place < 4, "{place} came before it");
    let reported = async || (phases(&quiet).await == ["Failed"]).then_some(());
    until(|| format!("its report\n{}", agent.log()), PATIENCE, reported).await;
}
