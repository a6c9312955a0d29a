//! The order of commits depends neither on how a URL is spelt nor on how a place is named.

use serde_json::{Value, json};

use crate::support::plugin::{expect_phase, output};
use crate::support::shop::{Shop, template};

/// The node of an update of `targets` that was built from `commit` of the repository at `repo`.
async fn set(shop: &Shop, targets: Value, repo: &str, commit: &str) -> Value {
    let source = json!({"repo": repo, "commit": commit});
    let step = shop.update(json!({}), json!({"targets": targets, "source": source}));
    let ended = shop.plugin.node(&template(step)).await;
    expect_phase(&ended, "Succeeded");
    ended
}

fn superseded(ended: &Value, by: &str, what: &str) {
    assert_eq!(output(ended, "superseded-by"), by, "{what}: {ended}");
    assert_eq!(output(ended, "changed"), "false", "{what}");
}

#[tokio::test]
async fn however_the_source_is_spelt_the_older_build_is_dropped() {
    let shop = Shop::open("FROM scratch\n").await;
    let (older, url) = (shop.sha.clone(), shop.service.url());
    let newer = shop.service.commit_file("main", "main.txt", "second", "second").await;
    let bare = url.strip_suffix(".git").unwrap();
    let (host, path) = bare.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let escaped = path.replacen('s', "%73", 1);
    let spelt = [
        bare.to_owned(),
        format!("{bare}/"),
        format!("{url}/"),
        format!("http://{host}/{escaped}.git"),
        format!("http://{host}/{}", path.to_uppercase()),
        format!("http://{host}/x/../{path}.git"),
    ];
    let never_asked = [format!("https://127.0.0.1/{path}"), format!("http://{host}//{path}.git")];
    let places = spelt.len() + never_asked.len();
    let values: String = (0..2 * places).map(|n| format!("v{n}: none\n")).collect();
    shop.gitops.commit_file("main", "spelt.yaml", &values, "lay out").await;
    let place = |n: usize, to: &str| json!([{"file": "spelt.yaml", "helm": {format!("v{n}"): to}}]);
    for (n, odd) in spelt.iter().chain(&never_asked).enumerate() {
        // No place was written before, so this asks nothing.
        set(&shop, place(2 * n, "newer"), odd, &newer).await;
        superseded(&set(&shop, place(2 * n, "older"), &url, &older).await, &newer, odd);
    }
    for (n, odd) in spelt.iter().enumerate() {
        set(&shop, place(2 * n + 1, "newer"), &url, &newer).await;
        superseded(&set(&shop, place(2 * n + 1, "older"), odd, &older).await, &newer, odd);
    }
    assert!(!shop.gitops.read("main", "spelt.yaml").await.unwrap().contains("older"));
}
