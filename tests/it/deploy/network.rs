//! NetworkPolicies: they do not rely on labels that a workflow can give its pods, and no build can reach a node's
//! credentials.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::rights::EVERYTHING;
use super::{OVERLAYS, ROOT, Site, object, overlay, parse, succeeded};

/// The addresses of link-local services and of the metadata of clouds: AWS and most others, Azure, Alibaba.
const METADATA: &[&str] = &["169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32"];

/// The same for IPv6: link-local, AWS, Google.
const METADATA6: &[&str] = &["fe80::/10", "fd00:ec2::23/128", "fd00:ec2::254/128", "fd20:ce::254/128"];

/// The namespaces in which only an administrator makes pods.
const OURS: [&str; 3] = ["buildkit", "buildkit-agent", "buildkit-cache"];

fn policies() -> Vec<Value> {
    let rendered = OVERLAYS.iter().map(|name| overlay(name)).chain([Site::new(EVERYTHING).objects()]);
    let policies: Vec<_> = rendered.flatten().filter(|o| o["kind"] == "NetworkPolicy").collect();
    assert!(policies.len() >= 3 * 4, "{}", policies.len());
    policies
}

/// The peers of all rules, `to` or `from`.
fn peers(policies: &[Value], rules: &str, direction: &str) -> Vec<(Value, Value)> {
    let mut peers = Vec::new();
    for policy in policies {
        for rule in policy["spec"][rules].as_array().into_iter().flatten() {
            let named = rule[direction].as_array();
            assert!(
                named.is_some_and(|peers| !peers.is_empty()),
                "a rule without peers is for all: {policy}"
            );
            peers.extend(named.into_iter().flatten().map(|peer| (policy["metadata"].clone(), peer.clone())));
        }
    }
    peers
}

#[test]
fn egress_to_anywhere_leaves_out_link_local_and_metadata_addresses() {
    let peers = peers(&policies(), "egress", "to");
    let mut blocks = 0;
    for (policy, peer) in &peers {
        let Some(cidr) = peer["ipBlock"]["cidr"].as_str() else { continue };
        let left_out = if cidr.contains(':') { METADATA6 } else { METADATA };
        assert_eq!(peer["ipBlock"]["except"], json!(left_out), "{policy}");
        blocks += 1;
    }
    assert!(blocks >= 2 * OVERLAYS.len() + 4, "{blocks} blocks");
}

#[test]
fn no_ingress_trusts_a_label_that_a_workflow_can_give_its_pods() {
    for (policy, peer) in peers(&policies(), "ingress", "from") {
        let namespace = &peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"];
        let namespace =
            namespace.as_str().unwrap_or_else(|| panic!("a namespace by its name: {policy} {peer}"));
        let by_label = peer.get("podSelector").is_some();
        assert!(!by_label || OURS.contains(&namespace), "{policy}: {peer}");
    }
}

#[test]
fn every_namespace_of_ours_denies_first() {
    let rendered = Site::new(EVERYTHING).objects();
    for namespace in OURS {
        let denies = rendered.iter().any(|o| {
            o["kind"] == "NetworkPolicy"
                && o["metadata"]["namespace"] == namespace
                && o["spec"] == json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        });
        assert!(denies, "{namespace}");
    }
}

const README: &str = include_str!("../../../deploy/README.md");

/// The part of the page about a daemon for another trust domain.
#[test]
fn a_second_daemon_lets_its_own_namespaces_in_and_has_its_own_authority() {
    let section = README.split("### A daemon for each trust domain\n").nth(1).unwrap();
    let block = |language: &str| {
        section.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap()
    };
    let objects = Site::new(block("yaml")).objects();
    assert!(objects.iter().all(|o| o["kind"] == "Namespace" || o["metadata"]["namespace"] == "buildkit-b"));
    assert_eq!(object(&objects, "Namespace", "buildkit-b")["kind"], "Namespace");
    let policy = object(&objects, "NetworkPolicy", "buildkitd");
    let named = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}}]);
    assert_eq!(policy["spec"]["ingress"][0]["from"], named);
    let (made, _) = block("sh").trim().split_once(" | kubectl").unwrap();
    let secrets = parse(&succeeded(Command::new("bash").args(["-euc", made]).current_dir(Path::new(ROOT))));
    let namespace = |name: &str| object(&secrets, "Secret", name)["metadata"]["namespace"].clone();
    assert_eq!([namespace("buildkitd-tls"), namespace("buildkit-client-tls")], ["buildkit-b", "team-b"]);
}
