//! A real docker-registry (distribution 2.8) on a loopback port, and a busybox image for it.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use super::net::PATIENCE;
use super::{bin, buildctl};

/// A free port.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running registry. It is stopped and its files are removed on drop.
pub(crate) struct Registry {
    child: Child,
    _root: tempfile::TempDir,
    host: String,
}

impl Registry {
    /// A registry without a login. For a login, use [`super::registry_proxy`].
    pub(crate) fn start() -> Self {
        Self::start_at(&format!("127.0.0.1:{}", free_port()), &[])
    }

    /// A registry at `host`, configured by the environment variables in `env`.
    pub(crate) fn start_at(host: &str, env: &[(&str, &str)]) -> Self {
        Self::start_binary(bin::system("docker-registry", "docker-registry"), host, env)
    }

    /// A registry of distribution v3.
    pub(crate) fn start_v3() -> Self {
        let host = format!("127.0.0.1:{}", free_port());
        Self::start_binary(bin::testbed("distribution-v3"), &host, &[("OTEL_TRACES_EXPORTER", "none")])
    }

    fn start_binary(binary: std::path::PathBuf, host: &str, env: &[(&str, &str)]) -> Self {
        let (root, host) = (tempfile::tempdir().unwrap(), host.to_owned());
        let config = root.path().join("config.yml");
        let data = root.path().join("data");
        let storage = format!(
            "storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n",
            data.display()
        );
        // Behind a proxy, requests use another address than its own.
        let http = format!("http:\n  addr: {host}\n  relativeurls: true\n");
        fs::write(&config, format!("version: 0.1\n{storage}{http}")).unwrap();
        let child = Command::new(binary)
            .arg("serve")
            .arg(&config)
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { child, _root: root, host };
        bin::wait_for("docker-registry to listen", PATIENCE, || {
            std::net::TcpStream::connect(registry.host()).ok()
        });
        registry
    }

    /// `127.0.0.1:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Pushes an image without files as `repository:tag`.
    pub(crate) async fn push_empty(&self, repository: &str, tag: &str) {
        push_empty(&format!("{}/{repository}", self.host), tag, ("", "")).await;
    }

    /// Pushes a busybox image through the daemon at `buildkit`. Returns its name.
    pub(crate) fn push_busybox(&self, buildkit: &str) -> String {
        let name = format!("{}/base/busybox:1", self.host);
        let context = tempfile::tempdir().unwrap();
        fs::copy(bin::system("busybox", "busybox-static"), context.path().join("busybox")).unwrap();
        fs::write(context.path().join("Dockerfile"), BUSYBOX).unwrap();
        buildctl::push_directory(buildkit, context.path(), &name, &[]);
        name
    }
}

const BUSYBOX: &str =
    "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"/bin\"]\n";

/// Pushes an image without files as `name:tag`, over plain http with this user and password.
pub(crate) async fn push_empty(name: &str, tag: &str, (user, password): (&str, &str)) {
    use sha2::Digest as _;
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let (host, repository) = name.split_once('/').unwrap();
    let (client, base) = (super::net::client(), format!("http://{host}/v2/{repository}"));
    let send = async |request: reqwest::RequestBuilder| {
        let request = if user.is_empty() { request } else { request.basic_auth(user, Some(password)) };
        request.send().await.unwrap().error_for_status().unwrap()
    };
    let digest = format!("sha256:{}", hex::encode(sha2::Sha256::digest(CONFIG)));
    let opened = send(client.post(format!("{base}/blobs/uploads/"))).await;
    let mut upload = opened.url().join(opened.headers()["location"].to_str().unwrap()).unwrap();
    upload.query_pairs_mut().append_pair("digest", &digest);
    send(client.put(upload).body(CONFIG)).await;
    let config = serde_json::json!({
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": CONFIG.len(),
    });
    let manifest =
        serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
    let put = client.put(format!("{base}/manifests/{tag}")).header("content-type", MANIFEST);
    send(put.body(manifest.to_string())).await;
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
