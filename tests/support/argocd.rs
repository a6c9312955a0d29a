//! Argo CD's Applications on [`Kube::shared`]: the kind and objects, without the controller.

use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::kube::{Identity, Kube};
use super::net::{PATIENCE, until};

/// Argo CD's namespace.
pub(crate) const ARGOCD: &str = "argocd";

const VERSION: &str = "argoproj.io/v1alpha1";
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// The namespace of Applications.
pub(crate) struct Applications(&'static Kube);

impl Applications {
    /// The Applications of the shared API server.
    pub(crate) async fn shared() -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let applications = Self(Kube::shared().await);
        INSTALLED.get_or_init(async || applications.install().await).await;
        applications
    }

    async fn install(&self) {
        self.0.apply_yaml(CRD).await;
        self.0.namespace(ARGOCD).await;
        let objects = self.0.api(VERSION, "Application", ARGOCD).await;
        let served = async || objects.list(&ListParams::default()).await.ok();
        until(|| "Applications to be served".into(), PATIENCE, served).await;
    }

    /// Creates the Application `name`.
    pub(crate) async fn create(&self, name: &str) {
        let metadata = json!({"name": name, "namespace": ARGOCD});
        let spec = json!({"project": "default"});
        self.0
            .apply(json!({"apiVersion": VERSION, "kind": "Application", "metadata": metadata, "spec": spec}))
            .await;
    }

    /// Lets the plugin refresh the Application `name`.
    pub(crate) async fn allow(&self, name: &str) {
        let rules = json!([{"apiGroups": ["argoproj.io"], "resources": ["applications"], "resourceNames": [name],
            "verbs": ["patch"]}]);
        self.0.grant_in(ARGOCD, Identity::Plugin, &format!("refresh-{name}"), rules).await;
    }

    /// Lets the plugin refresh, sync and watch the Application `name`, and waits until it may.
    pub(crate) async fn allow_sync(&self, name: &str) {
        let rules = json!([
            {"apiGroups": ["argoproj.io"], "resources": ["applications"], "resourceNames": [name],
                "verbs": ["get", "watch", "patch"]},
        ]);
        self.0.grant_in(ARGOCD, Identity::Plugin, &format!("sync-{name}"), rules).await;
        let client = self.0.client(Identity::Plugin).await;
        let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application");
        let objects = Api::<DynamicObject>::namespaced_with(client, ARGOCD, &ApiResource::from_gvk(&kind));
        let readable = async || objects.get(name).await.ok();
        until(|| format!("the right to read {name}"), PATIENCE, readable).await;
    }

    /// Deletes the Application `name`.
    pub(crate) async fn delete(&self, name: &str) {
        let objects = self.0.api(VERSION, "Application", ARGOCD).await;
        objects.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The Application `name` as JSON.
    pub(crate) async fn read(&self, name: &str) -> Value {
        let found = self.0.api(VERSION, "Application", ARGOCD).await.get(name).await.unwrap();
        serde_json::to_value(found).unwrap()
    }

    /// Changes an Application by a merge patch, as its controller does.
    pub(crate) async fn set(&self, name: &str, changes: &Value) {
        let objects = self.0.api(VERSION, "Application", ARGOCD).await;
        objects.patch(name, &PatchParams::default(), &Patch::Merge(changes)).await.unwrap();
    }

    /// The value of the Application's refresh annotation.
    pub(crate) async fn refresh(&self, name: &str) -> Option<String> {
        let found = self.0.api(VERSION, "Application", ARGOCD).await.get(name).await.unwrap();
        found.metadata.annotations?.remove(REFRESH)
    }

    /// Removes the annotation, like Argo CD does after a comparison.
    pub(crate) async fn compared(&self, name: &str) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {REFRESH: Value::Null}}}));
        let objects = self.0.api(VERSION, "Application", ARGOCD).await;
        objects.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }
}

const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: applications.argoproj.io
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Application, listKind: ApplicationList, plural: applications, singular: application}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
