//! A registry with token authentication, a daemon of its own, and engines that sign.

use std::process::Command;

use argo_buildkit::duration::parse_timeout;
use argo_buildkit::engine::{Engine, Tenancy};
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::oci::{IssuerOptions, TokenIssuer};
use argo_buildkit::outcome::{StepError, Success};
use argo_buildkit::policy::Policy;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::buildkitd::Buildkitd;
use crate::support::certificates::Authority;
use crate::support::git::GitServer;
use crate::support::net::{client, free_port, unique};
use crate::support::registry;
use crate::support::registry_proxy::{AuthScheme, RegistryProxy};
use crate::support::shared::World;
use crate::support::{self, bin};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The smallest manifest that a registry accepts: an index of nothing.
const EMPTY: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

pub(super) struct Site {
    pub(super) world: &'static World,
    /// The cache registry, through the proxy.
    pub(super) proxy: RegistryProxy,
    daemon: Buildkitd,
    git: GitServer,
    authority: Authority,
    /// The registry behind the proxy.
    pub(super) registry: registry::Registry,
}

impl Site {
    pub(super) async fn start() -> Self {
        let (world, authority) = (World::shared().await, Authority::new());
        let behind = format!("127.0.0.1:{}", free_port());
        let proxy = RegistryProxy::start(AuthScheme::Upstream, "", "", &behind).await;
        let trusted = authority.ca().display().to_string();
        let env = [
            ("REGISTRY_AUTH", "token"),
            ("REGISTRY_AUTH_TOKEN_REALM", "https://argo-buildkit.invalid/token"),
            ("REGISTRY_AUTH_TOKEN_SERVICE", proxy.host()),
            ("REGISTRY_AUTH_TOKEN_ISSUER", "argo-buildkit"),
            ("REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", &trusted),
        ];
        let registry = registry::Registry::start_at(&behind, &env);
        let (daemon, git) = (Buildkitd::start(""), GitServer::start("", ""));
        Self { world, proxy, daemon, git, authority, registry }
    }

    /// The cache `name` in the cache registry.
    pub(super) fn cache(&self, name: &str) -> String {
        format!("{}/cache/{name}", self.proxy.host())
    }

    /// An engine for many namespaces whose tokens live for `lifetime`.
    pub(super) fn engine(&self, lifetime: &str, policy: Option<&str>) -> Engine {
        let pair = self.authority.sign(&unique("cache-registry"));
        let issuer = TokenIssuer::new(IssuerOptions {
            registry: self.proxy.host().to_owned(),
            key: pair.key,
            certificate: pair.cert,
            lifetime: parse_timeout(lifetime).unwrap(),
        });
        let policy = policy.map(|text| Policy::parse("policy.yaml", text).unwrap());
        self.engine_of(Tenancy::shared(policy).issuing_tokens(Some(issuer.unwrap())))
    }

    /// An engine like any other client of the daemon.
    pub(super) fn engine_without_key(&self) -> Engine {
        self.engine_of(Tenancy::shared(None))
    }

    fn engine_of(&self, tenancy: Tenancy) -> Engine {
        let secrets = Secrets::Directory("/nonexistent".into());
        support::engine::engine(self.daemon.address(), Cluster::default(), secrets, tenancy)
    }

    /// A `build` of the repository `name` that pushes no image.
    pub(super) fn build(&self, name: &str, dockerfile: &str, cache: Value) -> Value {
        let (name, dockerfile) = (unique(name), dockerfile.replace("BASE", &self.world.busybox));
        self.git.create(&name, &[("Dockerfile", &dockerfile)]);
        json!({"build": {"context": self.git.url(&name), "push": false, "cache": cache}})
    }

    pub(super) async fn run(
        &self,
        engine: &Engine,
        namespace: &str,
        body: &Value,
    ) -> Result<Success, StepError> {
        support::engine::run(engine, namespace, body).await
    }

    /// Deletes everything that the daemon has built.
    pub(super) fn prune(&self) {
        let mut prune = Command::new(bin::testbed("buildctl"));
        let output = prune.args(["--addr", self.daemon.address(), "prune", "--all"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The claims of a `Bearer` header.
pub(super) fn bearer(authorization: &str) -> Value {
    let claims = authorization.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// The status of a PUT to the cache `repository`, with a token.
pub(super) async fn put_index(site: &Site, repository: &str, authorization: &str) -> u16 {
    let url = format!("http://{}/v2/{repository}/manifests/latest", site.proxy.host());
    let put = client().put(url).header("content-type", INDEX).header("authorization", authorization);
    put.body(EMPTY).send().await.unwrap().status().as_u16()
}

/// A `RUN` that writes a manifest to the cache `repository`, and succeeds if the answer is `status`.
pub(super) fn put_in_run(host: &str, repository: &str, status: &str) -> String {
    let address = host.replace(':', " ");
    let lines = [
        format!("PUT /v2/{repository}/manifests/latest HTTP/1.1"),
        format!("Host: {host}"),
        "Connection: close".to_owned(),
        format!("Content-Type: {INDEX}"),
        format!("Content-Length: {}", EMPTY.len()),
    ];
    let request = format!(r"{}\r\n\r\n{EMPTY}", lines.join(r"\r\n"));
    format!(
        "RUN : {} && printf '{request}' | nc {address} >/reply; cat /reply; grep -q 'HTTP/1.1 {status}' /reply\n",
        unique("put")
    )
}
