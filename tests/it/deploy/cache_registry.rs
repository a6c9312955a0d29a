//! The cache registry's start script and configuration, with a genuine registry.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::ROOT;
use crate::support::bin;
use crate::support::net::{client, free_port};
use crate::support::process::{self, Process};

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
        // The image is Alpine's.
        for applet in ["date", "sh", "timeout"] {
            let busybox = bin::system("busybox", "busybox-static");
            symlink(busybox, root.path().join("bin").join(applet)).unwrap();
        }
        Self { root, port }
    }

    /// What the container does at its start.
    fn start(&self) -> Process {
        let bin = self.root.path().join("bin");
        let mut command = Command::new(bin.join("sh"));
        command.arg(Path::new(ROOT).join("deploy/base/cache-registry/serve"));
        command.env("PATH", bin).env("COLLECT_AT", "3").env("CONFIG", self.root.path().join("config.yml"));
        let mut process = Process::spawn("the cache registry", command, &self.root.path().join("log"));
        process
            .wait_until("for it to serve", |_| std::net::TcpStream::connect(("127.0.0.1", self.port)).ok());
        process
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v2/cache/api/{path}", self.port)
    }

    /// Pushes a manifest of one layer as `main`; gives both digests.
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
    // As kubelet ends it; the container's process is the registry itself, so it hears this.
    bin::signal(first.pid(), "TERM");
    first.wait();

    let _second = cache.start();
    assert_eq!(cache.status(&format!("manifests/{new}")).await, StatusCode::OK);
    assert_eq!(cache.status(&format!("blobs/{layer}")).await, StatusCode::OK);
    assert_eq!(cache.status(&format!("manifests/{old}")).await, StatusCode::NOT_FOUND);
    assert_eq!(cache.status(&format!("blobs/{old_layer}")).await, StatusCode::NOT_FOUND);
}
