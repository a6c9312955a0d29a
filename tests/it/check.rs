//! `argo-buildkit check` with real servers: existing objects are `ok`, and missing ones are named.

mod cluster;
mod daemon;
mod events;
mod keys;
mod output;
mod provoked;
mod refused;
mod servers;
mod shared;
mod stuck;
mod warnings;

use std::path::Path;
use std::process::Command;

use crate::support::shared::bounded_buildkitd;

/// The plugin's ConfigMap of deploy/, with an image that its user has built.
fn plugin_with_image() -> String {
    let plugin = include_str!("../../deploy/plugin/buildkit-executor-plugin-configmap.yaml");
    plugin.replace("ghcr.io/argo-buildkit/argo-buildkit", "registry.example.com/tools/argo-buildkit")
}

/// The output of one run of `check`, and its exit code.
#[derive(Debug)]
struct Report {
    text: String,
    code: Option<i32>,
    /// The numbers of findings, which are on standard error.
    summary: String,
}

/// A run of `check` that only has the given cluster and buildkitd.
struct Run {
    command: Command,
    /// Whether the run has no cluster, and says so.
    is_offline: bool,
    _home: tempfile::TempDir,
}

impl Run {
    fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
        command.env_clear().env("HOME", home.path()).arg("check").args(arguments);
        command.env("BUILDKIT_HOST", bounded_buildkitd().address());
        Self { command, is_offline: true, _home: home }
    }

    fn kubeconfig(mut self, path: &Path) -> Self {
        self.command.env("KUBECONFIG", path);
        self.online()
    }

    /// Without `--offline`.
    fn online(mut self) -> Self {
        self.is_offline = false;
        self
    }

    fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    async fn report(mut self) -> Report {
        if self.is_offline {
            self.command.arg("--offline");
        }
        let mut command = tokio::process::Command::from(self.command);
        let output = command.output().await.unwrap();
        let summary = String::from_utf8(output.stderr).unwrap();
        let report =
            Report { text: String::from_utf8(output.stdout).unwrap(), code: output.status.code(), summary };
        report.expect_summary();
        report
    }
}

impl Report {
    /// Nothing is on standard error but the numbers of the lines.
    fn expect_summary(&self) {
        let numbers = ["ok", "warn", "FAIL", "skip"].map(|word| format!("{} {word}", self.lines(word).len()));
        let expected = format!("{}\n", numbers.join(", "));
        assert!(self.summary.is_empty() || self.summary == expected, "{}{}", self.text, self.summary);
    }

    /// The lines with this result, without it.
    fn lines(&self, verdict: &str) -> Vec<&str> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix(verdict));
        lines.map(str::trim_start).collect()
    }

    /// The only line of a run that checks one thing.
    fn only(&self) -> &str {
        let lines: Vec<_> = self.text.lines().collect();
        assert_eq!(lines.len(), 1, "{}", self.text);
        lines[0]
    }

    /// The line about `subject`.
    fn about(&self, subject: &str) -> &str {
        let found = self.text.lines().find(|line| line.get(5..).is_some_and(|l| l.starts_with(subject)));
        found.unwrap_or_else(|| panic!("nothing about {subject}:\n{}", self.text))
    }
}

const DOCS: &str = include_str!("../../docs/check.md");

/// The subjects that docs/check.md explains.
fn rows() -> Vec<&'static str> {
    let rows = DOCS.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(|row| row.trim_end_matches(" …")).collect()
}

#[test]
fn the_job_in_the_docs_is_one_that_kubernetes_and_check_take() {
    let yaml = DOCS.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let job: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    let typed: k8s_openapi::api::batch::v1::Job = serde_json::from_value(job.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), job, "a field that Kubernetes does not know");
    let container = typed.spec.unwrap().template.spec.unwrap().containers.remove(0);
    let arguments = container.args.unwrap();
    assert!(arguments.len() > 3, "{arguments:?}");
    // Help is printed only if all arguments before it are valid.
    let help =
        Command::new(env!("CARGO_BIN_EXE_argo-buildkit")).args(&arguments).arg("--help").output().unwrap();
    assert!(help.status.success(), "{}", String::from_utf8_lossy(&help.stderr));
}

/// `text` with fixed names instead of the parts that differ between runs.
fn named(text: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
