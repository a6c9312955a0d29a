//! Workflows whose steps wait for Applications.

use serde_json::{Value, json};

use crate::workflow::{BUILDS, Workflow};

const OUTPUTS: [&str; 4] = ["outcome", "deployed", "newer", "remarks"];

/// A step of a Workflow.
pub(super) struct Wait {
    pub(super) name: &'static str,
    /// The value of `sync`.
    pub(super) sync: Value,
    /// How long it may take, counted from its own start.
    pub(super) timeout: &'static str,
}

impl Wait {
    fn template(&self) -> Value {
        let outputs = OUTPUTS.map(|name| json!({"name": name, "valueFrom": {"supplied": {}, "default": ""}}));
        json!({
            "name": self.name,
            "metadata": {"annotations": {"argo-buildkit.io/timeout": self.timeout}},
            "outputs": {"parameters": outputs},
            "plugin": {"buildkit": {"sync": self.sync}},
        })
    }
}

/// A Workflow that has ended.
pub(super) struct Ended {
    pub(super) workflow: Workflow,
    nodes: Vec<Value>,
}

/// Runs groups of steps one after the other, and the steps of a group at the same time.
pub(super) fn run(groups: &[Vec<Wait>]) -> Ended {
    let step = |wait: &Wait| json!({"name": wait.name, "template": wait.name});
    let steps: Vec<Vec<_>> = groups.iter().map(|group| group.iter().map(step).collect()).collect();
    let mut templates: Vec<_> = groups.iter().flatten().map(Wait::template).collect();
    templates.push(json!({"name": "all", "steps": steps}));
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "sync-"},
        "spec": {"entrypoint": "all", "serviceAccountName": "buildkit-workflow", "templates": templates},
    });
    let workflow = Workflow::create(BUILDS, &workflow.to_string());
    workflow.end();
    let nodes = workflow.nodes();
    Ended { workflow, nodes }
}

impl Ended {
    /// The node of a step.
    pub(super) fn node(&self, step: &str) -> &Value {
        let found = self.nodes.iter().find(|node| node["displayName"] == step);
        found.unwrap_or_else(|| panic!("no node of {step} in {}", self.workflow.report()))
    }

    /// An output of a step; empty if it has none of the name.
    pub(super) fn output(&self, step: &str, name: &str) -> &str {
        let parameters = self.node(step)["outputs"]["parameters"].as_array();
        let found = parameters.into_iter().flatten().find(|parameter| parameter["name"] == name);
        found.and_then(|parameter| parameter["value"].as_str()).unwrap_or_default()
    }
}
