//! `on-degraded: revert`, with a real Git server.

mod once;
mod races;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::engine::{Engine, StepRequest, Workflow};
use argo_buildkit::outcome::{StepError, Success};
use argo_buildkit::progress::Progress;
use argo_buildkit::step;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{OLD_IMAGE, OUR_IMAGE, Site, state};
use crate::support::git_http::GitHttp;
use crate::support::gitea::git;
use crate::support::kube::BUILDS;
use crate::support::net::unique;
use crate::support::plugin::tree;
use crate::support::shop::merge;

const VALUES: &str = "# The API.\nimage:\n  tag: v1 # ours\nreplicas: 2\n";

/// A GitOps repository, the Application that deploys it, and a workflow.
struct Deployment {
    site: Site,
    server: GitHttp,
    workflow: String,
}

impl Deployment {
    /// The Application has the first commit, which has `files`.
    async fn open(files: &[(&str, &str)]) -> Self {
        let server = GitHttp::start("", "");
        let first = server.commit_directory("gitops", "main", tree(files).path(), "first");
        Self { site: Site::open(&first, OLD_IMAGE).await, server, workflow: unique("wf") }
    }

    /// The body of an `update-manifest` with these targets.
    fn update(&self, targets: Value) -> Value {
        json!({"update-manifest": {"repo": self.server.repo_url("gitops"), "targets": targets}})
    }

    /// Sets the tag `v2` in values.yaml. Returns the commit.
    async fn deploy(&self) -> String {
        self.commit(json!([{"file": "values.yaml", "helm": {"image.tag": "v2"}}])).await
    }

    /// Commits these targets. Returns the commit.
    async fn commit(&self, targets: Value) -> String {
        let update = self.update(targets);
        run_as(&self.site.engine, &self.workflow, &update).await.unwrap().outputs["commit"].clone()
    }

    /// The body of a `sync` that reverts `commit`.
    fn body(&self, commit: &str, more: Value) -> Value {
        let mut fields = json!({
            "commit": commit, "repo": self.server.repo_url("gitops"), "on-degraded": "revert",
        });
        merge(&mut fields, more);
        self.site.body(fields)
    }

    /// Starts the `sync` of `commit`.
    fn start(&self, commit: &str, more: Value) -> JoinHandle<Result<Success, StepError>> {
        let (engine, workflow) = (Arc::clone(&self.site.engine), self.workflow.clone());
        let body = self.body(commit, more);
        tokio::spawn(async move { run_as(&engine, &workflow, &body).await })
    }

    /// The error of the `sync` of `commit`, which makes the Application Degraded.
    async fn degraded(&self, commit: &str, more: Value) -> StepError {
        let step = self.start(commit, more);
        self.site.compare(unhealthy(commit)).await;
        step.await.unwrap().unwrap_err()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.server.repo("gitops"), arguments, None).trim_end().to_owned()
    }

    fn head(&self) -> String {
        self.server.head("gitops", "main")
    }

    /// A file of the branch, without the line break at its end.
    fn file(&self, path: &str) -> String {
        self.git(&["show", &format!("main:{path}")])
    }

    /// The number of commits of the branch.
    fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "main"]).parse().unwrap()
    }

    /// Somebody else commits exactly these files.
    fn others_commit(&self, files: &[(&str, &str)]) -> String {
        self.server.commit_directory("gitops", "main", tree(files).path(), "theirs")
    }
}

/// An Application that has `commit` and our image, and is Degraded.
fn unhealthy(commit: &str) -> Value {
    let mut state = state(commit, OUR_IMAGE);
    state["status"]["health"]["status"] = json!("Degraded");
    state
}

/// Runs `body` as the workflow with this name.
async fn run_as(engine: &Engine, workflow: &str, body: &Value) -> Result<Success, StepError> {
    let workflow =
        Workflow { name: workflow.to_owned(), namespace: BUILDS.to_owned(), uid: workflow.to_owned() };
    let request = StepRequest {
        workflow,
        reference: None,
        progress: watch::Sender::new(Progress::now("")),
        gate: Arc::default(),
        deadline: Instant::now() + Duration::from_secs(300),
    };
    engine.run(step::parse(body).unwrap(), request).await
}
