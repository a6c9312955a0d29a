//! The object directories of a killed process are deleted at the next start. Those of a living process stay.

use std::path::Path;

use serde_json::json;

use crate::support::net::{PATIENCE, until};
use crate::support::plugin::{Plugin, Setup, Workflow};
use crate::support::shop::template;

fn start(temp: &Path) -> Plugin {
    Setup::new("unix:///nowhere").env("TMPDIR", temp.to_str().unwrap()).start()
}

fn directories(temp: &Path) -> usize {
    let names = std::fs::read_dir(temp).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("argo-buildkit-git-")).count()
}

#[tokio::test]
async fn only_what_no_living_process_holds_is_removed_at_the_start() {
    let temp = tempfile::tempdir().unwrap();
    // A server that accepts connections and sends nothing stops a write-back at this point.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let repo = format!("http://{}/a.git", silent.local_addr().unwrap());
    let targets = json!([{"file": "values.yaml", "helm": {"image.tag": "1"}}]);
    let step = template(json!({"update-manifest": {"repo": repo, "targets": targets}}));
    std::fs::create_dir_all(temp.path().join("argo-buildkit-git-byhand/objects")).unwrap();
    let living = start(temp.path());
    assert_eq!(directories(temp.path()), 0);
    living.poll(&Workflow::new(), &step).await;
    let there = async || (directories(temp.path()) == 1).then_some(());
    until(|| "a directory of objects".into(), PATIENCE, there).await;
    let second = start(temp.path());
    assert_eq!(directories(temp.path()), 1, "{}", second.log());
    living.kill();
    let third = start(temp.path());
    assert_eq!(directories(temp.path()), 0, "{}", third.log());
    assert!(third.log().contains("removed temporary Git directories"), "{}", third.log());
}
