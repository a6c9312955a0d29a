//! One process for many namespaces: each has its own rights and its own targets, and no more.

mod engine;
mod rights;

use std::time::Duration;

use argo_buildkit::kube::Cluster;
use argo_buildkit::policy::Policy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::support::kube::{Identity, Kube};
use crate::support::net::{unique, until};

/// The account that workflows' steps have in every namespace.
const ACCOUNT: &str = "buildkit-executor-plugin";
/// The agent's own namespace and account.
const AGENT: (&str, &str) = ("buildkit-agent", "buildkit-agent");

/// A namespace with an account, for which the agent may act.
struct Tenant {
    kube: &'static Kube,
    namespace: String,
}

impl Tenant {
    /// A namespace for which the agent may not act.
    async fn stranger() -> Self {
        let (kube, namespace) = (Kube::shared().await, unique("tenant"));
        kube.namespace(&namespace).await;
        Self { kube, namespace }
    }

    async fn new() -> Self {
        let tenant = Self::stranger().await;
        let rule = json!({"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": [ACCOUNT],
            "verbs": ["impersonate"]});
        tenant.role("buildkit-agent", AGENT, rule).await;
        tenant
    }

    /// Gives an account the rule in this namespace.
    async fn role(&self, name: &str, (namespace, account): (&str, &str), rule: Value) {
        let subject = json!({"kind": "ServiceAccount", "namespace": namespace, "name": account});
        bind(self.kube, &self.namespace, name, subject, rule).await;
    }

    /// Gives its own account the rule.
    async fn allow(&self, name: &str, rule: Value) {
        self.role(name, (&self.namespace, ACCOUNT), rule).await;
    }

    /// Lets its own account read a Secret.
    async fn allow_secret(&self, secret: &str) {
        self.allow(secret, secret_rule(secret)).await;
    }

    async fn secret(&self, name: &str, values: Value) {
        let metadata = json!({"name": name, "namespace": self.namespace});
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values});
        self.kube.apply(secret).await;
    }
}

fn secret_rule(secret: &str) -> Value {
    json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]})
}

/// A Role with one rule, and who has it.
async fn bind(kube: &Kube, namespace: &str, name: &str, subject: Value, rule: Value) {
    let (group, metadata) = ("rbac.authorization.k8s.io", json!({"name": name, "namespace": namespace}));
    let version = format!("{group}/v1");
    let role = json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": [rule]});
    kube.apply(role).await;
    let role = json!({"apiGroup": group, "kind": "Role", "name": name});
    let binding = json!({"apiVersion": version, "kind": "RoleBinding", "metadata": metadata, "roleRef": role,
        "subjects": [subject]});
    kube.apply(binding).await;
}

/// The cluster as the agent sees it, with a token of its account.
async fn agent() -> Cluster {
    let kube = Kube::shared().await;
    let (namespace, account) = AGENT;
    kube.namespace(namespace).await;
    let metadata = json!({"name": account, "namespace": namespace});
    kube.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})).await;
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let asked =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
    let request = http::Request::post(path).header("content-type", "application/json");
    let request = request.body(asked.to_string().into_bytes()).unwrap();
    let answer: Value = kube.client(Identity::Admin).await.request(request).await.unwrap();
    let mut config = Kubeconfig::read_from(kube.kubeconfig(Identity::Admin)).unwrap();
    let user = config.auth_infos[0].auth_info.as_mut().unwrap();
    user.token = Some(answer["status"]["token"].as_str().unwrap().into());
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    Cluster::from(Client::try_from(config).unwrap())
}

/// What `asked` gives, once roles are in force.
async fn in_force<T>(asked: impl AsyncFnMut() -> Option<T>) -> T {
    until(|| "the Roles to be in force".to_owned(), Duration::from_secs(30), asked).await
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
