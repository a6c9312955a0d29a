//! The endless watch of all objects of one kind in one namespace, with the rights of this process.

use std::collections::VecDeque;
use std::time::Duration;

use backon::ExponentialBackoff;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{ApiRequest, Cluster, KubeError, Rights};
use crate::time_limits::pauses::endless;

/// The objects of one page of a list. All of them are in memory for a moment, and each may have a megabyte.
const PAGE: u32 = 16;

/// The shortest and the longest pause before a request is repeated.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

type Changes = BoxStream<'static, Result<WatchEvent<DynamicObject>, kube::Error>>;

/// An event of the watch.
#[derive(Debug, Clone, PartialEq)]
pub enum NamespaceEvent {
    /// A list begins. If listing fails, another one begins before [`NamespaceEvent::Listed`].
    Relisting,
    /// An object exists or has changed.
    Seen {
        /// Its name.
        name: String,
        /// The object. Of its metadata, only the resource version and the annotations are there.
        object: Value,
    },
    /// The list is complete. Objects that were not seen since the last [`NamespaceEvent::Relisting`] do not exist.
    Listed,
    /// The object of this name was deleted.
    Gone(String),
    /// The API server answers: the changes are watched.
    Watching,
}

/// What is requested next.
enum Position {
    /// The first page.
    Unlisted,
    /// The page with this token.
    Page(String),
    /// The changes after this resource version.
    At(String),
    /// The next change. The version is that of the last one.
    Watching(Changes, String),
}

struct NamespaceWatch {
    cluster: Cluster,
    kind: ApiResource,
    namespace: String,
    position: Position,
    /// Events that were read and not returned yet: those of one page at most.
    ready: VecDeque<NamespaceEvent>,
    pause: Option<Duration>,
    pauses: ExponentialBackoff,
}

impl Cluster {
    /// Watches the objects of `kind` in `namespace` with the rights of this process, whatever namespace the work is for: first all
    /// that exist, then each change. The stream never ends. It returns an error once when it occurs, and tries again after a pause.
    pub fn watch_namespace(
        &self,
        kind: ApiResource,
        namespace: &str,
    ) -> BoxStream<'static, Result<NamespaceEvent, KubeError>> {
        let watch = NamespaceWatch {
            cluster: self.clone(),
            kind,
            namespace: namespace.to_owned(),
            position: Position::Unlisted,
            ready: VecDeque::new(),
            pause: None,
            pauses: endless(PAUSE.0, PAUSE.1),
        };
        stream::unfold(watch, async |mut watch| {
            let event = watch.next().await;
            Some((event, watch))
        })
        .boxed()
    }
}

impl NamespaceWatch {
    async fn next(&mut self) -> Result<NamespaceEvent, KubeError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if let Some(pause) = self.pause.take() {
                sleep(pause).await;
            }
            if let Err(error) = self.step().await {
                self.pause = self.pauses.next();
                return Err(error);
            }
        }
    }

    /// Sends one request, or reads one change.
    async fn step(&mut self) -> Result<(), KubeError> {
        // If it fails, the objects are listed again, unless it says otherwise.
        match std::mem::replace(&mut self.position, Position::Unlisted) {
            Position::Unlisted => {
                self.ready.push_back(NamespaceEvent::Relisting);
                self.list(ListParams::default().limit(PAGE)).await
            }
            Position::Page(token) => {
                self.list(ListParams::default().limit(PAGE).continue_token(&token)).await
            }
            Position::At(version) => self.begin(version).await,
            Position::Watching(mut changes, version) => {
                let change = changes.next().await;
                self.follow(change, changes, version)
            }
        }
    }

    fn follow(
        &mut self,
        change: Option<Result<WatchEvent<DynamicObject>, kube::Error>>,
        changes: Changes,
        version: String,
    ) -> Result<(), KubeError> {
        match change {
            Some(Ok(event)) => self.take(event, changes, version),
            Some(Err(error)) => {
                // An event that could not be read would be skipped.
                if !matches!(error, kube::Error::SerdeError(_)) {
                    self.position = Position::At(version);
                }
                Err(self.request().failed(&error))
            }
            None => {
                self.position = Position::At(version);
                // Something on the way may end every watch at once.
                self.pause = Some(PAUSE.0);
                Ok(())
            }
        }
    }

    async fn list(&mut self, page: ListParams) -> Result<(), KubeError> {
        let found = self.api().await?.list(&page).await.map_err(|error| self.request().failed(&error))?;
        self.ready.extend(found.items.into_iter().map(seen));
        self.position = match found.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => Position::Page(token),
            None => {
                self.ready.push_back(NamespaceEvent::Listed);
                Position::At(found.metadata.resource_version.unwrap_or_default())
            }
        };
        Ok(())
    }

    async fn begin(&mut self, version: String) -> Result<(), KubeError> {
        let parameters = WatchParams::default().timeout(self.cluster.limits.watch_seconds());
        let begun = self.api().await?.watch(&parameters, &version).await;
        match begun {
            Ok(changes) => {
                self.pauses = endless(PAUSE.0, PAUSE.1);
                self.ready.push_back(NamespaceEvent::Watching);
                self.position = Position::Watching(changes.boxed(), version);
                Ok(())
            }
            Err(error) => {
                if !is_lost(&error) {
                    self.position = Position::At(version);
                }
                Err(self.request().failed(&error))
            }
        }
    }

    fn take(
        &mut self,
        event: WatchEvent<DynamicObject>,
        changes: Changes,
        version: String,
    ) -> Result<(), KubeError> {
        let version = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let version = object.metadata.resource_version.clone().unwrap_or(version);
                self.ready.push_back(seen(object));
                version
            }
            WatchEvent::Deleted(object) => {
                self.ready.push_back(NamespaceEvent::Gone(object.metadata.name.unwrap_or_default()));
                object.metadata.resource_version.unwrap_or(version)
            }
            WatchEvent::Bookmark(bookmark) => bookmark.metadata.resource_version,
            WatchEvent::Error(status) => {
                let error = kube::Error::Api(status);
                if !is_lost(&error) {
                    self.position = Position::At(version);
                }
                return Err(self.request().failed(&error));
            }
        };
        self.position = Position::Watching(changes, version);
        Ok(())
    }

    async fn api(&mut self) -> Result<Api<DynamicObject>, KubeError> {
        let client = self.cluster.client().await.map_err(|reason| self.request().no_cluster(reason))?;
        Ok(Api::namespaced_with(client, &self.namespace, &self.kind))
    }

    fn request(&self) -> ApiRequest {
        let ApiResource { plural, group, .. } = &self.kind;
        let right = format!(
            "list and watch on `{plural}` of API group {group} (a Role in that namespace, without names)"
        );
        let attempt = format!("watching all `{plural}` in namespace `{}`", self.namespace);
        ApiRequest::new(attempt, Rights::Own, right).by("the agent's ServiceAccount")
    }
}

/// Whether the server no longer has the changes after a version, or does not have that version yet (a restored etcd).
fn is_lost(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 410 | 504))
}

/// Most of the metadata is the list of managed fields, which nobody reads.
fn seen(object: DynamicObject) -> NamespaceEvent {
    let metadata = object.metadata;
    let kept = json!({"resourceVersion": metadata.resource_version, "annotations": metadata.annotations});
    let mut object = object.data;
    object["metadata"] = kept;
    NamespaceEvent::Seen { name: metadata.name.unwrap_or_default(), object }
}
