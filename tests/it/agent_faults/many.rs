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
    agent.metric("argo_buildkit_agent_report_seconds_count 200").await;
    let phases = phases(&tenant).await;
    assert!(phases.len() == 200 && phases.iter().all(|phase| phase == "Succeeded"), "{phases:?}");
    let metrics = agent.metric("argo_buildkit_agent_tasks 0").await;
    assert!(metrics.contains("outcome=\"succeeded\"} 200\n"), "each ran once:\n{metrics}");
}

/// A Git server that has nothing, and says so when it may.
struct Server {
    url: String,
    /// The paths of repositories, as they were first asked for.
    came: Mutex<Vec<String>>,
    /// As many are answered.
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

    /// Somebody asks for this.
    fn note(&self, path: &str) {
        let repository = path.split_once(".git").unwrap().0.to_owned();
        let mut came = self.came.lock().unwrap();
        if !came.contains(&repository) {
            came.push(repository);
        }
    }

    /// The repositories that were asked for.
    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }

    /// The place of the tenant's, if it was asked for.
    fn place(&self, tenant: &Tenant) -> Option<usize> {
        self.came().iter().position(|path| path.starts_with(&format!("/{}/", tenant.namespace)))
    }
}

async fn answer(State(server): State<Arc<Server>>, uri: axum::http::Uri) -> StatusCode {
    server.note(uri.path());
    server.may.acquire().await.unwrap().forget();
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

/// Waits until so many have asked.
async fn until_came(server: &Server, number: usize, agent: &SharedAgent) {
    let came = async || (server.came().len() >= number).then_some(());
    until(|| format!("{number} of {:?}\n{}", server.came(), agent.log()), PATIENCE, came).await;
}

#[tokio::test]
async fn a_flood_leaves_room_for_others() {
    let (server, agent, quiet) = flooded(50, 3, 2).await;
    until_came(&server, 3, &agent).await;
    assert!(server.place(&quiet).is_some(), "{:?}", server.came());
}

#[tokio::test]
async fn a_namespace_with_one_task_is_not_behind_the_thousand_of_another() {
    let (server, agent, quiet) = flooded(1000, 2, 2).await;
    agent.metric("argo_buildkit_jobs_queued 999").await;
    server.may.add_permits(1);
    until_came(&server, 3, &agent).await;
    assert!(server.place(&quiet).is_some(), "{:?}", server.came());
    server.may.add_permits(Semaphore::MAX_PERMITS / 2);
    let reported = async || (phases(&quiet).await == ["Failed"]).then_some(());
    until(|| format!("its report\n{}", agent.log()), PATIENCE, reported).await;
}
