//! A real API server on a real etcd, without kubelet or controllers: objects stay as they are written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::bin;
use super::net::{PATIENCE, free_port, until};
use super::process::{self, Process};

/// The namespace of workflows, agents and their Secrets.
pub(crate) const BUILDS: &str = "builds";

const RBAC: &str = "rbac.authorization.k8s.io";

/// The user of the API server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity {
    /// May do everything.
    Admin,
    /// `system:serviceaccount:builds:argo-buildkit-executor-plugin`. The test grants its rights.
    Plugin,
    /// `system:serviceaccount:builds:wf`, the agent's ServiceAccount.
    Agent,
    /// `system:serviceaccount:buildkit-agent:buildkit-agent`, our shared agent's.
    Shared,
}

impl Identity {
    const ALL: [Self; 4] = [Self::Admin, Self::Plugin, Self::Agent, Self::Shared];

    /// The user name that RBAC sees.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Plugin => "system:serviceaccount:builds:argo-buildkit-executor-plugin",
            Self::Agent => "system:serviceaccount:builds:wf",
            Self::Shared => "system:serviceaccount:buildkit-agent:buildkit-agent",
        }
    }

    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Plugin | Self::Agent => "system:serviceaccounts,system:serviceaccounts:builds",
            Self::Shared => "system:serviceaccounts,system:serviceaccounts:buildkit-agent",
        }
    }

    /// The bearer token.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Admin => "token-of-admin",
            Self::Plugin => "token-of-plugin",
            Self::Agent => "token-of-agent",
            Self::Shared => "token-of-shared",
        }
    }
}

/// A running API server. It and its etcd are stopped on drop.
pub(crate) struct Kube {
    api: Process,
    _etcd: Process,
    root: tempfile::TempDir,
    url: String,
}

impl Kube {
    /// The API server of this process.
    pub(crate) async fn shared() -> &'static Self {
        static KUBE: OnceCell<Kube> = OnceCell::const_new();
        KUBE.get_or_init(Self::start).await
    }

    /// A server with the namespace [`BUILDS`], RBAC, and a kubeconfig for every [`Identity`].
    pub(crate) async fn start() -> Self {
        // Sometimes a server never becomes ready, for example if another process took one of its ports.
        for _ in 0..2 {
            if let Ok(kube) = tokio::time::timeout(Duration::from_secs(60), Self::start_once()).await {
                return kube;
            }
        }
        Self::start_once().await
    }

    async fn start_once() -> Self {
        let root = process::directory("kube-");
        let (client, peer, port) = (free_port(), free_port(), free_port());
        let etcd = etcd(root.path(), client, peer);
        let api = apiserver(root.path(), client, port);
        let url = format!("https://127.0.0.1:{port}");
        let mut kube = Self { api, _etcd: etcd, root, url };
        kube.wait_ready().await;
        kube.namespace(BUILDS).await;
        kube
    }

    async fn wait_ready(&mut self) {
        let certificate = self.root.path().join("certificates/apiserver.crt");
        self.api.wait_until("for its certificate", |_| certificate.exists().then_some(()));
        for identity in Identity::ALL {
            fs::write(self.kubeconfig(identity), self.kubeconfig_text(identity)).unwrap();
        }
        let admin = self.kubeconfig(Identity::Admin);
        let api = &mut self.api;
        let ready = async || {
            assert!(api.ended().is_none(), "kube-apiserver ended:\n{}", api.log());
            let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
            client(&admin).await.request_text(request).await.ok()
        };
        until(|| "the API server's /readyz".to_owned(), PATIENCE, ready).await;
    }

    /// The path of `identity`'s kubeconfig, whose default namespace is [`BUILDS`].
    pub(crate) fn kubeconfig(&self, identity: Identity) -> PathBuf {
        self.root.path().join(format!("{identity:?}.kubeconfig").to_lowercase())
    }

    /// The path of a kubeconfig by which the administrator acts as `user`.
    pub(crate) fn kubeconfig_as(&self, user: &str) -> PathBuf {
        let mut config: Value = serde_json::from_str(&self.kubeconfig_text(Identity::Admin)).unwrap();
        config["users"][0]["user"]["as"] = json!(user);
        let path = self.root.path().join(format!("as-{}.kubeconfig", user.replace(':', "-")));
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// `host:port`, for a proxy in front of it.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("https://")
    }

    /// The path of `identity`'s kubeconfig for the server at `host:port`.
    pub(crate) fn kubeconfig_at(&self, identity: Identity, host: &str) -> PathBuf {
        let mut config: Value = serde_json::from_str(&self.kubeconfig_text(identity)).unwrap();
        config["clusters"][0]["cluster"]["server"] = json!(format!("https://{host}"));
        // KUBECONFIG is a list separated by colons.
        let name = format!("{identity:?}-{}.kubeconfig", host.replace(':', "-"));
        let path = self.root.path().join(name.to_lowercase());
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// A client with `identity` for the server at `host:port`.
    pub(crate) async fn client_at(&self, identity: Identity, host: &str) -> Client {
        client(&self.kubeconfig_at(identity, host)).await
    }

    /// A client with `identity`. Make one per test: it depends on the runtime that created it.
    pub(crate) async fn client(&self, identity: Identity) -> Client {
        client(&self.kubeconfig(identity)).await
    }

    /// The objects of one kind, with the administrator's rights. `namespace` is `""` for cluster-wide kinds.
    pub(crate) async fn api(&self, api_version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = match kind.kind.as_str() {
            "EventBus" => ApiResource::from_gvk_with_plural(&kind, "eventbus"),
            _ => ApiResource::from_gvk(&kind),
        };
        let client = self.client(Identity::Admin).await;
        match namespace {
            "" => Api::all_with(client, &resource),
            namespace => Api::namespaced_with(client, namespace, &resource),
        }
    }

    /// Applies one object: creates it or replaces its fields. It must contain its namespace.
    pub(crate) async fn apply(&self, object: Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let (name, namespace) = (text(&metadata["name"]), text(&metadata["namespace"]));
        let api = self.api(&text(&object["apiVersion"]), &text(&object["kind"]), &namespace).await;
        let parameters = PatchParams::apply("tests").force();
        let result = api.patch(&name, &parameters, &Patch::Apply(&object)).await;
        result.unwrap_or_else(|error| panic!("applying {} {namespace}/{name}: {error}", object["kind"]));
    }

    /// Applies every document of a YAML text.
    pub(crate) async fn apply_yaml(&self, yaml: &str) {
        for object in serde_saphyr::from_multiple::<Value>(yaml).unwrap() {
            self.apply(object).await;
        }
    }

    /// Creates a namespace.
    pub(crate) async fn namespace(&self, name: &str) {
        self.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await;
    }

    /// Creates a Secret in [`BUILDS`], of a type such as `Opaque` or `kubernetes.io/dockerconfigjson`.
    pub(crate) async fn secret(&self, name: &str, kind: &str, values: &[(&str, &str)]) {
        self.secret_in(BUILDS, name, kind, values).await;
    }

    /// The same in another namespace.
    pub(crate) async fn secret_in(&self, namespace: &str, name: &str, kind: &str, values: &[(&str, &str)]) {
        let values: serde_json::Map<_, _> =
            values.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let metadata = json!({"name": name, "namespace": namespace});
        self.apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": values,
        }))
        .await;
    }

    /// Grants `identity` the `rules` of a Role `name` in [`BUILDS`]:
    /// `[{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["git"], "verbs": ["get"]}]`.
    pub(crate) async fn grant(&self, identity: Identity, name: &str, rules: Value) {
        self.grant_in(BUILDS, identity, name, rules).await;
    }

    /// The same in another namespace.
    pub(crate) async fn grant_in(&self, namespace: &str, identity: Identity, name: &str, rules: Value) {
        self.grant_user(namespace, identity.user(), name, rules).await;
    }

    /// The same for any user.
    pub(crate) async fn grant_user(&self, namespace: &str, user: &str, name: &str, rules: Value) {
        let subject = json!({"apiGroup": RBAC, "kind": "User", "name": user});
        self.grant_to(namespace, subject, name, rules).await;
    }

    /// The same for any subject of a RoleBinding.
    pub(crate) async fn grant_to(&self, namespace: &str, subject: Value, name: &str, rules: Value) {
        let metadata = json!({"name": name, "namespace": namespace});
        let version = format!("{RBAC}/v1");
        self.apply(json!({"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules}))
            .await;
        self.apply(json!({
            "apiVersion": version, "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name}, "subjects": [subject],
        }))
        .await;
    }

    fn kubeconfig_text(&self, identity: Identity) -> String {
        let authority = fs::read(self.root.path().join("certificates/apiserver.crt")).unwrap();
        let cluster =
            json!({"server": self.url, "certificate-authority-data": BASE64_STANDARD.encode(authority)});
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": identity.token()}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": BUILDS}}],
        })
        .to_string()
    }
}

/// A client for a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn etcd(root: &Path, client: u16, peer: u16) -> Process {
    let url = |port| format!("http://127.0.0.1:{port}");
    let mut command = Command::new(bin::testbed("etcd"));
    command.arg("--data-dir").arg(root.join("etcd")).arg("--unsafe-no-fsync");
    command.args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)]);
    command.args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)]);
    command.args(["--initial-cluster", &format!("default={}", url(peer))]);
    Process::spawn("etcd", command, &root.join("etcd.log"))
}

fn apiserver(root: &Path, etcd: u16, port: u16) -> Process {
    let [private, public, tokens] = ["sa.key", "sa.pub", "tokens.csv"].map(|name| root.join(name));
    write_signing_key(&private, &public);
    let line = |i: Identity| format!("{},{},{1},\"{}\"\n", i.token(), i.user(), i.groups());
    fs::write(&tokens, Identity::ALL.map(line).concat()).unwrap();
    let mut command = Command::new(bin::testbed("kube-apiserver"));
    command.arg(format!("--etcd-servers=http://127.0.0.1:{etcd}")).arg(format!("--secure-port={port}"));
    command.arg("--cert-dir").arg(root.join("certificates")).arg("--token-auth-file").arg(tokens);
    command.arg("--service-account-key-file").arg(public);
    command.arg("--service-account-signing-key-file").arg(private);
    command.args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.96.0.0/16"]);
    command.args(["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"]);
    command.args(["--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"]);
    Process::spawn("kube-apiserver", command, &root.join("apiserver.log"))
}

/// A P-256 key pair in PEM for ServiceAccount tokens. The server requires it, but the tests do not use it.
fn write_signing_key(private: &Path, public: &Path) {
    let random = ring::rand::SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap();
    let spki = [&hex::decode(P256_SPKI).unwrap()[..], pair.public_key().as_ref()].concat();
    let pem = |label: &str, body: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(body))
    };
    fs::write(private, pem("PRIVATE KEY", key.as_ref())).unwrap();
    fs::write(public, pem("PUBLIC KEY", &spki)).unwrap();
}

/// The DER of a P-256 public key, up to the point (RFC 5480).
const P256_SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
