//! The log of a build: in Argo's tools while it runs, and in the registry afterwards.

use std::fs;

use crate::cluster::{PATIENCE, attempt, eventually, gitea, list};
use crate::install;
use crate::mode::{Mode, agent_log, mode};
use crate::shop::Shop;
use crate::workflow::BUILDS;

#[tokio::test]
async fn it_is_shown_where_the_docs_say_and_the_registry_keeps_it() {
    let shop = Shop::open("FROM BASE\nRUN echo a-line-of-the-build && sleep 5\n").await;
    let workflow = shop.submit("build-push", &[]);
    let log = || match mode() {
        Mode::Sidecar => {
            attempt("argo", &["logs", "-n", BUILDS, &workflow.name, "-c", "buildkit", "--no-color"])
                .unwrap_or_default()
        }
        Mode::Agent => agent_log(),
    };
    let is_it = |line: &str| {
        line.contains("[2/2] RUN") && line.contains(&workflow.name) && line.ends_with("a-line-of-the-build")
    };
    let shown = || log().lines().any(is_it).then_some(());
    eventually(|| format!("the line in the logs of {}", workflow.report()), PATIENCE, shown);
    let outputs = workflow.succeeds();
    let labels = format!("workflows.argoproj.io/workflow={}", workflow.name);
    let gone = || list(BUILDS, "pod", &labels).is_empty().then_some(());
    eventually(|| "the end of the agent's pod".to_owned(), PATIENCE, gone);

    let room = tempfile::tempdir().unwrap();
    let owner = &install::site().await.owner;
    let token = gitea().token(owner, &["read:package"]).await;
    let config = room.path().join("config.json");
    fs::write(&config, gitea().docker_config_json(owner, &token)).unwrap();
    let arguments = ["log", "--insecure", "--docker-config", config.to_str().unwrap(), outputs.get("image")];
    let log = attempt(env!("CARGO_BIN_EXE_argo-buildkit"), &arguments).unwrap();
    assert!(log.contains("a-line-of-the-build"), "{log}");
}
