//! Submits and watches workflows like a user.

use std::time::Instant;

use serde_json::{Value, json};

use crate::cluster::{PATIENCE, attempt, eventually, get, kubectl, list};
use crate::mode::{Mode, agent_log, mode};

/// The namespace of workflows in `deploy/`.
pub(crate) const BUILDS: &str = "builds";

/// One submitted workflow.
pub(crate) struct Workflow {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// When it was submitted.
    pub(crate) began: Instant,
}

impl Workflow {
    /// `argo submit --from workflowtemplate/TEMPLATE`.
    pub(crate) fn submit(template: &str, parameters: &[(&str, &str)]) -> Self {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let from = format!("workflowtemplate/{template}");
        let mut arguments = vec!["submit", "-n", BUILDS, "--from", &from, "-o", "name"];
        arguments.extend(parameters.iter().flat_map(|parameter| ["-p", parameter]));
        let began = Instant::now();
        let name = attempt("argo", &arguments).unwrap_or_else(|error| panic!("argo {arguments:?}: {error}"));
        Self { namespace: BUILDS.to_owned(), name: name.trim().to_owned(), began }
    }

    /// A workflow that the caller defines.
    pub(crate) fn create(namespace: &str, yaml: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), yaml).unwrap();
        let began = Instant::now();
        let path = file.path().to_str().unwrap();
        let name = kubectl(&["create", "-n", namespace, "-f", path, "-o", "jsonpath={.metadata.name}"]);
        Self { namespace: namespace.to_owned(), name, began }
    }

    /// A workflow of one build, with more of its `spec`.
    pub(crate) fn of_build(namespace: &str, build: Value, more: Value) -> Self {
        Self::of_step(namespace, &json!({"build": build}), &more)
    }

    /// A workflow of one step, with more of its `spec`.
    pub(crate) fn of_step(namespace: &str, step: &Value, more: &Value) -> Self {
        let template = json!({"name": "build", "plugin": {"buildkit": step}});
        let mut spec = json!({
            "entrypoint": "build", "serviceAccountName": "buildkit-workflow", "templates": [template],
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let workflow = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"generateName": "build-"}, "spec": spec,
        });
        Self::create(namespace, &workflow.to_string())
    }

    /// Its object, or null once it is deleted.
    pub(crate) fn object(&self) -> Value {
        get(&self.namespace, "workflow", &self.name)
    }

    /// Its phase and its message.
    pub(crate) fn phase(&self) -> (String, String) {
        let status = &self.object()["status"];
        (text(&status["phase"]), text(&status["message"]))
    }

    /// Its nodes that are a plugin's.
    pub(crate) fn nodes(&self) -> Vec<Value> {
        plugin_nodes(&self.object())
    }

    /// Its one node that is a plugin's.
    pub(crate) fn node(&self) -> Value {
        self.nodes().into_iter().next().unwrap_or_default()
    }

    /// Waits until a plugin node's message contains `text`.
    pub(crate) fn says(&self, wanted: &str) -> Value {
        let says = |node: &Value| text(&node["message"]).contains(wanted);
        eventually(
            || format!("`{wanted}` from {}", self.report()),
            PATIENCE,
            || self.nodes().into_iter().find(says),
        )
    }

    /// Waits for its end. Returns its phase.
    pub(crate) fn end(&self) -> String {
        let ended = || {
            let object = self.object();
            object["status"]["finishedAt"].as_str()?;
            Some(text(&object["status"]["phase"]))
        };
        eventually(|| format!("the end of {}", self.report()), PATIENCE, ended)
    }

    /// Waits for its end, which must be a failure. Returns its node's message.
    pub(crate) fn refused(&self) -> String {
        assert_ne!(self.end(), "Succeeded", "{}", self.report());
        text(&self.node()["message"])
    }

    /// Waits for its end, which must be a success. Returns its plugin nodes' outputs as `name=value`.
    pub(crate) fn succeeds(&self) -> Outputs {
        let phase = self.end();
        assert_eq!(phase, "Succeeded", "{}", self.report());
        let parameters = |node: &Value| node["outputs"]["parameters"].as_array().cloned().unwrap_or_default();
        let all = self.nodes().iter().flat_map(parameters).collect::<Vec<_>>();
        Outputs(all.into_iter().map(|p| (text(&p["name"]), text(&p["value"]))).collect())
    }

    /// Waits for its agent's pod.
    pub(crate) fn agent(&self) -> Option<Value> {
        let labels =
            format!("workflows.argoproj.io/workflow={},workflows.argoproj.io/component=agent", self.name);
        list(&self.namespace, "pod", &labels).into_iter().next()
    }

    /// The known data about it, for a failed test.
    pub(crate) fn report(&self) -> String {
        let nodes: Vec<_> = self
            .nodes()
            .iter()
            .map(|n| format!("{}: {} {}", text(&n["displayName"]), text(&n["phase"]), text(&n["message"])))
            .collect();
        let pod = self.agent().map(|pod| pod["status"].to_string()).unwrap_or_default();
        let label = format!("workflows.argoproj.io/workflow={}", self.name);
        let logs = attempt(
            "kubectl",
            &["logs", "-n", &self.namespace, "-l", &label, "--all-containers", "--tail=30"],
        );
        let logs = match mode() {
            Mode::Sidecar => format!("{logs:?}"),
            Mode::Agent => agent_log().lines().rev().take(60).collect::<Vec<_>>().join("\n"),
        };
        format!(
            "workflow {} after {:?}: {:?}\n{nodes:#?}\n{pod}\n{logs}",
            self.name,
            self.began.elapsed(),
            self.phase()
        )
    }
}

/// Output parameters of a workflow's plugin nodes.
#[derive(Debug)]
pub(crate) struct Outputs(Vec<(String, String)>);

impl Outputs {
    /// An output that must exist.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no output {name} in {self:?}"))
    }
}

fn plugin_nodes(workflow: &Value) -> Vec<Value> {
    let nodes = workflow["status"]["nodes"].as_object().cloned().unwrap_or_default();
    nodes.into_values().filter(|node| node["type"] == "Plugin").collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
