//! A GitOps repository of the cluster's Gitea with a folder for each Application, the namespace that they deploy to, and the
//! rights to wait for them.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::cluster::{NODE, apply, gitea, kubectl, list};
use crate::install;
use crate::pipeline;
use crate::support::gitea::Repo;
use crate::support::net::{client, unique};
use crate::support::plugin::tree;
use crate::support::shop::merge;
use crate::workflow::BUILDS;

/// Argo CD's namespace.
pub(super) const ARGOCD: &str = "argocd";

/// The label of everything that a test removes at its end.
const LABEL: &str = "argo-buildkit.io/sync-site";

const CLUSTER: &str = "https://kubernetes.default.svc";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// The media types of what a registry has under a tag.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  progressDeadlineSeconds: 600
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: app, image: \"IMAGE\", command: [sleep, \"100000\"]}
";

/// The image with a tag. The cluster's registry has `1` and `2`.
pub(super) fn image(tag: &str) -> String {
    format!("{NODE}:5000/busybox:{tag}")
}

/// The manifest of a Deployment.
pub(super) fn deployment(name: &str, tag: &str) -> String {
    DEPLOYMENT.replace("NAME", name).replace("IMAGE", &image(tag))
}

/// One that the API server refuses: the labels of its pods are not those that it selects.
pub(super) fn refused(name: &str) -> String {
    deployment(name, "1").replace("{labels: {app: ", "{labels: {other: ")
}

/// `spec` of an Application that Argo CD syncs by itself.
pub(super) fn automated(spec: Value) -> Value {
    let mut all = json!({"syncPolicy": {"automated": {"prune": true, "selfHeal": true}}});
    merge(&mut all, spec);
    all
}

/// Whether the image has its second tag.
static TAGGED: OnceCell<()> = OnceCell::const_new();

/// What a test of this kind needs.
pub(super) struct Site {
    /// The namespace that everything is deployed to, and the beginning of the Applications' names.
    pub(super) name: String,
    pub(super) gitops: Repo<'static>,
    /// The first commit.
    pub(super) first: String,
    objects: Vec<Value>,
}

impl Site {
    /// A site whose first commit has the manifests in `folders`.
    pub(super) async fn open(folders: &[(&str, String)]) -> Self {
        let name = unique(&format!("sync-{}", std::process::id()));
        let ops = install::site().await.ops.as_str();
        let gitops = gitea().repo(ops, &name).await;
        let files: Vec<_> = folders.iter().map(|(row, text)| (file(row), text)).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let first = gitops.push_directory(tree(&files).path(), "main", "lay out").await;
        TAGGED.get_or_init(second_tag).await;
        let mut site = Self { name, gitops, first, objects: Vec::new() };
        site.login(ops).await;
        site.namespace(&site.name.clone());
        // The reasons why pods do not start.
        let pods = json!([
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        ]);
        site.allow(&site.name.clone(), &pods);
        site
    }

    /// Adds the login with which Argo CD reads the repository.
    async fn login(&mut self, user: &str) {
        let token = gitea().token(user, &["read:repository"]).await;
        let login = json!({"type": "git", "url": self.gitops.url(), "username": user, "password": token});
        let mut secret = self.object("v1", "Secret", ARGOCD, &self.name, json!({"stringData": login}));
        secret["metadata"]["labels"]["argocd.argoproj.io/secret-type"] = json!("repository");
        self.objects.push(secret);
    }

    /// The name of the Application or the project `row`.
    pub(super) fn name_of(&self, row: &str) -> String {
        format!("{}-{row}", self.name)
    }

    /// Adds a namespace.
    pub(super) fn namespace(&mut self, name: &str) {
        let metadata = json!({"name": name, "labels": {LABEL: self.name}});
        self.objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    }

    /// Adds a project that may deploy to the site's namespace alone.
    pub(super) fn project(&mut self, name: &str, more: Value) {
        let mut spec = json!({
            "sourceRepos": ["*"],
            "destinations": [{"server": CLUSTER, "namespace": self.name}],
        });
        merge(&mut spec, more);
        let name = self.name_of(name);
        let project = self.object("argoproj.io/v1alpha1", "AppProject", ARGOCD, &name, json!({"spec": spec}));
        self.objects.push(project);
    }

    /// Adds the Application of the folder `row`, with more of its `spec`.
    pub(super) fn application(&mut self, namespace: &str, row: &str, more: Value) {
        let mut spec = json!({
            "project": "default",
            "source": self.source(row),
            "destination": {"server": CLUSTER, "namespace": self.name},
        });
        merge(&mut spec, more);
        let name = self.name_of(row);
        let application =
            self.object("argoproj.io/v1alpha1", "Application", namespace, &name, json!({"spec": spec}));
        self.objects.push(application);
    }

    /// The source of an Application of `folder`.
    pub(super) fn source(&self, folder: &str) -> Value {
        json!({"repoURL": self.gitops.url(), "path": folder, "targetRevision": "main"})
    }

    /// Lets the steps wait for the Applications of `rows` in a namespace.
    pub(super) fn allow_waits(&mut self, namespace: &str, rows: &[&str]) {
        let names: Vec<_> = rows.iter().map(|row| self.name_of(row)).collect();
        let rule = json!({
            "apiGroups": ["argoproj.io"], "resources": ["applications"], "resourceNames": names,
            "verbs": ["get", "watch", "patch"],
        });
        self.allow(namespace, &json!([rule]));
    }

    fn allow(&mut self, namespace: &str, rules: &Value) {
        let account =
            json!({"kind": "ServiceAccount", "name": "buildkit-executor-plugin", "namespace": BUILDS});
        let role_ref = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.name});
        let binding = json!({"roleRef": role_ref, "subjects": [account]});
        let role = self.object(RBAC, "Role", namespace, &self.name, json!({"rules": rules}));
        let binding = self.object(RBAC, "RoleBinding", namespace, &self.name, binding);
        self.objects.extend([role, binding]);
    }

    fn object(&self, version: &str, kind: &str, namespace: &str, name: &str, more: Value) -> Value {
        let metadata = json!({"name": name, "namespace": namespace, "labels": {LABEL: self.name}});
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        merge(&mut object, more);
        object
    }

    /// Creates all that was added, in its order.
    pub(super) fn create(&self) {
        apply(&json!({"apiVersion": "v1", "kind": "List", "items": self.objects}).to_string());
    }

    /// Waits until the status of the Application of `row` is as `wanted`.
    pub(super) fn becomes(&self, row: &str, wanted: impl Fn(&Value) -> bool) {
        pipeline::becomes(&self.name_of(row), wanted);
    }

    /// Writes the manifest of `row`. Returns the commit.
    pub(super) async fn write(&self, row: &str, manifest: &str) -> String {
        self.gitops.commit_file("main", &file(row), manifest, row).await
    }

    /// Whether a pod of the Deployment `name` is ready that has the image with `tag`.
    pub(super) fn runs(&self, name: &str, tag: &str) -> bool {
        let is_ready = |pod: &Value| {
            pod["spec"]["containers"][0]["image"] == image(tag)
                && pod["status"]["containerStatuses"][0]["ready"] == true
        };
        list(&self.name, "pod", &format!("app={name}")).iter().any(is_ready)
    }

    /// Removes what other tests would share Argo CD and the node with.
    pub(super) fn remove(&self) {
        let label = format!("{LABEL}={}", self.name);
        kubectl(&["delete", "applications,appprojects", "-A", "-l", &label, "--wait=false"]);
        kubectl(&["delete", "namespaces", "-l", &label, "--wait=false"]);
    }
}

/// The path of a row's manifest.
fn file(row: &str) -> String {
    format!("{row}/manifest.yaml")
}

/// Gives the image a second tag. Pods that change to it are replaced, and nothing has to be built.
async fn second_tag() {
    let url = |tag: &str| format!("http://{NODE}:5000/v2/busybox/manifests/{tag}");
    let first = client().get(url("1")).header("accept", MANIFESTS).send().await.unwrap();
    let first = first.error_for_status().unwrap();
    let media_type = first.headers()["content-type"].clone();
    let manifest = first.bytes().await.unwrap();
    let put = client().put(url("2")).header("content-type", media_type).body(manifest);
    put.send().await.unwrap().error_for_status().unwrap();
}
