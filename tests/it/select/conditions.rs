//! `when` of entries, and the node's message.

use serde_json::{Value, json};

use super::decisions::Site;
use crate::support::plugin::{expect_phase, output};
use crate::support::shop::template;

impl Site {
    /// A node with `select`, and a write-back that runs only if the push touches `path`.
    async fn deploy(&self, before: &str, path: &str, more: &[Value]) -> Value {
        let repo = self.relay.through(&self.repo.url());
        let select = json!({"select": {"repo": repo, "secret": "git", "ref": "refs/heads/main", "before": before,
            "after": self.head(), "paths": path}});
        let update = json!({"name": "deploy", "when": "$(select.selected)", "update-manifest": {"repo": repo, "secret": "git",
            "targets": [{"file": "chart/values.yaml", "helm": {"image.tag": self.head()}}]}});
        let entries: Vec<_> = [select, update].iter().chain(more).cloned().collect();
        self.plugin.node(&template(json!({"steps": entries}))).await
    }
}

#[tokio::test]
async fn an_entry_runs_only_when_its_condition_holds() {
    let site = Site::open().await;
    site.commit("chart/values.yaml", "lay out");
    std::fs::write(site.clone.path().join("chart/values.yaml"), "image:\n  tag: old\n").unwrap();
    let before = site.head();
    let after = {
        crate::support::gitea::git(
            site.clone.path(),
            &["commit", "--quiet", "--all", "--message", "values"],
            None,
        );
        site.head()
    };
    site.push();

    // Nothing but `select` runs: one request, and the node says why.
    site.relay.take();
    let node = site.deploy(&before, "services/api", &[]).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(node["message"], "skipped: nothing under services/api changed, only `chart/values.yaml`");
    assert_eq!(site.relay.take().len(), 1, "nothing is read ahead for an entry that is skipped");
    for empty in ["commit", "deploy-commit", "changed"] {
        assert_eq!(output(&node, empty), "", "{empty}");
    }
    assert_eq!(output(&node, "selected"), "false");
    assert_eq!(site.repo.head("main").await, after);

    // One that has another condition runs all the same.
    let told = json!({"name": "told", "when": true, "select": {"enabled": false}});
    let never = json!({"name": "never", "when": "false", "select": {"enabled": false}});
    let node = site.deploy(&before, "services/api", &[told, never]).await;
    expect_phase(&node, "Succeeded");
    let message = node["message"].as_str().unwrap();
    assert_eq!(
        message,
        "select: nothing under services/api changed, only `chart/values.yaml`; \
         deploy: skipped (nothing under services/api changed, only `chart/values.yaml`); \
         never: skipped (its `when`, `false`, is not true)"
    );

    let node = site.deploy(&before, "chart", &[]).await;
    expect_phase(&node, "Succeeded");
    let message = node["message"].as_str().unwrap();
    assert!(message.starts_with("select: `chart/values.yaml` changed; deploy: committed "), "{message}");
    assert_eq!(output(&node, "commit"), site.repo.head("main").await);
    assert_ne!(output(&node, "commit"), after);
}

#[tokio::test]
async fn what_refers_to_a_skipped_entry_is_refused_before_anything_starts() {
    let site = Site::open().await;
    let telling = json!({"name": "told", "select": {"enabled": false, "after": "$(deploy.commit)"}});
    let node = site.deploy(&site.head(), "x", &[telling]).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(
        message.contains("steps[2].select.after: `$(deploy.commit)`: `deploy` may be skipped"),
        "{message}"
    );
    assert_eq!(site.relay.take().len(), 0);
}
