//! What the accounts may do, and which Secrets there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{OVERLAYS, ROOT, Site, object, overlay, parse};

/// A kustomization with everything in it.
pub(super) const EVERYTHING: &str = "
resources: [../production]
components: [../../components/argocd-refresh, ../../components/cert-manager]
";

fn rules(objects: &[Value]) -> Vec<Value> {
    let roles = objects.iter().filter(|o| o["kind"] == "Role" || o["kind"] == "ClusterRole");
    roles.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn roles_name_their_secrets_and_their_verbs() {
    let rules = rules(&Site::new(EVERYTHING).objects());
    assert_eq!(rules.len(), 7, "{rules:#?}");
    for rule in &rules {
        let text = rule.to_string();
        assert!(!text.contains('*'), "{text}");
        let of = |resource: &str| rule["resources"].as_array().unwrap().contains(&json!(resource));
        let named = rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty());
        if of("secrets") {
            assert!(named && rule["verbs"] == json!(["get"]), "{text}");
        }
        if of("applications") {
            assert!(named, "{text}");
        }
    }
}

#[test]
fn every_binding_has_its_role_and_its_account() {
    let objects = Site::new(EVERYTHING).objects();
    let bindings = objects.iter().filter(|o| o["kind"].as_str().unwrap().ends_with("RoleBinding"));
    for binding in bindings {
        let role = &binding["roleRef"];
        let role = object(&objects, role["kind"].as_str().unwrap(), role["name"].as_str().unwrap());
        assert_eq!(role["metadata"]["namespace"], binding["metadata"]["namespace"], "{binding}");
        let subject = &binding["subjects"][0];
        let name = subject["name"].as_str().unwrap();
        if name == "argo" {
            continue; // Argo's own installation makes it.
        }
        let account = object(&objects, "ServiceAccount", name);
        assert_eq!(account["metadata"]["namespace"], subject["namespace"], "{binding}");
    }
}

/// Argo's rule, on Kubernetes 1.24 and later: `NAME.service-account-token` is what an agent's pod mounts.
#[test]
fn every_account_has_the_token_that_argo_mounts() {
    for name in OVERLAYS {
        let objects = overlay(name);
        let accounts: Vec<_> = objects.iter().filter(|o| o["kind"] == "ServiceAccount").collect();
        assert_eq!(accounts.len(), 2);
        for account in accounts {
            let name = account["metadata"]["name"].as_str().unwrap();
            let token = object(&objects, "Secret", &format!("{name}.service-account-token"));
            assert_eq!(token["type"], "kubernetes.io/service-account-token");
            let of = &token["metadata"]["annotations"]["kubernetes.io/service-account.name"];
            assert_eq!(of, name);
            assert_eq!(token["metadata"]["namespace"], account["metadata"]["namespace"]);
        }
    }
}

/// Applying an overlay again must not put `CHANGE-ME` over a password.
#[test]
fn templates_of_secrets_are_in_no_overlay_and_are_those_that_the_plugin_may_read() {
    let templates = templates();
    let named = templates.iter().map(|s| s["metadata"]["name"].as_str().unwrap().to_owned());
    let names: BTreeSet<_> = named.chain(["buildkit-client-tls".to_owned()]).collect();
    for name in OVERLAYS {
        let objects = overlay(name);
        let made = objects.iter().filter(|o| o["kind"] == "Secret" && o["type"] != TOKEN);
        assert_eq!(made.count(), 0);
        let rule = &object(&objects, "Role", "buildkit-executor-plugin")["rules"][0];
        let readable = rule["resourceNames"].as_array().unwrap().iter();
        let readable: BTreeSet<_> = readable.map(|name| name.as_str().unwrap().to_owned()).collect();
        assert_eq!(readable, names);
    }
    for secret in templates {
        let values = secret["stringData"].as_object().unwrap().values();
        assert!(values.map(|v| v.as_str().unwrap()).all(|v| v.contains("CHANGE-ME")), "{secret}");
    }
}

const TOKEN: &str = "kubernetes.io/service-account-token";

/// The objects of deploy/secrets.
pub(super) fn templates() -> Vec<Value> {
    let files = fs::read_dir(Path::new(ROOT).join("deploy/secrets")).unwrap();
    files.flat_map(|file| parse(&fs::read_to_string(file.unwrap().path()).unwrap())).collect()
}
