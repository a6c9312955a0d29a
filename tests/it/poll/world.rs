//! A namespace, a Git server and a registry for polls.

use std::process::Command;

use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::StepError;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::argo::install_crds;
use crate::support::black_hole::{BlackHole, Hole, Towards};
use crate::support::engine::{engine, run};
use crate::support::git::GitServer;
use crate::support::kube::{Identity, Kube};
use crate::support::net::unique;
use crate::support::registry::Registry;
use crate::support::shared::shared_registry;

/// The servers of one test.
pub(super) struct World {
    kube: &'static Kube,
    pub(super) namespace: String,
    git: GitServer,
    registry: &'static Registry,
    hole: tokio::sync::OnceCell<BlackHole>,
}

/// A run that succeeded.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) message: String,
    pub(super) submitted: Vec<String>,
    pub(super) skipped: Vec<Value>,
}

impl World {
    pub(super) async fn new() -> Self {
        let kube = Kube::shared().await;
        install_crds(kube).await;
        let namespace = unique("poll");
        kube.namespace(&namespace).await;
        Self {
            kube,
            namespace,
            git: GitServer::start("", ""),
            registry: shared_registry(),
            hole: tokio::sync::OnceCell::new(),
        }
    }

    /// Creates a repository with one commit on `main`. Returns the commit.
    pub(super) fn repo(&self, name: &str) -> String {
        let commit = self.git.create(name, &[("Dockerfile", &format!("FROM {name}\n"))]);
        self.git(&["-C", &self.bare(name), "config", "uploadpack.allowFilter", "true"]);
        commit
    }

    /// The bare repository on disk.
    pub(super) fn bare(&self, name: &str) -> String {
        self.git.path(name).to_str().unwrap().to_owned()
    }

    pub(super) fn url(&self, name: &str) -> String {
        self.git.url(name)
    }

    /// Runs `git`; returns what it prints.
    pub(super) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits `files` to `main` of `repo`, on top of what is there. Returns the commit.
    pub(super) fn commit(&self, repo: &str, files: &[(&str, &str)], message: &str) -> String {
        let work = tempfile::tempdir().unwrap();
        let (bare, at) = (self.bare(repo), work.path().to_str().unwrap());
        self.git(&["clone", "-q", &bare, at]);
        for (path, text) in files {
            let path = work.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["-C", at, "add", "-A"]);
        self.git(&["-C", at, "commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["-C", at, "push", "-q", "origin", "HEAD:main"]);
        self.git(&["-C", at, "rev-parse", "HEAD"])
    }

    /// The name of an image, without a tag.
    pub(super) fn image(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.registry.host(), self.namespace)
    }

    pub(super) async fn push_image(&self, name: &str, tag: &str) {
        self.registry.push_empty(&format!("{}/{name}", self.namespace), tag).await;
    }

    /// A server that accepts connections and answers nothing.
    pub(super) async fn silent_server(&self) -> &str {
        let hole = Hole { towards: Towards::Client, after: 0 };
        self.hole.get_or_init(|| BlackHole::start(self.registry.host(), Some(hole))).await.host()
    }

    /// A service of the repository and the image `name`, changed by `fields`. A repository or an image without a host is
    /// one of this world.
    pub(super) fn service(&self, name: &str, fields: &str) -> Value {
        let mut service = json!({
            "name": name, "repo": name, "branches": "main", "image": name, "workflow": {"template": "build"},
        });
        let fields: Value = serde_saphyr::from_str(fields).unwrap();
        for (key, value) in fields.as_object().unwrap() {
            service[key] = value.clone();
        }
        let text = |key: &str| service[key].as_str().unwrap().to_owned();
        let (repo, image) = (text("repo"), text("image"));
        if !repo.contains("://") {
            service["repo"] = self.url(&repo).into();
        }
        if !image.contains('/') {
            service["image"] = self.image(&image).into();
        }
        service
    }

    /// Polls `services` with the administrator's rights.
    pub(super) async fn poll(&self, services: &Value) -> Result<Ended, StepError> {
        self.run(&json!({"services": services})).await
    }

    /// Polls `services` with an account that has no rights.
    pub(super) async fn poll_as_plugin(&self, services: &Value) -> Result<Ended, StepError> {
        self.run_with(&self.engine(Identity::Plugin).await, &json!({"services": services})).await
    }

    pub(super) async fn run(&self, poll: &Value) -> Result<Ended, StepError> {
        self.run_with(&self.engine(Identity::Admin).await, poll).await
    }

    pub(super) async fn run_with(&self, engine: &Engine, poll: &Value) -> Result<Ended, StepError> {
        let ended = run(engine, &self.namespace, &json!({"poll": poll})).await?;
        assert_eq!(ended.outputs["failed"], "[]");
        Ok(Ended {
            message: ended.summary,
            submitted: serde_json::from_str(&ended.outputs["submitted"]).unwrap(),
            skipped: serde_json::from_str(&ended.outputs["skipped"]).unwrap(),
        })
    }

    pub(super) async fn engine(&self, identity: Identity) -> Engine {
        let cluster = Cluster::from(self.kube.client(identity).await);
        engine("tcp://127.0.0.1:1", cluster.clone(), Secrets::Cluster(cluster), Tenancy::own())
    }

    pub(super) fn kube(&self) -> &'static Kube {
        self.kube
    }

    async fn api(&self) -> kube::Api<DynamicObject> {
        self.kube.api("argoproj.io/v1alpha1", "Workflow", &self.namespace).await
    }

    /// The Workflow `name` as JSON.
    pub(super) async fn workflow(&self, name: &str) -> Value {
        serde_json::to_value(self.api().await.get(name).await.unwrap()).unwrap()
    }

    /// The names of all Workflows.
    pub(super) async fn workflows(&self) -> Vec<String> {
        let list = self.api().await.list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|object| object.metadata.name.unwrap()).collect()
    }

    /// Sets the phase of a Workflow, as the controller does.
    pub(super) async fn end(&self, name: &str, phase: &str) {
        let patch = Patch::Merge(json!({"status": {"phase": phase}}));
        self.api().await.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(super) async fn annotate(&self, name: &str, annotation: &str) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: "true"}}}));
        self.api().await.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(super) async fn delete(&self, name: &str) {
        self.api().await.delete(name, &DeleteParams::default()).await.unwrap();
    }
}
