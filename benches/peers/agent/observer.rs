//! A watch of the tasks beside the agent's own: when each was there, and when its result was.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::tasks::{Tasks, path};

/// What is read of a WorkflowTaskSet. The API server ends the watch of those who read slowly.
#[derive(Clone, Deserialize)]
struct Set {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Clone, Default, Deserialize)]
struct Status {
    #[serde(default)]
    nodes: BTreeMap<String, Node>,
}

#[derive(Clone, Deserialize)]
struct Node {
    phase: String,
}

/// When a task was visible, and when its result was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    pub(crate) visible: Instant,
    pub(crate) reported: Option<Instant>,
}

type Sights = BTreeMap<String, Sight>;

/// Sees the tasks as the agent does.
pub(crate) struct Observer {
    sights: watch::Receiver<Sights>,
    _task: AbortOnDropHandle<()>,
}

impl Observer {
    /// Begins to watch. No WorkflowTaskSet may be there.
    pub(crate) async fn begin(tasks: &Tasks) -> Self {
        let list: serde_json::Value = tasks.client.request(get(path("workflowtasksets"))).await.unwrap();
        let version = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        let (tell, sights) = watch::channel(Sights::new());
        let task = tokio::spawn(follow(tasks.client.clone(), version, tell));
        Self { sights, _task: AbortOnDropHandle::new(task) }
    }

    /// Waits until `count` tasks are reported to have succeeded.
    pub(crate) async fn reported(&mut self, count: usize) -> Vec<Sight> {
        let all = |sights: &Sights| sights.values().filter(|sight| sight.reported.is_some()).count() == count;
        self.sights.wait_for(all).await.unwrap().values().copied().collect()
    }
}

/// Follows for good: a watch that ends goes on where it ended.
async fn follow(client: Client, mut version: String, tell: watch::Sender<Sights>) {
    loop {
        let path = format!("{}?watch=true&resourceVersion={version}", path("workflowtasksets"));
        let mut events = Box::pin(client.request_events::<Set>(get(path)).await.unwrap());
        while let Some(event) = events.try_next().await.unwrap() {
            let (WatchEvent::Added(set) | WatchEvent::Modified(set)) = event else { continue };
            version.clone_from(&set.metadata.resource_version);
            tell.send_modify(|sights| see(sights, &set));
        }
        println!("the API server ended the observer's watch");
    }
}

fn see(sights: &mut Sights, set: &Set) {
    let now = Instant::now();
    let sight = sights.entry(set.metadata.name.clone()).or_insert(Sight { visible: now, reported: None });
    if set.status.nodes.values().any(|node| node.phase == "Succeeded") {
        sight.reported.get_or_insert(now);
    }
}

fn get(path: String) -> Request<Vec<u8>> {
    Request::get(path).body(Vec::new()).unwrap()
}
