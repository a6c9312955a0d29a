//! Whether pods in one of our namespaces can reach addresses that reveal a node's credentials.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyEgressRule};

use crate::check::api_login::unread;
use crate::check::{Doctor, Finding};
use crate::kube::{By, ReadError};

/// Addresses that must not be reachable: link-local ones, and metadata services of clouds (AWS and most others; Azure; Alibaba; AWS
/// and Google by IPv6).
const GUARDED: [&str; 8] = [
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "fe80::a9fe:a9fe",
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fd20:ce::254",
];

impl Doctor {
    /// Checks which of them the NetworkPolicies leave open, in a namespace that contains only our pods.
    pub(super) async fn egress(&self, namespace: &str) -> Finding {
        let read = self.engine.cluster.list::<NetworkPolicy>(namespace, &By::Labels("")).await;
        judge(namespace, &read)
    }
}

fn judge(namespace: &str, read: &Result<Vec<NetworkPolicy>, ReadError>) -> Finding {
    let subject = format!("egress of namespace {namespace}");
    let policies = match read {
        Ok(policies) => policies,
        Err(error) => return unread(subject, error),
    };
    let mend = "apply the NetworkPolicies of deploy/base, or except these addresses in yours";
    let what = "a metadata service gives the node's credentials to who asks from its pods";
    let specs = || policies.iter().filter_map(|policy| policy.spec.as_ref());
    let is_limited = specs().any(|spec| spec.policy_types.iter().flatten().any(|t| t == "Egress"));
    if !is_limited {
        return Finding::warn(subject, format!("no NetworkPolicy limits it, and {what}; {mend}"));
    }
    let rules: Vec<_> = specs().flat_map(|spec| spec.egress.iter().flatten()).collect();
    let open: Vec<_> =
        GUARDED.into_iter().filter(|address| rules.iter().any(|r| reaches(r, address))).collect();
    match open.is_empty() {
        true => Finding::ok(subject, "reaches no link-local address and no metadata service"),
        false => Finding::warn(subject, format!("lets pods reach {}: {what}; {mend}", open.join(", "))),
    }
}

/// Whether a rule allows `address`. A rule without peers allows all addresses.
fn reaches(rule: &NetworkPolicyEgressRule, address: &str) -> bool {
    let peers = rule.to.as_deref().unwrap_or_default();
    let mut blocks = peers.iter().filter_map(|peer| peer.ip_block.as_ref());
    peers.is_empty() || blocks.any(|block| lets_through(block, address))
}

fn lets_through(block: &IPBlock, address: &str) -> bool {
    let has = |cidr: &String| match (cidr.parse::<IpNet>(), address.parse::<IpAddr>()) {
        (Ok(net), Ok(address)) => net.contains(&address),
        _ => false,
    };
    has(&block.cidr) && !block.except.iter().flatten().any(has)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use serde_json::{Value, json};

    fn said(policies: &[Value]) -> String {
        let policies = policies.iter().map(|p| serde_json::from_value(p.clone()).unwrap()).collect();
        judge("buildkit", &Ok(policies)).to_string()
    }

    fn policy(egress: Value) -> Value {
        json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": egress}})
    }

    #[test]
    fn what_is_left_open_is_named() {
        assert!(said(&[]).starts_with("warn egress of namespace buildkit: no NetworkPolicy limits it"));
        let ingress = json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}});
        assert!(said(&[ingress]).contains("no NetworkPolicy limits it"));
        assert!(said(&[policy(json!([]))]).starts_with("ok"));
        assert!(said(&[policy(json!([{}]))]).contains("169.254.169.254, 169.254.170.2, 168.63.129.16"));
        let block = |cidr: &str, except: &[&str]| {
            policy(json!([{"to": [{"ipBlock": {"cidr": cidr, "except": except}}]}]))
        };
        let old = said(&[block("0.0.0.0/0", &["169.254.169.254/32"])]);
        assert!(old.contains("lets pods reach 169.254.170.2, 168.63.129.16, 100.100.100.200: "), "{old}");
        let all = ["169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32"];
        assert!(said(&[block("0.0.0.0/0", &all)]).starts_with("ok"));
        assert!(
            said(&[block("0.0.0.0/0", &all), block("100.64.0.0/10", &[])])
                .contains("reach 100.100.100.200: ")
        );
        assert!(
            said(&[block("::/0", &["fe80::/10", "fd00:ec2::23/128", "fd00:ec2::254/128"])])
                .contains("reach fd20:ce::254: ")
        );
        assert!(said(&[block("10.0.0.0/8", &[])]).starts_with("ok"));
    }
}
