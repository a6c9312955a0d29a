//! The report of a build: made by the command, and attached on request.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::cache::Own;
use crate::support::argo::install_crds;
use crate::support::images::Repository;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::unique;
use crate::support::plugin::output;
use crate::support::shop::Shop;

const HOSTILE: &str = "</pre><script>alert(1)</script>";

/// The text is in no other test's cache.
fn dockerfile() -> String {
    let unique = unique("report");
    format!("FROM BASE\nRUN : {unique} && date >/date\nCOPY main.txt /\nRUN cat main.txt && date >/second\n")
}

async fn report(shop: &Shop, build: &str, kubeconfig: Option<&Path>) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.env_clear().args(["report", build, "--output", "-", "--docker-config"]);
    command.arg(shop.plugin.secrets().join("registry/.dockerconfigjson"));
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    command.output().await.unwrap()
}

async fn page(shop: &Shop, build: &str) -> String {
    text(report(shop, build, None).await)
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The reports that are attached to the image with `digest`.
async fn attached(shop: &Shop, digest: &str) -> Vec<String> {
    let (host, name) =
        shop.image().split_once('/').map(|(host, name)| (host.to_owned(), name.to_owned())).unwrap();
    let repository = Repository::new(&host, &name).with_user(&shop.owner, &shop.token);
    let Some(list) = repository.read(&digest.replace(':', "-")).await else { return Vec::new() };
    let list: Value = serde_json::from_slice(&list).unwrap();
    let mut pages = Vec::new();
    for entry in list["manifests"].as_array().unwrap() {
        if entry["artifactType"] == "application/vnd.argo-buildkit.build.report.v1" {
            let manifest = repository.read(entry["digest"].as_str().unwrap()).await.unwrap();
            let manifest: Value = serde_json::from_slice(&manifest).unwrap();
            assert_eq!(manifest["layers"][0]["mediaType"], "text/html");
            let content = repository.content(manifest["layers"][0]["digest"].as_str().unwrap()).await;
            pages.push(String::from_utf8(content).unwrap());
        }
    }
    pages
}

#[tokio::test]
async fn a_report_explains_a_build_beside_the_previous_one() {
    let own = Own::open_with(&dockerfile()).await;
    let shop = &own.shop;
    // Gitea deletes images without a tag.
    let tags = |tag: &str| json!([format!("{}:{tag}", shop.image())]);
    let first = shop.built(json!({"attest": "min", "tags": tags("1")})).await;
    assert_eq!(attached(shop, &output(&first, "digest")).await, Vec::<String>::new());
    let head = shop.service.commit_file("main", "main.txt", HOSTILE, "change a file").await;
    let second = shop.built(json!({"attest": "min", "tags": tags("2"), "attach-report": true})).await;
    assert_eq!(output(&second, "warnings"), "[]");

    let page = page(shop, &output(&second, "image")).await;
    let parts = [
        output(&second, "digest"),
        output(&first, "digest"),
        output(&second, "log"),
        head,
        "since these files changed: main.txt".to_owned(),
        "[3/4] COPY main.txt /".to_owned(),
        "critical path".to_owned(),
        "the same".to_owned(),
        "https://slsa.dev/provenance/".to_owned(),
        "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;".to_owned(),
    ];
    for part in parts {
        assert!(page.contains(&part), "{part}: {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    let (_, cached) = page.split_once("[2/4] RUN : ").unwrap();
    let (cached, _) = cached.split_once("</li>").unwrap();
    assert!(cached.contains(">cached"), "{cached}");
    assert_eq!(self::page(shop, &output(&second, "log")).await, page);
    assert_eq!(attached(shop, &output(&second, "digest")).await, [page]);
}

#[tokio::test]
async fn the_workflow_of_a_build_leads_to_its_report() {
    let (own, kube) = (Own::open_with(&dockerfile()).await, Kube::shared().await);
    install_crds(kube).await;
    let node = own.shop.built(json!({})).await;
    let parameters = ["image", "log"].map(|name| json!({"name": name, "value": output(&node, name)}));
    let name = unique("reported");
    let write = async |parameters: Value| {
        let nodes = json!({"n": {"id": "n", "name": name, "displayName": name, "type": "Plugin", "outputs": {"parameters": parameters}}});
        // It belongs to a controller that does not exist.
        let labels = json!({"workflows.argoproj.io/controller-instanceid": "nobody"});
        kube.apply(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": name, "namespace": BUILDS, "labels": labels},
            "spec": {"entrypoint": "only", "templates": []}, "status": {"phase": "Running", "nodes": nodes},
        }))
        .await;
    };
    let kubeconfig = kube.kubeconfig(Identity::Admin);
    write(json!([])).await;
    let nothing = report(&own.shop, &name, Some(&kubeconfig)).await;
    let said = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(!nothing.status.success() && said.contains("has no outputs `image` or `log`"), "{said}");
    write(json!(parameters)).await;
    let page = text(report(&own.shop, &format!("{BUILDS}/{name}"), Some(&kubeconfig)).await);
    assert!(page.contains(&output(&node, "digest")) && page.contains("COPY main.txt /"), "{page}");
}
