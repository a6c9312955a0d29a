//! Reads an image from a registry.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::net::client;

const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A manifest or an index, and its repository.
pub(super) struct Image {
    repository: String,
    login: Option<(String, String)>,
    /// The manifest, or the index of several.
    pub(super) manifest: Value,
}

impl Image {
    /// Reads `host/name:tag` or `host/name@digest`, which must exist.
    pub(super) async fn pull(reference: &str, login: Option<(&str, &str)>) -> Self {
        let found = Self::find(reference, login).await;
        found.unwrap_or_else(|| panic!("{reference} is not in its registry"))
    }

    /// The same as [`Self::pull`]; `None` if the registry has no such manifest.
    pub(super) async fn find(reference: &str, login: Option<(&str, &str)>) -> Option<Self> {
        let (host, rest) = reference.split_once('/').unwrap();
        let (name, version) = rest.split_once('@').or_else(|| rest.rsplit_once(':')).unwrap();
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let image = Self { repository: format!("http://{host}/v2/{name}"), login, manifest: Value::Null };
        let (status, body) = image.get(&format!("manifests/{version}")).await;
        match status {
            StatusCode::OK => Some(Self { manifest: serde_json::from_slice(&body).unwrap(), ..image }),
            StatusCode::NOT_FOUND => None,
            other => panic!("{reference}: {other} {}", String::from_utf8_lossy(&body)),
        }
    }

    /// The image for `architecture` in an index.
    pub(super) async fn platform(&self, architecture: &str) -> Self {
        let entries = self.manifest["manifests"].as_array().unwrap();
        let entry = entries.iter().find(|entry| entry["platform"]["architecture"] == architecture).unwrap();
        self.child(entry["digest"].as_str().unwrap()).await
    }

    /// The manifest `digest` of the same repository.
    pub(super) async fn child(&self, digest: &str) -> Self {
        let host = self.repository.trim_start_matches("http://").replacen("/v2/", "/", 1);
        let login = self.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        Box::pin(Self::pull(&format!("{host}@{digest}"), login)).await
    }

    /// The image's configuration.
    pub(super) async fn config(&self) -> Value {
        serde_json::from_slice(&self.blob(&self.manifest["config"]).await).unwrap()
    }

    /// The media types of the layers, without `application/vnd.oci.image.layer.v1.`.
    pub(super) fn compressions(&self) -> Vec<&str> {
        let layers = self.manifest["layers"].as_array().unwrap();
        let short = |layer: &Value| -> &str {
            let media_type = layers.iter().find(|l| *l == layer).unwrap()["mediaType"].as_str().unwrap();
            media_type.trim_start_matches("application/vnd.oci.image.layer.v1.")
        };
        layers.iter().map(short).collect()
    }

    /// The text of the file at `path`, from the layer that has it; `None` if no layer has it.
    pub(super) async fn try_file(&self, path: &str) -> Option<String> {
        let mut found = None;
        for layer in self.manifest["layers"].as_array().unwrap() {
            let blob = self.blob(layer).await;
            found = untar(blob, path).or(found);
        }
        found
    }

    /// The same as [`Self::try_file`], for a file that must exist; without blanks around the text.
    pub(super) async fn file(&self, path: &str) -> String {
        let found = self.try_file(path).await;
        found.unwrap_or_else(|| panic!("no layer has {path}: {}", self.manifest)).trim().to_owned()
    }

    /// All files, in a directory.
    pub(super) async fn unpacked(&self) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for layer in self.manifest["layers"].as_array().unwrap() {
            let archive = directory.path().join("layer");
            std::fs::write(&archive, self.blob(layer).await).unwrap();
            let status =
                Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(directory.path()).status();
            assert!(status.unwrap().success());
            std::fs::remove_file(archive).unwrap();
        }
        directory
    }

    pub(super) async fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap();
        let (status, body) = self.get(&format!("blobs/{digest}")).await;
        assert_eq!(status, StatusCode::OK, "{digest}");
        body
    }

    async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let request = client().get(format!("{}/{path}", self.repository)).header("accept", ACCEPT);
        let request = match &self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        let response = request.send().await.unwrap();
        (response.status(), response.bytes().await.unwrap().to_vec())
    }
}

/// The file `path` of a gzipped layer, by tar(1).
fn untar(layer: Vec<u8>, path: &str) -> Option<String> {
    let mut command = Command::new("tar");
    command.args(["-xzO", path]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // tar may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&layer)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}
