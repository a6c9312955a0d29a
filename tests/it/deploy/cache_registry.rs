//! The cache registry's start script and configuration, with a real registry.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::oci::{Auth, ImageRef, IssuerOptions, Login, OciError, Registry, TokenIssuer};
use base64::Engine as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{ROOT, object, parse, succeeded};
use crate::support::bin;
use crate::support::net::{client, free_port};
use crate::support::process::{self, Process};

/// The answer of the registry at `host` to a client without a login (distribution specification, "Determining
/// Support").
async fn without_login(host: &str) -> StatusCode {
    client().get(format!("http://{host}/v2/")).send().await.unwrap().status()
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// A volume, and the registry on it.
struct Cache {
    root: tempfile::TempDir,
    port: u16,
}

impl Cache {
    fn new() -> Self {
        let (root, port) = (process::directory("cache-"), free_port());
        let deployed =
            fs::read_to_string(Path::new(ROOT).join("deploy/base/cache-registry/config.yml")).unwrap();
        let here = deployed
            .replace("/var/lib/registry", &root.path().join("data").display().to_string())
            .replace("addr: :5000", &format!("addr: 127.0.0.1:{port}"));
        assert_ne!(here, deployed);
        fs::write(root.path().join("config.yml"), here).unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        let registry = bin::system("docker-registry", "docker-registry");
        symlink(registry, root.path().join("bin/registry")).unwrap();
        // The container's image is Alpine's.
        for applet in ["date", "sh", "timeout"] {
            let busybox = bin::system("busybox", "busybox-static");
            symlink(busybox, root.path().join("bin").join(applet)).unwrap();
        }
        Self { root, port }
    }

    /// The container's start command.
    fn start(&self) -> Process {
        self.start_with(&[])
    }

    /// The same, with additional variables.
    fn start_with(&self, env: &[(String, String)]) -> Process {
        let bin = self.root.path().join("bin");
        let mut command = Command::new(bin.join("sh"));
        command.arg(Path::new(ROOT).join("deploy/base/cache-registry/serve"));
        command.envs(env.iter().cloned());
        command.env("PATH", bin).env("COLLECT_AT", "3").env("CONFIG", self.root.path().join("config.yml"));
        let mut process = Process::spawn("the cache registry", command, &self.root.path().join("log"));
        process
            .wait_until("for it to serve", |_| std::net::TcpStream::connect(("127.0.0.1", self.port)).ok());
        process
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v2/cache/api/{path}", self.port)
    }

    /// Pushes a manifest of one layer as `main`. Returns both digests.
    async fn push(&self, content: &str) -> (String, String) {
        let layer = self.blob(content).await;
        let descriptor = |digest: &str, kind: &str, size: usize| json!({"mediaType": format!("application/vnd.{kind}"), "digest": digest, "size": size});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI,
            "config": descriptor(&self.blob("{}").await, "buildkit.cacheconfig.v0", 2),
            "layers": [descriptor(&layer, "oci.image.layer.v1.tar", content.len())],
        })
        .to_string();
        let digest = digest(&manifest);
        let put = client().put(self.url("manifests/main")).header("content-type", OCI).body(manifest);
        assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
        (layer, digest)
    }

    async fn blob(&self, content: &str) -> String {
        let begun = client().post(self.url("blobs/uploads/")).send().await.unwrap();
        let location = begun.headers()["location"].to_str().unwrap();
        let digest = digest(content);
        let put = client().put(format!("{location}&digest={digest}")).body(content.to_owned());
        assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
        digest
    }

    async fn status(&self, path: &str) -> StatusCode {
        client().get(self.url(path)).header("accept", OCI).send().await.unwrap().status()
    }
}

fn digest(content: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

#[tokio::test]
async fn a_restart_keeps_the_cache_and_clears_what_was_replaced() {
    let cache = Cache::new();
    let mut first = cache.start();
    let (old_layer, old) = cache.push("old").await;
    let (layer, new) = cache.push("new").await;
    assert_eq!(cache.status(&format!("manifests/{old}")).await, StatusCode::OK);
    // Ends it like kubelet. The container's process is the registry itself, so it receives the signal.
    bin::signal(first.pid(), "TERM");
    first.wait();

    let _second = cache.start();
    assert_eq!(cache.status(&format!("manifests/{new}")).await, StatusCode::OK);
    assert_eq!(cache.status(&format!("blobs/{layer}")).await, StatusCode::OK);
    assert_eq!(cache.status(&format!("manifests/{old}")).await, StatusCode::NOT_FOUND);
    assert_eq!(cache.status(&format!("blobs/{old_layer}")).await, StatusCode::NOT_FOUND);
}

/// The variables that a component's patch sets for the registry.
fn variables(patch: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(ROOT).join("deploy/components").join(patch)).unwrap();
    let deployment: Value = serde_saphyr::from_str(&text).unwrap();
    let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    env.iter().map(|each| (text(&each["name"]), text(&each["value"]))).collect()
}

fn set(env: &mut [(String, String)], name: &str, value: &str) -> String {
    let found = env.iter_mut().find(|(known, _)| known == name).unwrap();
    std::mem::replace(&mut found.1, value.to_owned())
}

/// The files that `scripts/certificates` makes for the agent: a signing key and its authority.
fn signing_key(directory: &Path) -> (IssuerOptions, String) {
    let script = Path::new(ROOT).join("scripts/certificates");
    let secrets = parse(&succeeded(Command::new(script).args(["--agent", "buildkit-agent"])));
    let value = |secret: &Value, key: &str| {
        let encoded = secret["data"][key].as_str().unwrap();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
    };
    let (key, trust) = (
        object(&secrets, "Secret", "cache-registry-key"),
        object(&secrets, "Secret", "cache-registry-trust"),
    );
    assert_eq!(key["metadata"]["namespace"], "buildkit-agent");
    assert_eq!(trust["metadata"]["namespace"], "buildkit-cache");
    fs::create_dir_all(directory).unwrap();
    for name in ["tls.key", "tls.crt"] {
        fs::write(directory.join(name), value(key, name)).unwrap();
    }
    let options = IssuerOptions {
        registry: String::new(),
        key: directory.join("tls.key"),
        certificate: directory.join("tls.crt"),
        lifetime: Duration::from_secs(300),
    };
    (options, value(trust, "ca.crt"))
}

/// Whether a step with the key of `options` may push to its own cache. Checks that it may not push to another's.
async fn may_push(host: &str, options: IssuerOptions) -> Result<(), OciError> {
    let (registry, image) =
        (Registry::default(), |name: &str| -> ImageRef { format!("{host}/cache/{name}").parse().unwrap() });
    let issuer = Arc::new(TokenIssuer::new(IssuerOptions { registry: host.to_owned(), ..options }).unwrap());
    let auth = Auth::default().with_cache(Some(issuer.rights("builds", [], Some(&image("own")))));
    registry.may_push(&image("other"), &auth, true).await.unwrap_err();
    registry.may_push(&image("own"), &auth, true).await
}

#[tokio::test]
async fn with_the_agent_it_takes_the_agents_tokens_and_nothing_else() {
    let cache = Cache::new();
    let (host, room) = (format!("127.0.0.1:{}", cache.port), cache.root.path().to_owned());
    let (old, old_authority) = signing_key(&room.join("old"));
    let (new, new_authority) = signing_key(&room.join("new"));
    let trust = room.join("ca.crt");
    let mut env = variables("agent/cache-registry.yaml");
    let service = set(&mut env, "REGISTRY_AUTH_TOKEN_SERVICE", &host);
    set(&mut env, "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", trust.to_str().unwrap());
    let settings: Value =
        serde_saphyr::from_str(include_str!("../../../deploy/base/agent/settings.yaml")).unwrap();
    assert_eq!(settings["data"]["ARGO_BUILDKIT_CACHE_REGISTRY"], service);

    fs::write(&trust, &old_authority).unwrap();
    let mut first = cache.start_with(&env);
    let registry = Registry::default();
    assert_eq!(without_login(&host).await, StatusCode::UNAUTHORIZED);
    let image = format!("{host}/cache/own").parse().unwrap();
    registry.may_push(&image, &Auth::default(), true).await.unwrap_err();
    may_push(&host, old.clone()).await.unwrap();
    let refused = may_push(&host, new.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
    bin::signal(first.pid(), "TERM");
    first.wait();

    // During the renewal of the key, the registry trusts both.
    fs::write(&trust, format!("{old_authority}{new_authority}")).unwrap();
    let _second = cache.start_with(&env);
    may_push(&host, old).await.unwrap();
    may_push(&host, new).await.unwrap();
}

#[tokio::test]
async fn with_a_login_it_takes_that_and_nothing_else() {
    let cache = Cache::new();
    let (host, file) = (format!("127.0.0.1:{}", cache.port), cache.root.path().join("htpasswd"));
    // `htpasswd -nB team-b` with the password `cache-pw`.
    fs::write(&file, "team-b:$2b$05$abcdefghijklmnopqrstuu2LpsBnoawX9hxvjqNw.PWmZ.abJbLHC\n").unwrap();
    let mut env = variables("cache-registry-login/login.yaml");
    set(&mut env, "REGISTRY_AUTH_HTPASSWD_PATH", file.to_str().unwrap());
    let _registry = cache.start_with(&env);
    let (registry, image) = (Registry::default(), format!("{host}/cache/own").parse().unwrap());
    assert_eq!(without_login(&host).await, StatusCode::UNAUTHORIZED);
    let login = |password: &str| Login::Password { user: "team-b".into(), password: password.into() };
    for (password, whether) in [("cache-pw", true), ("other", false)] {
        let auth = Auth::default().with(&host, login(password));
        assert_eq!(registry.may_push(&image, &auth, true).await.is_ok(), whether, "{password}");
    }
}
