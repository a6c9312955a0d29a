//! deploy/chart: the objects of the kustomizations, the values that it takes, and the commands of its notes.

mod cases;
mod notes;
mod same;
mod values;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{ROOT, parse, succeeded};
use crate::support::bin;

/// Prometheus's kinds, which a cluster may lack.
const MONITORS: [&str; 3] = ["ServiceMonitor", "PodMonitor", "PrometheusRule"];

/// A release that is rendered and not installed.
pub(super) struct Release {
    name: &'static str,
    arguments: Vec<String>,
}

impl Release {
    fn new(name: &'static str) -> Self {
        Self { name, arguments: Vec::new() }
    }

    /// With the values of a file of ci/.
    pub(super) fn case(name: &str) -> Self {
        let file = chart().join("ci").join(format!("{name}-values.yaml"));
        Self::new("argo-buildkit").with(&["--values", file.to_str().unwrap()])
    }

    pub(super) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    fn set(self, value: &str) -> Self {
        self.with(&["--set", value])
    }

    /// On a cluster that has Prometheus's operator.
    fn with_monitors(self) -> Self {
        MONITORS.iter().fold(self, |release, kind| {
            release.with(&["--api-versions", &format!("monitoring.coreos.com/v1/{kind}")])
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(bin::testbed("helm"));
        command.args(["template", self.name]).arg(chart()).args(["--namespace", "argo"]);
        command.args(["--kube-version", "1.36.0"]).args(&self.arguments);
        command
    }

    pub(super) fn objects(&self) -> Vec<Value> {
        parse(&succeeded(&mut self.command()))
    }

    /// The message with which Helm refuses it.
    fn refused(&self) -> String {
        let output = self.command().output().unwrap();
        assert!(!output.status.success(), "{:?} is accepted", self.arguments);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

fn chart() -> PathBuf {
    Path::new(ROOT).join("deploy/chart")
}

/// Kind, namespace and name.
fn identity(object: &Value) -> String {
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    format!("{} {}/{}", of(&object["kind"]), of(&metadata["namespace"]), of(&metadata["name"]))
}
