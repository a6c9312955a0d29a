//! One mode is enough, and one agent has room for so many waits: `make e2e` skips these with sidecars.

use serde_json::{Value, json};

use super::rows;
use super::site::{ARGOCD, Site, automated, deployment, image, refused};
use super::wait::{Wait, run};
use crate::install;

fn is_healthy(status: &Value) -> bool {
    status["sync"]["status"] == "Synced" && status["health"]["status"] == "Healthy"
}

/// Whether a sync has failed and is to be repeated.
fn is_repeated(status: &Value) -> bool {
    status["operationState"]["retryCount"].as_u64() > Some(0)
}

#[tokio::test]
async fn whatever_keeps_a_commit_from_running_is_told() {
    let mut site = Site::open(&rows::folders()).await;
    // The repository of sources: Argo CD has no login for it.
    let foreign = install::site().await.service.url();
    let foreign = json!({"repoURL": foreign, "path": "chart", "targetRevision": "main"});
    let rows = rows::all(&site, &foreign);
    rows::add(&mut site, &rows);
    site.create();
    site.becomes("ignored", is_healthy);
    site.becomes("repeated", is_repeated);
    site.write("repeated", &deployment("repeated", "2")).await;
    let commit = site.write("ignored", &deployment("ignored", "2")).await;
    let ended = run(&[rows.iter().map(|row| row.wait(&site, &commit)).collect()]);
    let wrong: Vec<_> = rows.iter().filter_map(|row| row.wrong(&ended)).collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), ended.workflow.report());
    assert!(site.runs("ignored", "1"), "the image that Argo CD was told to ignore is not changed");
    site.remove();
}

/// The Applications that run the commit, with a step for each.
const DEPLOYED: [&str; 4] = ["healthy", "broken", "started", "late"];

/// The step `name`, which waits for the Application of `row`, the commit and the image with `tag`, with `more` fields.
fn wait(site: &Site, name: &'static str, row: &str, [commit, tag]: [&str; 2], more: Value) -> Wait {
    let mut sync = json!({"applications": site.name_of(row), "commit": commit, "images": image(tag)});
    crate::support::shop::merge(&mut sync, more);
    Wait { name, sync, timeout: "2m" }
}

/// Adds four Applications that shall run the commit: one that runs the commit before, one that Argo CD tries in vain to sync to that, one
/// that it does not sync by itself, and one whose folder comes with the commit. A fifth is of the first one's folder.
fn add_deployed(site: &mut Site) {
    site.allow_waits(ARGOCD, &[&DEPLOYED[..], &["shared"]].concat());
    for row in ["healthy", "broken", "late"] {
        site.application(ARGOCD, row, automated(json!({})));
    }
    site.application(ARGOCD, "started", json!({}));
    // The annotation tells whose the Deployment is.
    let owner = json!([{
        "group": "apps", "kind": "Deployment",
        "jsonPointers": ["/metadata/annotations/argocd.argoproj.io~1tracking-id"],
    }]);
    let source = site.source("healthy");
    site.application(ARGOCD, "shared", json!({"source": source, "ignoreDifferences": owner}));
}

#[tokio::test]
async fn a_commit_is_waited_for_until_it_runs_or_a_newer_one_does() {
    let first = ["healthy", "started"].map(|row| (row, deployment(row, "1")));
    let mut site = Site::open(&[&first[..], &[("broken", refused("broken"))]].concat()).await;
    add_deployed(&mut site);
    site.create();
    site.becomes("healthy", is_healthy);
    site.becomes("broken", is_repeated);
    let mut commit = String::new();
    for row in DEPLOYED {
        commit = site.write(row, &deployment(row, "2")).await;
    }
    let ours = [commit.as_str(), "2"];
    let older = json!({"repo": site.gitops.url(), "secret": "git-write-back"});
    let ended = run(&[
        vec![
            wait(&site, "healthy", "healthy", ours, json!({})),
            wait(&site, "broken", "broken", ours, json!({"stop-older-sync": true})),
            wait(&site, "started", "started", ours, json!({"start-sync": true})),
            wait(&site, "late", "late", ours, json!({})),
        ],
        vec![
            wait(&site, "superseded", "healthy", [&site.first, "1"], older),
            wait(&site, "shared", "shared", ours, json!({})),
        ],
    ]);
    for step in [&DEPLOYED[..], &["shared"]].concat() {
        let found = [ended.output(step, "outcome"), ended.output(step, "deployed")];
        assert_eq!(found, ["healthy", &commit], "{step}: {}", ended.workflow.report());
    }
    for row in DEPLOYED {
        assert!(site.runs(row, "2"), "{row}: {}", ended.workflow.report());
    }
    let remarks = ended.output("broken", "remarks");
    assert!(remarks.contains("ended the sync of the older revision"), "{remarks}");
    let remarks = ended.output("shared", "remarks");
    assert!(remarks.contains("is part of applications"), "{remarks}");
    let found = [ended.output("superseded", "outcome"), ended.output("superseded", "newer")];
    assert_eq!(found, ["superseded", &commit], "{}", ended.workflow.report());
    site.remove();
}
