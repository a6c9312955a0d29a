//! The API server without kubectl, whose start alone costs half a second.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::TryStreamExt as _;
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use serde_json::Value;

/// A client of the cluster that KUBECONFIG names. It is not the product's, which limits each request: a log is followed for minutes here.
pub(crate) async fn client() -> Client {
    // Fails only when another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_default().await.unwrap()
}

/// Creates an object.
pub(crate) async fn create(client: &Client, path: &str, object: &Value) -> Value {
    let request = Request::post(path).header("content-type", "application/json");
    client.request(request.body(serde_json::to_vec(object).unwrap()).unwrap()).await.unwrap()
}

/// What was seen of a collection, with the time of each sight.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<(Instant, Value)>>>);

impl Seen {
    /// When an object was first seen that is as `wanted`, and that object.
    pub(crate) fn first(&self, wanted: impl Fn(&Value) -> bool) -> Option<(Instant, Value)> {
        self.0.lock().unwrap().iter().find(|(_, object)| wanted(object)).cloned()
    }

    fn push(&self, object: Value) {
        self.0.lock().unwrap().push((Instant::now(), object));
    }
}

/// Watches a collection until it is dropped.
pub(crate) struct Watch {
    pub(crate) seen: Seen,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    /// Begins to watch `path`.
    pub(crate) async fn begin(client: &Client, path: &str) -> Self {
        let request = Request::get(format!("{path}?watch=true")).body(Vec::new()).unwrap();
        let events = client.request_events::<Value>(request).await.unwrap();
        let seen = Seen::default();
        let pushed = seen.clone();
        let task = tokio::spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.try_next().await.unwrap() {
                if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
                    pushed.push(object);
                }
            }
        });
        Self { seen, task }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Follows the log of a pod's container until its end; each line begins with its time.
pub(crate) async fn log(client: &Client, namespace: &str, pod: &str, container: &str) -> String {
    let path = format!(
        "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&follow=true&timestamps=true"
    );
    client.request_text(Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
}
