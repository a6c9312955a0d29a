//! The order of commits does not depend on the spelling of a URL or on the name of a place.

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
        // No place was written before, so this sends no request.
        set(&shop, place(2 * n, "newer"), odd, &newer).await;
        superseded(&set(&shop, place(2 * n, "older"), &url, &older).await, &newer, odd);
    }
    for (n, odd) in spelt.iter().enumerate() {
        set(&shop, place(2 * n + 1, "newer"), &url, &newer).await;
        superseded(&set(&shop, place(2 * n + 1, "older"), odd, &older).await, &newer, odd);
    }
    assert!(!shop.gitops.read("main", "spelt.yaml").await.unwrap().contains("older"));
}

/// The first values in each test.
const CHART: &str = "\
image:
  repository: r.example/api
  tag: v0 # {\"$imagepolicy\": \"flux:api:tag\"}
";

/// Ways to set `image.tag` of the chart to `to`.
fn ways(to: &str) -> [(&'static str, Value); 4] {
    let file = "place/values.yaml";
    [
        ("helm", json!({"file": file, "helm": {"image.tag": to}})),
        ("image", json!({"file": file, "image": {"image": format!("r.example/api:{to}")}})),
        ("setter", json!({"file": file, "setters": {"flux:api": format!("r.example/api:{to}")}})),
        ("glob", json!({"file": "*/values.yaml", "image": {"image": format!(":{to}")}})),
    ]
}

#[tokio::test]
async fn however_the_place_is_named_the_older_build_is_dropped() {
    let shop = Shop::open("FROM scratch\n").await;
    let (older, url) = (shop.sha.clone(), shop.service.url());
    let mut chain = vec![older.clone()];
    for n in 0..4 {
        chain.push(shop.service.commit_file("main", "main.txt", &n.to_string(), "next").await);
    }
    // The glob matches no other chart here.
    let lone = "other/none.yaml";
    shop.gitops.commit_file("main", lone, "a: b\n", "lay out").await;
    shop.gitops.commit_file("main", "place/values.yaml", CHART, "lay out").await;
    let plain = json!([{"file": "place/values.yaml", "helm": {"image.repository": "r.example/api2"}}]);
    for (n, (by, newer)) in ways("new").into_iter().enumerate() {
        // Each way is the last writer once. The glob also matches the shop's own chart.
        let commit = &chain[n + 1];
        let written = set(&shop, json!([newer]), &url, commit).await;
        assert_eq!(output(&written, "superseded-by"), "", "{by}");
        for (way, late) in ways("old") {
            superseded(&set(&shop, json!([late]), &url, &older).await, commit, &format!("{way} after {by}"));
        }
        // This makes a new write necessary.
        shop.gitops.commit_file("main", "place/values.yaml", CHART, "lay out again").await;
    }
    // Another value of the same image is another place, unless a target set it too.
    let free = "place/free.yaml";
    shop.gitops.commit_file("main", free, CHART, "lay out").await;
    set(&shop, json!([{"file": free, "image": {"image": ":new"}}]), &url, &chain[4]).await;
    let mut beside = plain.clone();
    beside[0]["file"] = json!(free);
    assert_eq!(output(&set(&shop, beside, &url, &older).await, "changed"), "true");
}

/// Older commits, whose trailers have no places, name only targets.
#[tokio::test]
async fn what_older_versions_wrote_is_understood() {
    let shop = Shop::open("FROM scratch\n").await;
    let (older, url) = (shop.sha.clone(), shop.service.url());
    let newer = shop.service.commit_file("main", "main.txt", "second", "second").await;
    for (n, target) in ["helm:image.tag", "image:image", "setter:flux:api"].into_iter().enumerate() {
        let file = format!("old{n}/values.yaml");
        let message = format!(
            "Set it\n\nWorkflow: builds/x\nSource-Repo: {url}\nSource-Commit: {newer}\nManifest: {file} {target}\n\
             Managed-By: argo-buildkit"
        );
        shop.gitops.commit_file("main", &file, CHART, &message).await;
        for (way, mut late) in ways("old") {
            late["file"] = json!(file);
            superseded(
                &set(&shop, json!([late]), &url, &older).await,
                &newer,
                &format!("{way} after {target}"),
            );
        }
    }
}
