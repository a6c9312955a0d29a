//! docs/workflow-templates.md: it describes every parameter, and every example is accepted unchanged.

use std::collections::BTreeSet;
use std::process::Command;

use argo_buildkit::step;
use serde_json::Value;

use super::{installed, templates};
use crate::support::argo::Argo;
use crate::support::bin;
use crate::support::kube::{Identity, Kube};

const DOCS: &str = include_str!("../../../docs/workflow-templates.md");
const REGISTRY: &str = include_str!("../../../docs/registry.md");

fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = DOCS.split(&fence).skip(1).filter_map(|block| block.split("```").next());
    blocks.collect()
}

#[test]
fn every_parameter_is_described() {
    let parameters = templates().into_iter().flat_map(|(_, template)| {
        let parameters = template["spec"]["arguments"]["parameters"].as_array().cloned().unwrap();
        parameters.into_iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned())
    });
    let described = |name: &String| DOCS.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
    let missing: BTreeSet<_> = parameters.filter(|name| !described(name)).collect();
    assert!(missing.is_empty(), "docs/workflow-templates.md does not describe {missing:?}");
}

#[tokio::test]
async fn every_command_starts_what_it_says() {
    let argo = installed().await;
    let commands = blocks("sh");
    assert_eq!(commands.len(), 5);
    for command in commands {
        let workflow = typed(command).await;
        expect_valid(argo, &workflow).await;
    }
}

#[tokio::test]
async fn every_workflow_starts_as_it_stands() {
    let argo = installed().await;
    let (_, promotion) = REGISTRY.split_once("## Promotion between stages").unwrap();
    let release = promotion.split("```yaml\n").nth(1).and_then(|block| block.split("```").next());
    let workflows: Vec<_> = blocks("yaml").into_iter().chain(release).collect();
    assert_eq!(workflows.len(), 3);
    for yaml in workflows {
        let workflow = argo.submit(yaml).await;
        expect_valid(argo, &workflow).await;
    }
}

/// Runs a command of `argo`. Returns the name of the workflow that it created.
async fn typed(command: &str) -> String {
    let argo = bin::testbed("argo");
    let path = format!("{}:{}", argo.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{} -o name --serviceaccount wf", command.trim_end())]).env("PATH", path);
    shell.env("KUBECONFIG", Kube::shared().await.kubeconfig(Identity::Admin));
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{command}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The first task of the workflow is a valid step.
async fn expect_valid(argo: &Argo, workflow: &str) {
    let task: Value = argo.task(workflow).await;
    argo.terminate(workflow).await;
    let body = &task["plugin"]["buildkit"];
    step::parse(body).unwrap_or_else(|invalid| panic!("{workflow}: {invalid}\n{body:#}"));
}
