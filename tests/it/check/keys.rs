//! The keys with which templates sign and verify images.

use serde_json::{Value, json};

use super::{Report, Run, rows};
use crate::support::argo::install_crds;
use crate::support::kube::{Identity, Kube};
use crate::support::net::unique;

const KEY: &str = include_str!("../../cosign/keys/sec1.pem");
const PUBLIC: &str = include_str!("../../cosign/keys/public.pem");
const RSA: &str = include_str!("../../cosign/keys/rsa.pem");
const ENCRYPTED: &str = include_str!("../../cosign/keys/pkcs8-encrypted.pem");
const OF_COSIGN: &str = include_str!("../../cosign/keys/cosign.key");
const ID: &str = "the key id sha256:1c1c3987";

/// A namespace of its own.
struct Site {
    kube: &'static Kube,
    namespace: String,
}

impl Site {
    async fn new() -> Self {
        let (kube, namespace) = (Kube::shared().await, unique("keys"));
        install_crds(kube).await;
        kube.namespace(&namespace).await;
        Self { kube, namespace }
    }

    async fn secret(&self, name: &str, values: &[(&str, &str)]) {
        self.kube.secret_in(&self.namespace, name, "Opaque", values).await;
    }

    /// A WorkflowTemplate with these steps.
    async fn template(&self, steps: &[Value]) {
        let template = json!({"name": "main", "plugin": {"buildkit": {"steps": steps}}});
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate",
            "metadata": {"name": "release", "namespace": self.namespace},
            "spec": {"entrypoint": "main", "templates": [template]},
        });
        self.kube.apply(object).await;
    }

    async fn report(&self) -> Report {
        let namespace = self.namespace.as_str();
        let arguments =
            ["--namespace", namespace, "--argo-namespace", namespace, "--agent-namespace", namespace];
        let run = Run::new(&arguments).kubeconfig(&self.kube.kubeconfig(Identity::Admin));
        let report = run.report().await;
        for secret in [&KEY[60..80], &ENCRYPTED[60..80], "open-sesame", "wrong-horse", "hunter22"] {
            assert!(!report.text.contains(secret), "{}", report.text);
        }
        report
    }

    /// The line about a key.
    fn line<'a>(&self, report: &'a Report, key: &str) -> &'a str {
        report.about(&format!("image key {}/{key}: ", self.namespace))
    }
}

fn sign(key: Value, passphrase: Value) -> Value {
    json!({"sign": {"image": "registry.example.com/shop/api:1", "key": key, "passphrase": passphrase}})
}

fn verify(key: &str) -> Value {
    json!({"verify": {"images": "registry.example.com/shop/api:1", "key": key}})
}

#[tokio::test]
async fn keys_that_steps_can_use_are_named_by_their_id() {
    let site = Site::new().await;
    site.secret("plain", &[("cosign.key", KEY), ("cosign.pub", PUBLIC)]).await;
    site.secret("locked", &[("cosign.key", ENCRYPTED), ("cosign.password", "open-sesame")]).await;
    site.secret("of-cosign", &[("cosign.key", OF_COSIGN), ("cosign.password", "open-sesame")]).await;
    site.secret("apart", &[("pem", ENCRYPTED)]).await;
    site.secret("passphrases", &[("of-apart", "open-sesame")]).await;
    let apart = json!({"name": "apart", "key": "pem"});
    let mut steps = ["plain", "locked", "of-cosign"].map(|name| sign(json!(name), json!(""))).to_vec();
    steps.push(sign(apart, json!({"name": "passphrases", "key": "of-apart"})));
    // It is named twice, and told once.
    steps.extend([verify("plain"), verify("plain")]);
    site.template(&steps).await;
    let report = site.report().await;
    for key in ["plain/cosign.key", "locked/cosign.key", "apart/pem"] {
        let line = site.line(&report, key);
        assert!(line.starts_with("ok ") && line.contains(&format!("signs images, with {ID}")), "{line}");
    }
    let line = site.line(&report, "of-cosign/cosign.key");
    assert!(line.starts_with("ok ") && line.contains("signs images, with the key id sha256:"), "{line}");
    let line = site.line(&report, "plain/cosign.pub");
    assert!(line.starts_with("ok ") && line.contains(&format!("verifies images, with {ID}")), "{line}");
    let keys: Vec<_> = report.lines("ok").into_iter().filter(|line| line.starts_with("image key")).collect();
    assert_eq!(keys.len(), 5, "{}", report.text);
    assert!(rows().iter().any(|row| keys[0].starts_with(row)), "docs/check.md does not explain: {}", keys[0]);
}

#[tokio::test]
async fn each_flaw_of_a_key_is_named_until_it_is_mended() {
    let site = Site::new().await;
    let rows = [
        ("rsa", "cosign.key", RSA, "is an RSA key, and only EC keys on the curve P-256 are used here"),
        ("text", "cosign.key", "hunter22hunter22", "is no key in PEM form"),
        ("half", "cosign.key", PUBLIC, "is a public key, and signing needs the private key"),
        ("locked", "cosign.key", ENCRYPTED, "is encrypted, and there is no passphrase"),
        ("other", "cosign.pub", PUBLIC, "has no key `cosign.key`; it has: cosign.pub"),
    ];
    for (name, key, value, _) in rows {
        site.secret(name, &[(key, value)]).await;
    }
    site.secret("wrong", &[("cosign.key", ENCRYPTED), ("cosign.password", "wrong-horse")]).await;
    site.secret("away", &[("cosign.key", ENCRYPTED)]).await;
    site.secret("shown", &[("cosign.pub", KEY)]).await;
    let mut steps: Vec<_> = rows.iter().map(|(name, ..)| sign(json!(name), Value::Null)).collect();
    steps.extend([sign(json!("wrong"), Value::Null), sign(json!("away"), json!("nowhere")), verify("shown")]);
    site.template(&steps).await;
    let report = site.report().await;
    let more = [
        ("wrong", "is encrypted with another passphrase; correct the passphrase"),
        ("away", "secret `nowhere` does not exist"),
    ];
    for (name, why) in rows.map(|(name, _, _, why)| (name, why)).into_iter().chain(more) {
        let line = site.line(&report, &format!("{name}/cosign.key"));
        assert!(line.starts_with("FAIL") && line.contains(why), "{name}: {line}");
    }
    let line = site.line(&report, "shown/cosign.pub");
    assert!(line.starts_with("FAIL") && line.contains("is a private key, and verifying needs"), "{line}");

    site.secret("wrong", &[("cosign.password", "open-sesame"), ("cosign.key", ENCRYPTED)]).await;
    let report = site.report().await;
    let line = site.line(&report, "wrong/cosign.key");
    assert!(line.starts_with("ok ") && line.contains(ID), "{line}");
}

#[tokio::test]
async fn a_key_that_no_step_may_sign_with_is_left_to_the_line_about_its_secret() {
    let site = Site::new().await;
    site.kube
        .apply(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"cosign.key": KEY},
            "metadata": {
                "name": "bound", "namespace": site.namespace, "annotations": {"argo-buildkit.io/use": "git"},
            },
        }))
        .await;
    site.template(&[sign(json!("bound"), Value::Null)]).await;
    let report = site.report().await;
    let line = report.about(&format!("Secret {}/bound", site.namespace));
    assert!(line.starts_with("FAIL") && line.contains("the step wants it for signing"), "{line}");
    assert!(!report.text.contains("image key"), "{}", report.text);
}
