//! Reads objects without changing them.

use std::fmt::Debug;

use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::task_set::COMPLETED;
use super::{Cluster, NoCluster};

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The environment names no cluster.
    #[error(transparent)]
    NoCluster(#[from] NoCluster),
    /// RBAC does not allow this process to read it.
    #[error("this login may not {0}")]
    Forbidden(String),
    /// The server does not know this kind: a CRD or a newer version of Kubernetes is missing.
    #[error("the cluster knows no {0}")]
    NoSuchKind(String),
    /// There was no answer, or an unexpected one.
    #[error("cannot {what}: {why}; check the address and the credentials in KUBECONFIG, and the API server")]
    Unavailable {
        /// The attempted operation.
        what: String,
        /// The cause.
        why: String,
    },
}

impl ReadError {
    /// Converts the error of the operation `what`. The caller handles a missing object itself.
    pub(super) fn of(what: String, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden(what),
            kube::Error::Api(status) if status.code == 404 => Self::NoSuchKind(kind_in(&what)),
            kube::Error::Api(status) => Self::Unavailable { what, why: status.message.clone() },
            other => Self::Unavailable { what, why: super::reason(other) },
        }
    }
}

/// The resource in the text of an operation: `workflows` in `get workflows x in namespace y`.
fn kind_in(what: &str) -> String {
    what.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// A type of object that belongs to a namespace.
pub trait Namespaced: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Readable {}
impl<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Readable> Namespaced for K {}

/// The traits that a type needs to be read from the API.
pub trait Readable: Clone + Debug + DeserializeOwned {}
impl<K: Clone + Debug + DeserializeOwned> Readable for K {}

impl Cluster {
    /// Reads the object `name` of `namespace`; `None` if it does not exist.
    pub async fn find<K: Namespaced>(&self, namespace: &str, name: &str) -> Result<Option<K>, ReadError> {
        let what = || format!("get {} {name} in namespace {namespace}", K::plural(&()));
        let api = Api::<K>::namespaced(self.client().await?, namespace);
        api.get_opt(name).await.map_err(|e| ReadError::of(what(), &e))
    }

    /// Reads the object `name` of a kind without namespaces; `None` if it does not exist.
    pub async fn find_global<K>(&self, name: &str) -> Result<Option<K>, ReadError>
    where
        K: Resource<Scope = ClusterResourceScope, DynamicType = ()> + Readable,
    {
        let what = || format!("get {} {name}", K::plural(&()));
        let api = Api::<K>::all(self.client().await?);
        api.get_opt(name).await.map_err(|e| ReadError::of(what(), &e))
    }

    /// Lists the objects of `namespace` that `by` selects.
    pub async fn list<K: Namespaced>(&self, namespace: &str, by: &By<'_>) -> Result<Vec<K>, ReadError> {
        let what = || format!("list {} in namespace {namespace}", K::plural(&()));
        let api = Api::<K>::namespaced(self.client().await?, namespace);
        Ok(api.list(&by.parameters()).await.map_err(|e| ReadError::of(what(), &e))?.items)
    }

    /// Lists the objects of all namespaces that `by` selects.
    pub async fn list_everywhere<K: Namespaced>(&self, by: &By<'_>) -> Result<Vec<K>, ReadError> {
        let what = || format!("list {} in all namespaces", K::plural(&()));
        let api = Api::<K>::all(self.client().await?);
        Ok(api.list(&by.parameters()).await.map_err(|e| ReadError::of(what(), &e))?.items)
    }

    /// Reads an object of Argo Workflows, such as a `Workflow`, as JSON.
    pub async fn find_argo(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ReadError> {
        let resource = super::argo(kind);
        let what = || format!("get {} {name} in namespace {namespace}", resource.plural);
        let api = Api::<DynamicObject>::namespaced_with(self.client().await?, namespace, &resource);
        get_json(&api, name, what).await
    }

    /// Reads an object of a kind without namespaces, as JSON. Tries `versions` of the kind in order and uses the
    /// first that the server knows.
    pub async fn find_versioned(
        &self,
        group: &str,
        versions: &[&str],
        kind: &str,
        name: &str,
    ) -> Result<Option<Value>, ReadError> {
        let mut unknown = ReadError::NoSuchKind(kind.to_owned());
        for version in versions {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let api = Api::<DynamicObject>::all_with(self.client().await?, &resource);
            match get_json(&api, name, || format!("get {} {name}", resource.plural)).await {
                Err(error @ ReadError::NoSuchKind(_)) => unknown = error,
                answer => return answer,
            }
        }
        Err(unknown)
    }

    /// Lists all objects of a kind of Argo Workflows, as JSON. Without `namespace`, the kind must have no namespaces.
    pub async fn list_argo(&self, kind: &str, namespace: Option<&str>) -> Result<Vec<Value>, ReadError> {
        let resource = super::argo(kind);
        let client = self.client().await?;
        let (api, place) = match namespace {
            Some(name) => (
                Api::<DynamicObject>::namespaced_with(client, name, &resource),
                format!(" in namespace {name}"),
            ),
            None => (Api::all_with(client, &resource), String::new()),
        };
        let what = || format!("list {}{place}", resource.plural);
        list_json(&api, &ListParams::default(), what).await
    }

    /// Lists the Workflows of `namespace` that have not ended, as JSON.
    pub async fn unfinished_workflows(&self, namespace: &str) -> Result<Vec<Value>, ReadError> {
        self.labelled_workflows(namespace, &format!("{COMPLETED}!=true")).await
    }

    /// Lists the Workflows of `namespace` with these labels, in the form of `kubectl`, as JSON.
    pub async fn labelled_workflows(&self, namespace: &str, labels: &str) -> Result<Vec<Value>, ReadError> {
        let resource = super::argo("Workflow");
        let api = Api::<DynamicObject>::namespaced_with(self.client().await?, namespace, &resource);
        let chosen = ListParams::default().labels(labels);
        list_json(&api, &chosen, || format!("list {} in namespace {namespace}", resource.plural)).await
    }
}

async fn list_json(
    api: &Api<DynamicObject>,
    chosen: &ListParams,
    what: impl Fn() -> String,
) -> Result<Vec<Value>, ReadError> {
    let found = api.list(chosen).await.map_err(|e| ReadError::of(what(), &e))?;
    found.items.into_iter().map(|item| json(item, &what)).collect()
}

/// The object `name`, if there is one; a 404 that does not name it is about its kind.
async fn get_json(
    api: &Api<DynamicObject>,
    name: &str,
    what: impl Fn() -> String,
) -> Result<Option<Value>, ReadError> {
    match api.get(name).await {
        Ok(found) => json(found, what).map(Some),
        Err(kube::Error::Api(status)) if status.code == 404 && status.message.contains(name) => Ok(None),
        Err(error) => Err(ReadError::of(what(), &error)),
    }
}

fn json(object: DynamicObject, what: impl Fn() -> String) -> Result<Value, ReadError> {
    serde_json::to_value(object)
        .map_err(|error| ReadError::Unavailable { what: what(), why: error.to_string() })
}

/// The selectors that narrow a list, in the form of `kubectl`.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// `a=b,c=d`.
    Labels(&'a str),
    /// `involvedObject.name=x`.
    Fields(&'a str),
}

impl By<'_> {
    fn parameters(&self) -> ListParams {
        match self {
            Self::Labels(labels) => ListParams::default().labels(labels),
            Self::Fields(fields) => ListParams::default().fields(fields),
        }
    }
}
