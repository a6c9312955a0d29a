//! `--tls-secret`: the certificates for buildkitd from a Secret beside the plugin.

use std::path::Path;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};

use crate::support::buildkitd::{Buildkitd, ServerTls};
use crate::support::certificates::Authority;
use crate::support::git::GitServer;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};
use crate::support::plugin::{Plugin, Setup, expect_phase};
use crate::support::shared::shared_registry;
use crate::support::shop::template;

/// A daemon with mutual TLS, its authority and another, and a repository that anybody may read.
struct Site {
    daemon: Buildkitd,
    ours: Authority,
    theirs: Authority,
    git: GitServer,
}

/// The content of a Secret: key and text.
type Values = Vec<(&'static str, String)>;

impl Site {
    fn start() -> Self {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let server = ours.sign("buildkitd");
        let tls = ServerTls { ca: ours.ca(), cert: server.cert, key: server.key };
        let config = format!("[registry.\"{}\"]\nhttp = true\n", shared_registry().host());
        let daemon = Buildkitd::start_tls(&config, tls);
        let git = GitServer::start("", "");
        git.create("api", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
        Self { daemon, ours, theirs, git }
    }

    /// A build that needs no Secret.
    fn template(&self) -> Value {
        let context = json!({"repo": self.git.url("api"), "revision": "main"});
        let tag = format!("{}/{}:1", shared_registry().host(), unique("tls"));
        template(json!({"build": {"context": context, "tags": [{"ref": tag, "insecure": true}]}}))
    }

    async fn node(&self, plugin: &Plugin) -> Value {
        plugin.node(&self.template()).await
    }
}

/// A client certificate signed by `signer`, for a daemon whose certificate `ca` signed, in the form that cert-manager
/// writes.
fn certificate(ca: &Authority, signer: &Authority) -> Values {
    let pair = signer.sign("client");
    vec![("ca.crt", read(&ca.ca())), ("tls.crt", read(&pair.cert)), ("tls.key", read(&pair.key))]
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// `values`, with the value of `key` replaced.
fn with(values: &Values, key: &str, text: &str) -> Values {
    values.iter().map(|(name, old)| (*name, if *name == key { text.into() } else { old.clone() })).collect()
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_said_and_mended_without_a_restart() {
    let site = Site::start();
    let plugin = Setup::new(site.daemon.address()).arg("--tls-secret", "client").start();
    let directory = plugin.secrets().join("client");
    let put = |values: &Values| {
        let _ = std::fs::remove_dir_all(&directory);
        values.iter().for_each(|(key, text)| plugin.put("client", key, text));
    };
    let good = certificate(&site.ours, &site.ours);
    let other = certificate(&site.ours, &site.ours);
    let refused = [
        None,
        Some(good[1..].to_vec()),
        Some(with(&good, "ca.crt", "")),
        Some(with(&good, "tls.crt", &good[2].1)),
        Some(with(&good, "tls.key", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n")),
        Some(with(&good, "tls.key", &other[2].1)),
    ];
    let mut said = String::new();
    for values in refused {
        values.iter().for_each(put);
        let node = site.node(&plugin).await;
        expect_phase(&node, "Failed");
        said += &format!("{}\n", node["message"].as_str().unwrap());
    }
    let said = said.replace(&plugin.secrets().display().to_string(), "SECRETS");
    insta::assert_snapshot!(said, @"
    no certificates for buildkitd: secret `client`, which --tls-secret names, does not exist in the secrets directory `SECRETS`; create it there (keys ca.crt, tls.crt and tls.key, as cert-manager does), or correct the setting
    no certificates for buildkitd: secret `client`, which --tls-secret names, has no key `ca.crt` or `ca.pem`; it has: tls.crt, tls.key; add what is missing of ca.crt, tls.crt and tls.key
    no certificates for buildkitd: key `ca.crt` of secret `client` holds no certificate in PEM (`-----BEGIN …`); check that it is neither empty nor another file's
    no certificates for buildkitd: key `tls.crt` of secret `client` holds no certificate in PEM (`-----BEGIN …`); check that it is neither empty nor another file's
    no certificates for buildkitd: the TLS library refuses them: unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA; check that certificate and key are a pair
    no certificates for buildkitd: the TLS library refuses them: keys may not be consistent: KeyMismatch; check that certificate and key are a pair
    ");

    // buildctl's names for the same three.
    put(&["ca.pem", "cert.pem", "key.pem"]
        .into_iter()
        .zip(good)
        .map(|(key, (_, text))| (key, text))
        .collect());
    expect_phase(&site.node(&plugin).await, "Succeeded");
}

#[tokio::test]
async fn a_secret_of_the_cluster_is_read_with_the_plugins_rights_and_shown_to_nobody() {
    let (site, kube) = (Site::start(), Kube::shared().await);
    let name = unique("client-tls");
    let plugin = Setup::new(site.daemon.address())
        .env("ARGO_BUILDKIT_TLS_SECRET", &name)
        .env("ARGO_BUILDKIT_LOG", "trace")
        .env("KUBECONFIG", &kube.kubeconfig(Identity::Plugin).display().to_string())
        .start_without_secrets();
    let fails = async |phase: &str, words: &str| {
        let node = site.node(&plugin).await;
        expect_phase(&node, phase);
        let message = node["message"].as_str().unwrap();
        assert!(message.contains(words) && message.contains("buildkitd"), "{message}");
    };
    let role = format!("grant it `get` on that secret (a Role with resourceNames: [{name}])");
    fails("Failed", &role).await;
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}]);
    kube.grant(Identity::Plugin, &name, rules).await;
    let secrets: Api<Secret> = Api::namespaced(kube.client(Identity::Plugin).await, BUILDS);
    let granted = async || secrets.get_opt(&name).await.ok();
    until(|| "the Role to be in force".to_owned(), PATIENCE, granted).await;
    fails(
        "Failed",
        &format!("secret `{name}`, which --tls-secret names, does not exist in namespace `builds`"),
    )
    .await;

    let (wrong, good) = (certificate(&site.theirs, &site.ours), certificate(&site.ours, &site.ours));
    let put = async |values: &Values| {
        let values: Vec<_> = values.iter().map(|(key, text)| (*key, text.as_str())).collect();
        kube.secret(&name, "kubernetes.io/tls", &values).await;
    };
    put(&wrong).await;
    fails("Error", "its certificate is not signed by the CA").await;
    put(&good).await;
    expect_phase(&site.node(&plugin).await, "Succeeded");

    let places =
        [("replies", plugin.replies()), ("log", plugin.log()), ("argv and environment", plugin.argv())];
    for key in [&wrong[2].1, &good[2].1] {
        let secret = key.lines().nth(1).unwrap();
        for (place, text) in &places {
            assert!(!text.contains(secret), "the key is in the {place}");
        }
    }
}
