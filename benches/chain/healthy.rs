//! `ONLY='push healthy 5'`: also until a pod runs the new image, and until our step says so. The Sensor's Workflow has `wait-for-sync`, whose
//! step requests a refresh. Nobody tells Argo CD of Tekton's commit: it finds it by its own polls.

use std::time::{Duration, Instant};

use kube::Client;
use serde_json::{Value, json};

use crate::api::Watch;
use crate::cluster::{apply, gitea};
use crate::contender::Contender;
use crate::shop::Shop;
use crate::timed::within;

/// The Application of the chart to which the Sensor's Workflow writes, and that of Tekton's.
pub(crate) const OURS: &str = "chain";
const PEER: &str = "chain-peer";

/// The namespace of the pods of both.
const NAMESPACE: &str = "chain";

const TASK_SETS: &str = "/apis/argoproj.io/v1alpha1/namespaces/builds/workflowtasksets";

/// Argo CD compares every two to three minutes, and keeps for three what it has read of a repository.
const LIMIT: Duration = Duration::from_secs(900);

const CHART: &str = "apiVersion: v2\nname: chain\nversion: 0.0.0\n";

const DEPLOYMENT: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: app
        image: "IMAGE:{{ .Values.image.tag }}"
        command: [sleep, "100000"]
"#;

/// When the new image was seen to run.
pub(crate) struct Deployed {
    /// Its pod was ready.
    pub(crate) ready: Instant,
    /// Our step had succeeded. Of a peer without such a step, the same as `ready`.
    pub(crate) said: Instant,
}

/// The pods of both Applications, and the results of our steps.
pub(crate) struct Watches {
    pods: Watch,
    task_sets: Watch,
}

impl Watches {
    /// Begins to watch.
    pub(crate) async fn begin(client: &Client) -> Self {
        let pods = Watch::begin(client, &format!("/api/v1/namespaces/{NAMESPACE}/pods")).await;
        Self { pods, task_sets: Watch::begin(client, TASK_SETS).await }
    }

    /// Waits until the image of `revision` runs, and until the run of `contender` that built it has said so.
    pub(crate) async fn deployed(&self, contender: Contender, revision: &str, run: &Value) -> Deployed {
        let is_ready = |pod: &Value| {
            let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            image.ends_with(revision) && pod["status"]["containerStatuses"][0]["ready"] == true
        };
        let (ready, _) = within(LIMIT, || self.pods.seen.first(is_ready), revision).await;
        if !contender.is_ours() {
            return Deployed { ready, said: ready };
        }
        let has_succeeded = |set: &Value| {
            let mut nodes = set["status"]["nodes"].as_object().into_iter().flatten();
            set["metadata"]["name"] == run["metadata"]["name"]
                && nodes.any(|(_, node)| node["phase"] == "Succeeded")
        };
        let (said, _) = within(LIMIT, || self.task_sets.seen.first(has_succeeded), revision).await;
        Deployed { ready, said }
    }
}

/// Adds a chart and an Application for each side, and lets our step wait for ours.
pub(crate) async fn install(shop: &Shop) {
    let full_name = shop.service.full_name();
    let own = format!("charts/{}", full_name.rsplit('/').next().unwrap());
    let (gitops, user) = (&shop.gitops, shop.gitops.full_name());
    let user = user.split('/').next().unwrap();
    let token = gitea().token(user, &["read:repository"]).await;
    let login = json!({"type": "git", "url": gitops.url(), "username": user, "password": token});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let mut objects = vec![secret(&login), namespace];
    for (name, folder) in [(OURS, own.as_str()), (PEER, "chart")] {
        let deployment = DEPLOYMENT.replace("NAME", name).replace("IMAGE", &shop.service.image());
        gitops.commit_file("main", &format!("{folder}/Chart.yaml"), CHART, name).await;
        gitops.commit_file("main", &format!("{folder}/templates/deployment.yaml"), &deployment, name).await;
        objects.push(application(name, &gitops.url(), folder));
    }
    objects.extend(rights());
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string());
}

fn secret(login: &Value) -> Value {
    let labels = json!({"argocd.argoproj.io/secret-type": "repository"});
    let metadata = json!({"name": OURS, "namespace": "argocd", "labels": labels});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": login})
}

fn application(name: &str, url: &str, folder: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": folder, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
    })
}

/// Those of `deploy/components/argocd-sync`.
fn rights() -> [Value; 2] {
    let group = "rbac.authorization.k8s.io";
    let metadata = json!({"name": OURS, "namespace": "argocd"});
    let rule = json!({
        "apiGroups": ["argoproj.io"],
        "resources": ["applications"],
        "resourceNames": [OURS],
        "verbs": ["get", "watch", "patch"],
    });
    let account =
        json!({"kind": "ServiceAccount", "name": "buildkit-executor-plugin", "namespace": "builds"});
    let version = format!("{group}/v1");
    [
        json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": [rule]}),
        json!({
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": OURS},
            "subjects": [account],
        }),
    ]
}
