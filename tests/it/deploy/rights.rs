//! The rights of the accounts, and the shipped Secrets.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use super::{OVERLAYS, ROOT, Site, object, overlay, parse};
use crate::support::kube::Kube;
use crate::support::net::{PATIENCE, unique, until};

/// A kustomization with all components.
pub(super) const EVERYTHING: &str = "
resources: [../production]
components:
- ../../components/argocd-refresh
- ../../components/argocd-sync
- ../../components/submit
- ../../components/cert-manager
- ../../components/agent
- ../../components/agent-rights
- ../../components/agent-rights-cluster
- ../../components/agent-gate
- ../../components/agent-only
- ../../components/agent-argocd-watch
- ../../components/agent-cert-manager
- ../../components/dashboards
- ../../components/alerts
";

fn rules(objects: &[Value]) -> Vec<Value> {
    let roles = objects.iter().filter(|o| o["kind"] == "Role" || o["kind"] == "ClusterRole");
    roles.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn roles_name_their_secrets_and_their_verbs() {
    let rules = rules(&Site::new(EVERYTHING).objects());
    assert_eq!(rules.len(), 21, "{rules:#?}");
    for rule in &rules {
        let text = rule.to_string();
        assert!(!text.contains('*'), "{text}");
        let of = |resource: &str| rule["resources"].as_array().unwrap().contains(&json!(resource));
        let named = rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty());
        if of("secrets") {
            assert!(named && rule["verbs"] == json!(["get"]), "{text}");
        }
        // All Applications may be watched, and none changed.
        let is_watched = rule["verbs"] == json!(["list", "watch"]);
        if (of("applications") && !is_watched) || rule["verbs"] == json!(["impersonate"]) {
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
        let there = objects.iter().any(|o| {
            let (theirs, own) = (&o["metadata"], &binding["metadata"]);
            o["kind"] == role["kind"]
                && theirs["name"] == role["name"]
                && theirs["namespace"] == own["namespace"]
        });
        assert!(there, "{binding}");
        let subject = &binding["subjects"][0];
        let name = subject["name"].as_str().unwrap();
        if name == "argo" {
            continue; // Argo's own installation makes it.
        }
        let account = object(&objects, "ServiceAccount", name);
        assert_eq!(account["metadata"]["namespace"], subject["namespace"], "{binding}");
    }
}

/// The effect of the Roles in a real API server, in a second namespace of workflows that is made as in
/// deploy/README.md.
#[tokio::test]
async fn the_accounts_may_do_what_they_must_and_no_more() {
    let kube = Kube::shared().await;
    let namespace = unique("team");
    let site = Site::new(&format!("resources: [../../base/builds]\nnamespace: {namespace}\n"));
    let (namespaces, others): (Vec<_>, Vec<_>) =
        site.objects().into_iter().partition(|o| o["kind"] == "Namespace");
    assert_eq!(namespaces[0]["metadata"]["name"], namespace);
    for object in [namespaces, others].concat() {
        kube.apply(object).await;
    }
    let (plugin, workflow) = ("buildkit-executor-plugin", "buildkit-workflow");
    let may = async |account: &str, act: &str| {
        let user = format!("system:serviceaccount:{namespace}:{account}");
        allowed(kube, &user, &namespace, act).await
    };
    for (account, act) in [
        (plugin, "get secrets/git-write-back"),
        (plugin, "get secrets/buildkit-client-tls"),
        (plugin, "watch workflowtasksets"),
        (workflow, "watch workflowtasksets"),
        (workflow, "patch workflowtasksets/any/status"),
        (workflow, "create workflowtaskresults"),
    ] {
        let granted = async || may(account, act).await.then_some(());
        until(|| format!("{account} to {act}"), PATIENCE, granted).await;
    }
    // All Roles are effective by now.
    for (account, act) in [
        (plugin, "get secrets/buildkit-workflow.service-account-token"),
        (plugin, "list secrets"),
        (plugin, "update secrets/git-write-back"),
        (plugin, "patch workflowtasksets/any/status"),
        (workflow, "get secrets/git-write-back"),
        (workflow, "create pods"),
    ] {
        assert!(!may(account, act).await, "{account} may {act}");
    }
}

/// Whether `user` may do `VERB RESOURCE[/NAME[/SUBRESOURCE]]` in `namespace`.
pub(crate) async fn allowed(kube: &Kube, user: &str, namespace: &str, act: &str) -> bool {
    let (verb, target) = act.split_once(' ').unwrap();
    let mut parts = target.split('/');
    let mut part = || parts.next().unwrap_or_default();
    let (resource, name, subresource) = (part(), part(), part());
    let group = match resource {
        "leases" => "coordination.k8s.io",
        workflows if workflows.starts_with("workflow") => "argoproj.io",
        _ => "",
    };
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {},
        "spec": {
            "user": user,
            "resourceAttributes": {
                "namespace": namespace, "verb": verb, "group": group,
                "resource": resource, "name": name, "subresource": subresource,
            },
        },
    });
    let reviews = kube.api("authorization.k8s.io/v1", "SubjectAccessReview", "").await;
    let review: DynamicObject = serde_json::from_value(review).unwrap();
    let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
    answer.data["status"]["allowed"] == true
}

/// Argo's rule for Kubernetes 1.24 and later: an agent's pod mounts `NAME.service-account-token`.
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

/// Applying an overlay again must not replace a password by `CHANGE-ME`.
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
pub(crate) fn templates() -> Vec<Value> {
    let files = fs::read_dir(Path::new(ROOT).join("deploy/secrets")).unwrap();
    files.flat_map(|file| parse(&fs::read_to_string(file.unwrap().path()).unwrap())).collect()
}
