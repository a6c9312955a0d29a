//! `commit: false`: only a diff.

use serde_json::json;

use super::{node, shop, tag};
use crate::support::plugin::{expect_phase, output};

#[tokio::test]
async fn a_dry_run_shows_the_diff_and_writes_nothing() {
    let shop = shop().await;
    let head = shop.gitops.head("main").await;
    for more in [json!({"commit": "false"}), json!({"commit": false, "mode": "pull-request"})] {
        let ended = node(&shop, tag(&shop, "2", more)).await;
        expect_phase(&ended, "Succeeded");
        assert_eq!(output(&ended, "changed"), "true");
        assert_eq!(output(&ended, "commit"), head);
        assert!(output(&ended, "diff").contains("+  tag: \"2\" # set by argo-buildkit"));
        assert!(ended["message"].as_str().unwrap().contains("nothing was committed"), "{ended}");
    }
    assert_eq!(shop.gitops.head("main").await, head);
    let (_, metrics) = shop.plugin.ops("/metrics").await;
    assert!(metrics.contains("argo_buildkit_manifest_updates_total{result=\"previewed\"} 2"), "{metrics}");
}
