//! Objects of one kind in one namespace, as JSON, with the rights of the namespace of a workflow.

use std::future::ready;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::Value;

use super::{ApiRequest, Cluster, KubeError, Rights};

/// Reads, changes and watches objects.
#[derive(Clone)]
pub struct TenantObjects {
    api: Api<DynamicObject>,
    kind: ApiResource,
    namespace: String,
    rights: Rights,
    watch_seconds: u32,
}

/// The result of a merge patch.
#[derive(Debug, Clone, PartialEq)]
pub enum Merged {
    /// The object after the change.
    Done(Value),
    /// There is no such object.
    Missing,
    /// The patch named a resource version, and the object has another by now.
    Conflict,
}

/// A change that a watch reports: the object, or `None` if it was deleted.
pub(super) type Changed = Result<Option<Value>, KubeError>;

impl Cluster {
    /// The objects of `kind` in `namespace`, with the rights of the workflows' namespace `tenant`.
    pub async fn tenant_objects(
        &self,
        tenant: &str,
        kind: ApiResource,
        namespace: &str,
    ) -> Result<TenantObjects, KubeError> {
        let rights = self.rights_for(tenant);
        let client = self.client_for(tenant).await.map_err(|reason| {
            let attempt = format!("using {} in namespace `{namespace}`", kind.plural);
            ApiRequest::new(attempt, rights.clone(), "get").no_cluster(reason)
        })?;
        let api = Api::namespaced_with(client, namespace, &kind);
        let watch_seconds = self.limits.watch_seconds();
        Ok(TenantObjects { api, kind, namespace: namespace.to_owned(), rights, watch_seconds })
    }
}

impl TenantObjects {
    /// Reads the object `name`; `None` if it does not exist, or if the cluster does not know the kind.
    pub async fn get(&self, name: &str) -> Result<Option<Value>, KubeError> {
        let request = self.request("reading", "get", Some(name));
        let found = self.api.get_opt(name).await.map_err(|error| request.failed(&error))?;
        found.map(|object| json(object, &request)).transpose()
    }

    /// Lists at most `most` objects with these labels, in the form of `kubectl`.
    pub async fn list(&self, labels: &str, most: u32) -> Result<Vec<Value>, KubeError> {
        let request = self.request("listing", "list", None);
        let chosen = ListParams::default().labels(labels).limit(most);
        let found = self.api.list(&chosen).await.map_err(|error| request.failed(&error))?;
        found.items.into_iter().map(|object| json(object, &request)).collect()
    }

    /// The names of at most `most` objects with these labels, in the form of `kubectl`.
    pub async fn names(&self, labels: &str, most: u32) -> Result<Vec<String>, KubeError> {
        let request = self.request("listing", "list", None);
        let chosen = ListParams::default().labels(labels).limit(most);
        let found = self.api.list_metadata(&chosen).await.map_err(|error| request.failed(&error))?;
        Ok(found.items.into_iter().filter_map(|object| object.metadata.name).collect())
    }

    /// Changes the object `name` by a merge patch.
    pub async fn merge(&self, name: &str, patch: &Value) -> Result<Merged, KubeError> {
        let request = self.request("patching", "patch", Some(name));
        match self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(object) => json(object, &request).map(Merged::Done),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Merged::Missing),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Merged::Conflict),
            Err(error) => Err(request.failed(&error)),
        }
    }

    /// Reports the changes of the object `name` after the resource version `from`, until the API server ends the watch, as it
    /// does every minute. It needs no right to list: only this object is watched.
    pub(super) async fn watch(
        &self,
        name: &str,
        from: &str,
    ) -> Result<BoxStream<'static, Changed>, KubeError> {
        let request = self.request("watching", "watch", Some(name));
        let only = format!("metadata.name={name}");
        let parameters = WatchParams::default().fields(&only).timeout(self.watch_seconds);
        let events = self.api.watch(&parameters, from).await.map_err(|error| request.failed(&error))?;
        Ok(events.filter_map(move |event| ready(changed(event, &request))).boxed())
    }

    fn request(&self, attempt: &str, verb: &str, name: Option<&str>) -> ApiRequest {
        let ApiResource { kind, plural, group, .. } = &self.kind;
        let of = if group.is_empty() { String::new() } else { format!(" of API group {group}") };
        let (what, only) = match name {
            Some(name) => (format!("{kind} `{name}`"), format!(" with resourceNames: [{name}]")),
            None => (plural.clone(), String::new()),
        };
        let attempt = format!("{attempt} {what} in namespace `{}`", self.namespace);
        let right = format!("{verb} on `{plural}`{of} (a Role in that namespace{only})");
        ApiRequest::new(attempt, self.rights.clone(), right)
    }
}

/// What an event reports, if it is about the object.
fn changed(event: Result<WatchEvent<DynamicObject>, kube::Error>, request: &ApiRequest) -> Option<Changed> {
    match event {
        Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Some(json(object, request).map(Some)),
        Ok(WatchEvent::Deleted(_)) => Some(Ok(None)),
        Ok(WatchEvent::Bookmark(_)) => None,
        Ok(WatchEvent::Error(status)) => Some(Err(request.failed(&kube::Error::Api(status)))),
        Err(error) => Some(Err(request.failed(&error))),
    }
}

fn json(object: DynamicObject, request: &ApiRequest) -> Result<Value, KubeError> {
    serde_json::to_value(object).map_err(|error| request.unavailable(error.to_string()))
}
