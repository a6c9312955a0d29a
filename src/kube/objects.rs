//! Objects read as they are, for those who only look.

use std::fmt::Debug;

use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::task_set::COMPLETED;
use super::{Cluster, NoCluster};

/// Why the API server did not show an object.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The environment names no cluster.
    #[error(transparent)]
    NoCluster(#[from] NoCluster),
    /// RBAC forbids it to us.
    #[error("this login may not {0}")]
    Forbidden(String),
    /// The server has no such kind: a CRD, or a version of Kubernetes, is missing.
    #[error("the cluster knows no {0}")]
    NoSuchKind(String),
    /// No answer, or one that says something else.
    #[error("cannot {what}: {why}; check the address and the credentials in KUBECONFIG, and the API server")]
    Unavailable {
        /// What was attempted.
        what: String,
        /// The cause.
        why: String,
    },
}

impl ReadError {
    /// The error of an attempt to do `what`; a missing object is the caller's to know.
    pub(super) fn of(what: String, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden(what),
            kube::Error::Api(status) if status.code == 404 => Self::NoSuchKind(kind_in(&what)),
            kube::Error::Api(status) => Self::Unavailable { what, why: status.message.clone() },
            other => Self::Unavailable { what, why: super::reason(other) },
        }
    }
}

/// `get workflows x in namespace y` is about `workflows`.
fn kind_in(what: &str) -> String {
    what.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// An object of a namespace.
pub trait Namespaced: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Readable {}
impl<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Readable> Namespaced for K {}

/// What any object read needs.
pub trait Readable: Clone + Debug + DeserializeOwned {}
impl<K: Clone + Debug + DeserializeOwned> Readable for K {}

impl Cluster {
    /// The object `name` of `namespace`, if there is one.
    pub async fn find<K: Namespaced>(&self, namespace: &str, name: &str) -> Result<Option<K>, ReadError> {
        let what = || format!("get {} {name} in namespace {namespace}", K::plural(&()));
        let api = Api::<K>::namespaced(self.client().await?, namespace);
        api.get_opt(name).await.map_err(|e| ReadError::of(what(), &e))
    }

    /// The object `name` of a kind that has no namespace.
    pub async fn find_global<K>(&self, name: &str) -> Result<Option<K>, ReadError>
    where
        K: Resource<Scope = ClusterResourceScope, DynamicType = ()> + Readable,
    {
        let what = || format!("get {} {name}", K::plural(&()));
        let api = Api::<K>::all(self.client().await?);
        api.get_opt(name).await.map_err(|e| ReadError::of(what(), &e))
    }

    /// The objects of `namespace` that `by` selects.
    pub async fn list<K: Namespaced>(&self, namespace: &str, by: &By<'_>) -> Result<Vec<K>, ReadError> {
        let what = || format!("list {} in namespace {namespace}", K::plural(&()));
        let api = Api::<K>::namespaced(self.client().await?, namespace);
        Ok(api.list(&by.parameters()).await.map_err(|e| ReadError::of(what(), &e))?.items)
    }

    /// The objects of all namespaces that `by` selects.
    pub async fn list_everywhere<K: Namespaced>(&self, by: &By<'_>) -> Result<Vec<K>, ReadError> {
        let what = || format!("list {} in all namespaces", K::plural(&()));
        let api = Api::<K>::all(self.client().await?);
        Ok(api.list(&by.parameters()).await.map_err(|e| ReadError::of(what(), &e))?.items)
    }

    /// An object of Argo Workflows, such as a `Workflow`, as its JSON.
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

    /// An object without a namespace of a kind that came with one of `versions`: of the first that the server
    /// has.
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

    /// All objects of a kind of Argo Workflows, as their JSON; without a namespace those of a kind that has
    /// none.
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

    /// The Workflows of `namespace` that have not ended, as their JSON.
    pub async fn unfinished_workflows(&self, namespace: &str) -> Result<Vec<Value>, ReadError> {
        let resource = super::argo("Workflow");
        let api = Api::<DynamicObject>::namespaced_with(self.client().await?, namespace, &resource);
        let chosen = ListParams::default().labels(&format!("{COMPLETED}!=true"));
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

/// What a list is narrowed by, as `kubectl` takes it.
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
