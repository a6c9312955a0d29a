//! An installation of the shared agent, and the reports about it.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::PATIENCE;
use crate::check::{Report, Run, named};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{unique, until};
use crate::support::shared::bounded_buildkitd;

const OBJECTS: &str = include_str!("../shared.yaml");

/// An installation of the shared agent in namespaces of its own.
pub(super) struct Site<'a> {
    pub(super) kube: &'a Kube,
    pub(super) builds: String,
    argo: String,
    pub(super) agent: String,
}

impl<'a> Site<'a> {
    /// All objects of an installation, for the workflows of `builds`.
    pub(super) async fn new(kube: &'a Kube, builds: String) -> Self {
        let site = Self { kube, builds, argo: unique("argo"), agent: unique("agent") };
        // Other tests use the shared one too.
        let is_shared = |object: &Value| object["metadata"]["name"] == BUILDS;
        for object in site.objects().into_iter().filter(|object| !is_shared(object)) {
            site.apply(object).await;
        }
        site
    }

    pub(super) fn objects(&self) -> Vec<Value> {
        let names = [("$BUILDS", self.builds.as_str()), ("$ARGO", &self.argo), ("$AGENT", &self.agent)];
        let text = named(OBJECTS, &names);
        serde_saphyr::from_multiple::<Value>(&text).unwrap()
    }

    pub(super) fn object(&self, kind: &str, name: &str) -> Value {
        let is = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
        self.objects().into_iter().find(is).unwrap()
    }

    pub(super) async fn apply(&self, object: Value) {
        let deployed = (object["kind"] == "Deployment").then(|| object["metadata"].clone());
        self.kube.apply(object).await;
        if let Some(metadata) = deployed {
            let count = if metadata["namespace"] == self.agent.as_str() { 2 } else { 1 };
            self.ready(&text(&metadata["namespace"]), &text(&metadata["name"]), count).await;
        }
    }

    /// Writes the number of ready pods, like the cluster's own controller.
    pub(super) async fn ready(&self, namespace: &str, name: &str, count: u32) {
        let deployments = self.kube.api("apps/v1", "Deployment", namespace).await;
        let status = Patch::Merge(json!({"status": {"replicas": count, "readyReplicas": count}}));
        deployments.patch_status(name, &PatchParams::default(), &status).await.unwrap();
    }

    pub(super) async fn delete(&self, object: &Value) {
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let api = self.kube.api(&version, &kind, &text(&object["metadata"]["namespace"])).await;
        api.delete(&text(&object["metadata"]["name"]), &DeleteParams::default()).await.unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let places =
            ["--namespace", &self.builds, "--argo-namespace", &self.argo, "--agent-namespace", &self.agent];
        Run::new(&[&places[..], arguments].concat()).kubeconfig(&self.kube.kubeconfig(Identity::Admin))
    }

    /// Waits for a report that `fits`, because the server's RBAC learns a change a moment later.
    pub(super) async fn report_when(&self, arguments: &[&str], fits: impl Fn(&Report) -> bool) -> Report {
        let last = std::cell::RefCell::new(String::new());
        let what = || format!("a report that fits; the last one:\n{}", last.borrow());
        until(what, PATIENCE, async || {
            let report = self.run(arguments).report().await;
            last.replace(report.text.clone());
            fits(&report).then_some(report)
        })
        .await
    }

    /// Waits for a report with `words` in a line of `verdict`.
    pub(super) async fn says(&self, verdict: &str, words: &str) -> Report {
        let fits = |report: &Report| report.lines(verdict).iter().any(|line| line.contains(words));
        self.report_when(&[], fits).await
    }

    pub(super) fn named(&self, text: &str) -> String {
        // The platforms of a daemon depend on the machine's processor.
        let lines = text.lines().map(|line| match line.split_once(" worker, ") {
            Some((known, _)) => format!("{known} worker, PLATFORMS"),
            None => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let names = [(self.builds.as_str(), "BUILDS"), (&self.argo, "ARGO"), (&self.agent, "AGENT")];
        named(&named(&text, &names), &[(bounded_buildkitd().address(), "BUILDKITD")])
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
