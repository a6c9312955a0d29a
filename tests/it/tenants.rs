//! One process serves many namespaces. Each has only its own rights and its own targets.

mod engine;
mod rights;

use argo_buildkit::kube::Cluster;
use argo_buildkit::policy::Policy;
use serde_json::{Value, json};

use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

/// The account that workflows' steps have in every namespace.
const ACCOUNT: &str = "buildkit-executor-plugin";

/// A namespace with an account that the agent may use.
struct Tenant {
    kube: &'static Kube,
    namespace: String,
}

impl Tenant {
    /// A namespace whose account the agent may not use.
    async fn stranger() -> Self {
        let (kube, namespace) = (Kube::shared().await, unique("tenant"));
        kube.namespace(&namespace).await;
        Self { kube, namespace }
    }

    async fn new() -> Self {
        let tenant = Self::stranger().await;
        let rule = json!({"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [ACCOUNT],
            "verbs": ["impersonate"]});
        tenant.kube.grant_in(&tenant.namespace, Identity::Shared, "buildkit-agent", json!([rule])).await;
        tenant
    }

    /// Its own account, as a RoleBinding names it.
    fn account(&self) -> Value {
        json!({"kind": "ServiceAccount", "namespace": self.namespace, "name": ACCOUNT})
    }

    /// Grants the rule to its own account.
    async fn allow(&self, name: &str, rule: Value) {
        self.kube.grant_to(&self.namespace, self.account(), name, json!([rule])).await;
    }

    /// Lets its own account read a Secret.
    async fn allow_secret(&self, secret: &str) {
        self.allow(secret, secret_rule(secret)).await;
    }
}

fn secret_rule(secret: &str) -> Value {
    json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]})
}

/// The cluster with the agent's rights.
async fn agent() -> Cluster {
    Cluster::from(Kube::shared().await.client(Identity::Shared).await)
}

/// The result of `asked`, after the Roles are effective.
async fn in_force<T>(asked: impl AsyncFnMut() -> Option<T>) -> T {
    until(|| "the Roles to be in force".to_owned(), PATIENCE, asked).await
}

#[test]
fn the_documented_policy_is_one() {
    let docs = include_str!("../../docs/agent-tenants.md");
    let blocks = docs.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let policies: Vec<_> = blocks.filter(|block| block.starts_with("namespaces:")).collect();
    assert!(!policies.is_empty(), "there is an example");
    for text in policies {
        let policy = Policy::parse("policy.yaml", text).unwrap();
        let context = json!({"repo": "git@git.example.com:shop/api.git", "secret": "ssh"});
        let cache = "cache-registry.buildkit-cache.svc:5000/cache/registry.example.com/shop/api";
        let tags = ["registry.example.com/shop/api:1"];
        let build =
            json!({"build": {"context": context, "tags": tags, "cache": {"from": cache, "to": cache}}});
        let build = argo_buildkit::step::parse(&build).unwrap();
        policy.check("builds", &build).unwrap();
        policy.check("platform", &build).unwrap();
        assert!(policy.check("team-a", &build).is_err());
        assert!(policy.check("default", &build).is_err());
    }
}
