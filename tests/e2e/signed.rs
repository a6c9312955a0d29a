//! A signed image on its way to production: build and sign, verify, promote with the signatures, run.

use serde_json::{Value, json};

use crate::cluster::{PATIENCE, eventually, get, kubectl};
use crate::pipeline::{application, ready_pod};
use crate::shop::Shop;
use crate::workflow::{BUILDS, Workflow};

const KEY: &str = include_str!("../cosign/keys/pkcs8-encrypted.pem");
const PASSPHRASE: &str = "open-sesame";
const PUBLIC: &str = include_str!("../cosign/keys/public.pem");

/// Creates the Secret `name` with the key pair, which the plugin may read.
fn signing_key(name: &str) {
    let value = |key: &str, value: &str| format!("--from-literal={key}={value}");
    let values =
        [value("cosign.key", KEY), value("cosign.password", PASSPHRASE), value("cosign.pub", PUBLIC)];
    let [key, password, public] = values.each_ref().map(String::as_str);
    kubectl(&["create", "secret", "generic", name, "-n", BUILDS, key, password, public]);
    kubectl(&["annotate", "secret", name, "-n", BUILDS, "argo-buildkit.io/use=signing"]);
    let (own, role) = (format!("--resource-name={name}"), format!("--role={name}"));
    kubectl(&["create", "role", name, "-n", BUILDS, "--verb=get", "--resource=secrets", &own]);
    let account = "--serviceaccount=builds:buildkit-executor-plugin";
    kubectl(&["create", "rolebinding", name, "-n", BUILDS, &role, account]);
}

/// Verifies the image, copies it with its signatures, verifies the copy, and writes that into the manifest.
fn promotion(shop: &Shop, key: &str, image: &str) -> Value {
    let production = format!("{}-production", shop.image());
    let insecure = |image: &str| json!({"ref": image, "insecure": true});
    let secret = "registry-credentials";
    let container =
        json!({"kind": "Deployment", "name": shop.name(), "container": "app", "image": "$(push.image)"});
    json!({"steps": [
        {"verify": {"images": [insecure(image)], "key": key, "annotations": {}, "registry-secret": secret}},
        {"push": {"source": insecure("$(verify.verified)"), "targets": [insecure(&format!("{production}:1"))],
            "referrers": true, "registry-secret": secret}},
        {"name": "verify-copy", "verify": {"images": [insecure("$(push.image)")], "public-keys": PUBLIC, "registry-secret": secret}},
        {"update-manifest": {"repo": shop.gitops.url(), "secret": "git-write-back", "branch": "main",
            "targets": [{"file": "app/deployment.yaml", "container": container}]}},
    ]})
}

fn workflow(step: &Value) -> Workflow {
    let template = json!({"name": "promote", "plugin": {"buildkit": step},
        "outputs": {"parameters": [{"name": "push-digest", "valueFrom": {"supplied": {}, "default": ""}}]}});
    let object = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "promote-"},
        "spec": {"entrypoint": "promote", "serviceAccountName": "buildkit-workflow", "templates": [template]},
    });
    Workflow::create(BUILDS, &object.to_string())
}

#[tokio::test]
async fn only_a_signed_image_reaches_production() {
    let shop = Shop::open("FROM BASE\nCOPY main.txt /\n").await;
    let key = format!("{}-signing", shop.name());
    signing_key(&key);
    application(&shop.name(), &shop.gitops.url(), "app").await;
    let unsigned = shop.submit("ci-cd-buildkit-deploy", &[]).succeeds();
    let image = format!("{}@{}", shop.image(), unsigned.get("digest"));
    let said = workflow(&promotion(&shop, &key, &image)).refused();
    assert!(said.contains("is not signed by key sha256:1c1c3987"), "{said}");

    let commit = shop.service.commit_file("main", "main.txt", "signed", "signed").await;
    let more = [("revision", commit.as_str()), ("sign-key", &key)];
    let signed = shop.submit("ci-cd-buildkit-deploy", &more).succeeds();
    let image = format!("{}@{}", shop.image(), signed.get("digest"));
    let promoted = workflow(&promotion(&shop, &key, &image)).succeeds();
    let digest = promoted.get("push-digest");
    assert_eq!(digest, signed.get("digest"));
    let place = format!("{}-production@{digest}", shop.image());
    // Argo CD's own poll takes as long as this test waits.
    kubectl(&["annotate", "-n", "argocd", "application", &shop.name(), "argocd.argoproj.io/refresh=normal"]);
    let pod = eventually(
        || format!("a ready pod of {place}: {:#?}", get("argocd", "application", &shop.name())["status"]),
        PATIENCE,
        || {
            ready_pod(&shop.name(), digest)
                .filter(|pod| pod["spec"]["containers"][0]["image"].as_str() == Some(place.as_str()))
        },
    );
    assert_eq!(pod["metadata"]["namespace"], "shops");
}
