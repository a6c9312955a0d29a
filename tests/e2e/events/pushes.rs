//! Pushes to the cluster's Gitea.

use std::time::Instant;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::cluster::{NODE, PATIENCE, eventually, get, gitea, kubectl, pushed_digest};
use crate::install;
use crate::pipeline::{application, ready_pod};
use crate::support::gitea::{ADMIN, Repo, git, try_git};
use crate::support::net::{client, free_port, second_after, until};
use crate::support::plugin::tree;
use crate::support::process::Process;
use crate::workflow::{BUILDS, Workflow};

use super::site::events;
use super::{ignored, workflow_of, workflows_of};

/// A service of the organisation, with a chart in the GitOps repository.
pub(crate) struct Service {
    repo: Repo<'static>,
    dockerfile: String,
    /// The URL of the GitOps repository.
    gitops: String,
}

const CHART: &str = "apiVersion: v2\nname: NAME\nversion: 0.1.0\n";

const VALUES: &str = "image:\n  tag: none # set by argo-buildkit\n  digest: \"\"\n";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: app, image: 'IMAGE@{{ .Values.image.digest }}', command: [sh, -c, sleep 100000]}
";

impl Service {
    /// A repository without a commit, whose Dockerfile will be `dockerfile` with busybox for BASE.
    pub(crate) async fn new(dockerfile: &str) -> Self {
        let events = events().await;
        let repo = gitea().empty_repo(&events.organisation, &format!("api-{}", std::process::id())).await;
        let base = format!("FROM {NODE}:5000/busybox:1\nENV SERVICE={}", repo.full_name());
        let service =
            Self { dockerfile: dockerfile.replace("FROM BASE", &base), gitops: events.gitops.url(), repo };
        service.lay_out(&events.gitops).await;
        service
    }

    /// Commits its chart to the GitOps repository, to which other tests and write-backs commit at the same time.
    async fn lay_out(&self, gitops: &Repo<'_>) {
        let name = self.name();
        let files =
            [("Chart.yaml", CHART), ("values.yaml", VALUES), ("templates/deployment.yaml", DEPLOYMENT)];
        let pushed = async || {
            let work = tempfile::tempdir().unwrap();
            let run = |arguments: &[&str]| try_git(work.path(), arguments, Some(gitea().admin_token()));
            run(&["clone", "--quiet", "--depth=1", &gitops.url(), "."]).ok()?;
            for (path, content) in files {
                let path = work.path().join("charts").join(&name).join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content.replace("NAME", &name).replace("IMAGE", &self.repo.image()))
                    .unwrap();
            }
            run(&["add", "--all"]).ok()?;
            run(&["commit", "--quiet", "--message", "lay out"]).ok()?;
            run(&["push", "--quiet", "origin", "HEAD:main"]).ok().map(drop)
        };
        until(|| format!("the chart of {name}"), PATIENCE, pushed).await;
    }

    /// `owner/name`.
    pub(crate) fn full_name(&self) -> String {
        self.repo.full_name()
    }

    /// Its Workflows.
    pub(crate) fn workflows(&self) -> Vec<Value> {
        workflows_of(&self.full_name())
    }

    /// What the step `poll` needs to know of it: the Sensor `push` makes the same names and arguments.
    pub(crate) fn to_sweep(&self) -> Value {
        let (full_name, gitops) = (self.full_name(), self.gitops.clone());
        let image = self.repo.image();
        let slug = full_name.replace('/', "-");
        let hash = hex::encode(Sha1::digest(full_name.as_bytes()));
        let service = format!("{}-{}", slug[..slug.len().min(29)].trim_matches('-'), &hash[..6]);
        let chart = format!("charts/{}", self.name());
        json!({
            "name": service, "repo": self.repo.url(), "secret": "gitea-credentials", "branches": ["main", "master"],
            "image": image, "insecure": "true", "registry-secret": "registry-credentials",
            "workflow": {"template": "ci-cd-buildkit-deploy", "parameters": {
                "image": image, "insecure": "true", "gitops-repo": gitops, "chart-dir": chart, "concurrency": "supersede",
            }},
        })
    }

    fn name(&self) -> String {
        self.repo.full_name().rsplit('/').next().unwrap().to_owned()
    }

    /// Replaces `main` by a commit with `content`. Returns its id.
    pub(crate) async fn push(&self, content: &str) -> String {
        let files = tree(&[("Dockerfile", &self.dockerfile), ("main.txt", content)]);
        self.repo.push_directory(files.path(), "main", content).await
    }

    /// Waits until the Workflow of a commit has built and deployed it. Returns the image's digest.
    pub(crate) async fn deployed(&self, commit: &str, began: Instant) -> String {
        let workflow = workflow_of(&self.repo.full_name(), commit, began);
        let outputs = workflow.succeeds();
        println!("{:.2?} after the push of {}: ended", began.elapsed(), self.name());
        let digest = pushed_digest(&self.repo.full_name(), commit).await;
        assert_eq!(outputs.get("digest"), digest);
        digest
    }

    /// A clone, in which a test commits on top of what it has pushed.
    pub(crate) fn checkout(&self) -> tempfile::TempDir {
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["clone", "--quiet", &self.repo.url(), "."], Some(gitea().admin_token()));
        work
    }

    /// Checks that `commit` and nothing else was built, and once: by the registry's tags and by buildkitd's history.
    pub(crate) async fn built_once(&self, commit: &str) {
        assert_eq!(self.tags().await, [commit], "{}", self.full_name());
        assert_eq!(self.builds(), [commit], "{}", self.full_name());
    }

    /// The tags of its images in the registry. `sha256-…` lists the logs of an image.
    async fn tags(&self) -> Vec<String> {
        let list = format!("{}/v2/{}/tags/list", gitea().url(), self.full_name());
        let request = client().get(list).basic_auth(ADMIN, Some(gitea().admin_token()));
        let listed: Value = request.send().await.unwrap().json().await.unwrap();
        let tags = listed["tags"].as_array().unwrap_or_else(|| panic!("tags of {}: {listed}", self.name()));
        let tags = tags.iter().map(|tag| tag.as_str().unwrap().to_owned());
        tags.filter(|tag| !tag.starts_with("sha256-")).collect()
    }

    /// The tags of its builds that have ended well, by buildkitd's history.
    pub(crate) fn builds(&self) -> Vec<String> {
        let image = format!("{}:", self.repo.image());
        let buildctl = ["buildctl", "debug", "histories", "--format", "{{json .}}"];
        let exec = ["exec", "-n", "buildkit", "deployment/buildkitd", "--"];
        let tag = |line: &str| {
            let record = serde_json::from_str::<Value>(line).unwrap()["record"].take();
            let ended_well = record["CompletedAt"].is_object() && record["error"].is_null();
            let mut names =
                record["Exporters"].as_array()?.iter().filter_map(|e| e["Attrs"]["name"].as_str());
            names.find_map(|name| name.strip_prefix(&image)).filter(|_| ended_well).map(str::to_owned)
        };
        kubectl(&[&exec[..], &buildctl].concat()).lines().filter_map(tag).collect()
    }

    /// Its values in the GitOps repository.
    pub(crate) async fn values(&self) -> String {
        let path = format!("charts/{}/values.yaml", self.name());
        events().await.gitops.read("main", &path).await.unwrap()
    }
}

#[tokio::test]
async fn a_push_becomes_an_image_a_commit_and_a_pod() {
    let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    let name = service.name();
    application(&name, &events().await.gitops.url(), &format!("charts/{name}")).await;
    // The push creates the branch; the second one replaces its history.
    for content in ["first", "forced"] {
        let began = Instant::now();
        let commit = service.push(content).await;
        let digest = service.deployed(&commit, began).await;
        assert!(service.values().await.contains(&digest), "{}", service.values().await);
        // As Argo CD does by itself within three minutes.
        kubectl(&["annotate", "application", "-n", "argocd", &name, "argocd.argoproj.io/refresh=normal"]);
        let status = || format!("a pod with {digest}: {}", get("argocd", "application", &name)["status"]);
        eventually(status, PATIENCE, || ready_pod(&name, &digest));
    }
    assert_eq!(workflows_of(&service.repo.full_name()).len(), 2);
}

#[tokio::test]
async fn twelve_tags_at_once_are_twelve_images_and_a_deletion_is_none() {
    let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    let commit = service.push("tagged").await;
    service.deployed(&commit, Instant::now()).await;
    let work = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| git(work.path(), arguments, Some(gitea().admin_token()));
    run(&["clone", "--quiet", &service.repo.url(), "."]);
    let tags: Vec<_> = (1..=12).map(|number| format!("v1.{number}")).collect();
    tags.iter().for_each(|tag| drop(run(&["tag", "--annotate", "--message", tag, tag])));
    let began = Instant::now();
    run(&["push", "--quiet", "--tags", "origin"]);
    let full_name = service.repo.full_name();
    let all = || Some(workflows_of(&full_name)).filter(|found| found.len() == 13);
    let made = eventually(|| format!("13 workflows: {:#?}", workflows_of(&full_name)), PATIENCE, all);
    println!("{:.2?} after the push of twelve tags: all have a workflow", began.elapsed());
    for workflow in made {
        let name = workflow["metadata"]["name"].as_str().unwrap().to_owned();
        Workflow { namespace: BUILDS.to_owned(), name, began }.succeeds();
    }
    for tag in &tags {
        pushed_digest(&full_name, tag).await;
    }
    run(&["push", "--quiet", "origin", ":refs/tags/v1.1"]);
    ignored("ignored-deletion", &format!("{full_name}\\\""));
    run(&["push", "--quiet", "origin", "HEAD:refs/heads/feature/{{workflow.name}}-$(id)"]);
    ignored("ignored-branch-or-tag", "refs/heads/feature/{{workflow.name}}-$(id)");
    assert_eq!(workflows_of(&full_name).len(), 13);
}

#[tokio::test]
async fn of_eight_pushes_the_newest_wins_and_at_most_two_builds_end() {
    let (port, _httpd, gate) = closed_gate();
    let wait = format!("RUN until wget -q -O /dev/null http://{NODE}:{port}/; do sleep 0.2; done\n");
    let service = Service::new(&format!("FROM BASE\nCOPY main.txt /\n{wait}")).await;
    let began = Instant::now();
    let mut commits = Vec::new();
    let full_name = service.repo.full_name();
    for number in 1..=8 {
        let commit = service.push(&format!("push {number}")).await;
        let workflow = workflow_of(&full_name, &commit, began);
        // Of two workflows of one second, neither is the newer.
        second_after(workflow.object()["metadata"]["creationTimestamp"].as_str().unwrap()).await;
        commits.push(commit);
    }
    std::fs::write(gate.path().join("index.html"), "open").unwrap();
    let digest = service.deployed(&commits[7], began).await;
    let ended: Vec<_> =
        commits.iter().map(|commit| workflow_of(&full_name, commit, began)).map(|w| w.end()).collect();
    assert!(ended.iter().filter(|phase| *phase == "Succeeded").count() <= 2, "{ended:?}");
    assert!(service.values().await.contains(&digest), "{}", service.values().await);
}

/// A server that builds wait for, on its port: it answers 404 until its directory has a page.
pub(crate) fn closed_gate() -> (u16, Process, tempfile::TempDir) {
    let (port, room) = (free_port(), tempfile::tempdir().unwrap());
    let mut command = std::process::Command::new("busybox");
    command.args(["httpd", "-f", "-p", &format!("{NODE}:{port}"), "-h"]).arg(room.path());
    (port, Process::spawn("httpd", command, &room.path().join("log")), room)
}

#[tokio::test]
async fn four_services_at_once_are_all_deployed() {
    let mut services = Vec::new();
    for _ in 0..4 {
        services.push(Service::new("FROM BASE\nCOPY main.txt /\n").await);
    }
    let began = Instant::now();
    let mut commits = Vec::new();
    for service in &services {
        commits.push(service.push("at once").await);
    }
    for (service, commit) in services.iter().zip(commits) {
        let digest = service.deployed(&commit, began).await;
        assert!(service.values().await.contains(&digest), "{}", service.values().await);
    }
}

/// A repository with code and chart: what the write-back commits to it starts no build.
#[tokio::test]
async fn a_manifest_commit_starts_no_build() {
    let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    let site = install::site().await;
    service.repo.grant(&site.ops, "write").await;
    let files = tree(&[
        ("Dockerfile", &service.dockerfile),
        ("main.txt", "with its chart"),
        ("chart/values.yaml", VALUES),
    ]);
    let commit = service.repo.push_directory(files.path(), "main", "with its chart").await;
    service.deployed(&commit, Instant::now()).await;
    let parameters = [
        ("repo", service.repo.url()),
        ("image", service.repo.image()),
        ("insecure", "true".to_owned()),
        ("revision", commit),
        ("chart-dir", "chart".to_owned()),
    ];
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let written = Workflow::submit("ci-cd-buildkit-deploy", &parameters).succeeds();
    assert_eq!(service.repo.head("main").await, written.get("commit"));
    ignored("ignored-own-commit", written.get("commit"));
    assert_eq!(workflows_of(&service.repo.full_name()).len(), 1, "that of the person's push");
}
