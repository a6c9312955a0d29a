//! Images that a test writes to a registry, and reads back, as plain requests.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::net::client;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A repository of a registry over plain http.
#[derive(Clone)]
pub(crate) struct Repository {
    /// `host:port/name`.
    pub(crate) name: String,
    login: Option<(String, String)>,
}

/// `sha256:…` of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Repository {
    /// The repository `name` of the registry at `host`.
    pub(crate) fn new(host: &str, name: &str) -> Self {
        Self { name: format!("{host}/{name}"), login: None }
    }

    /// The same with a login, which Gitea takes as Basic.
    pub(crate) fn with_user(self, user: &str, password: &str) -> Self {
        Self { login: Some((user.to_owned(), password.to_owned())), ..self }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (host, name) = self.name.split_once('/').unwrap();
        let request = client().request(method, format!("http://{host}/v2/{name}/{path}"));
        match &self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// Writes a blob. Returns its descriptor.
    pub(crate) async fn blob(&self, bytes: Vec<u8>, kind: &str) -> Value {
        let opened = self.request(Method::POST, "blobs/uploads/").send().await.unwrap();
        assert_eq!(opened.status(), StatusCode::ACCEPTED);
        let place = opened.headers()["location"].to_str().unwrap();
        let mut place = opened.url().join(place).unwrap();
        place.query_pairs_mut().append_pair("digest", &digest(&bytes));
        let descriptor = json!({"mediaType": kind, "digest": digest(&bytes), "size": bytes.len()});
        let mut put = client().put(place).header("content-type", "application/octet-stream").body(bytes);
        if let Some((user, password)) = &self.login {
            put = put.basic_auth(user, Some(password));
        }
        let put = put.send().await.unwrap();
        assert_eq!(put.status(), StatusCode::CREATED);
        descriptor
    }

    /// Writes `manifest` under `name`; under its digest if that is empty. Returns its descriptor.
    pub(crate) async fn manifest(&self, name: &str, kind: &str, manifest: &Value) -> Value {
        // Other spaces than serde_json's, so that a manifest that is written anew gets another digest.
        self.raw(name, kind, serde_json::to_vec_pretty(manifest).unwrap()).await
    }

    /// Writes the manifest in `bytes` as it is.
    pub(crate) async fn raw(&self, name: &str, kind: &str, bytes: Vec<u8>) -> Value {
        let descriptor = json!({"mediaType": kind, "digest": digest(&bytes), "size": bytes.len()});
        let name = if name.is_empty() { digest(&bytes) } else { name.to_owned() };
        let put = self.request(Method::PUT, &format!("manifests/{name}")).header("content-type", kind);
        let put = put.body(bytes).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::CREATED, "{}", put.text().await.unwrap());
        descriptor
    }

    /// Writes an image of one layer. Returns its descriptor.
    pub(crate) async fn image(&self, name: &str, layer: Vec<u8>) -> Value {
        let config = self.blob(format!("{{\"of\": \"{}\"}}", digest(&layer)).into(), CONFIG).await;
        let layer = self.blob(layer, LAYER).await;
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.manifest(name, MANIFEST, &manifest).await
    }

    /// Writes an image of linux/amd64 that was made at `created`, with `labels`. Returns its descriptor.
    pub(crate) async fn dated(&self, name: &str, created: &str, labels: Value) -> Value {
        let config =
            json!({"os": "linux", "architecture": "amd64", "created": created, "config": {"Labels": labels}});
        let config = self.blob(config.to_string().into(), CONFIG).await;
        let layer = self.blob(format!("layer of {created}").into(), LAYER).await;
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.manifest(name, MANIFEST, &manifest).await
    }

    /// Writes an image of two platforms that was made at `created`. Returns the digests of the index and its children.
    pub(crate) async fn dated_index(&self, name: &str, created: &str) -> Vec<String> {
        let mut entries = Vec::new();
        for arch in ["amd64", "arm64"] {
            let mut image = self.dated("", created, json!({"arch": arch})).await;
            image["platform"] = json!({"os": "linux", "architecture": arch});
            entries.push(image);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let index = self.manifest(name, INDEX, &index).await;
        let digests = std::iter::once(&index).chain(&entries);
        digests.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
    }

    /// Writes an artifact about `subject`. Returns its descriptor.
    pub(crate) async fn about(&self, name: &str, subject: &Value) -> Value {
        let empty = self.blob(b"{}".to_vec(), "application/vnd.oci.empty.v1+json").await;
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x.test",
            "config": empty, "layers": [empty], "subject": subject});
        self.manifest(name, MANIFEST, &manifest).await
    }

    /// Writes an image of two platforms with an attestation each. Returns its descriptor.
    pub(crate) async fn platforms(&self, name: &str) -> Value {
        let mut entries = Vec::new();
        for arch in ["amd64", "arm64"] {
            let mut image = self.image("", format!("layer of {arch}").into()).await;
            let mut attestation = self.image("", format!("attestation of {arch}").into()).await;
            image["platform"] = json!({"os": "linux", "architecture": arch});
            attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"]});
            entries.extend([image, attestation]);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.manifest(name, INDEX, &index).await
    }

    /// Deletes the manifest `digest`.
    pub(crate) async fn delete(&self, digest: &str) {
        let deleted = self.request(Method::DELETE, &format!("manifests/{digest}")).send().await.unwrap();
        assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    }

    /// The bytes of the manifest `name`; `None` if there is none.
    pub(crate) async fn read(&self, name: &str) -> Option<Vec<u8>> {
        let get = self.request(Method::GET, &format!("manifests/{name}"));
        let answer = get.header("accept", format!("{MANIFEST}, {INDEX}")).send().await.unwrap();
        match answer.status() {
            StatusCode::NOT_FOUND => None,
            status => {
                assert!(status.is_success(), "{status}");
                Some(answer.bytes().await.unwrap().into())
            }
        }
    }

    /// The size of the blob `digest`, after its digest was checked.
    pub(crate) async fn checked_blob(&self, of: &str) -> usize {
        self.content(of).await.len()
    }

    /// The blob `digest`, after its digest was checked.
    pub(crate) async fn content(&self, of: &str) -> Vec<u8> {
        let answer = self.request(Method::GET, &format!("blobs/{of}")).send().await.unwrap();
        let bytes = answer.error_for_status().unwrap().bytes().await.unwrap();
        assert_eq!(digest(&bytes), of);
        bytes.into()
    }

    /// Reads an image with everything that it names. Returns the number of its manifests and blobs.
    pub(crate) async fn checked(&self, name: &str) -> (usize, usize) {
        let bytes = self.read(name).await.unwrap_or_else(|| panic!("{} has no {name}", self.name));
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let (mut manifests, mut blobs) = (1, 0);
        for child in manifest["manifests"].as_array().into_iter().flatten() {
            let (of_child, blobs_of) = Box::pin(self.checked(child["digest"].as_str().unwrap())).await;
            (manifests, blobs) = (manifests + of_child, blobs + blobs_of);
        }
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for blob in layers.chain(manifest.get("config")) {
            self.checked_blob(blob["digest"].as_str().unwrap()).await;
            blobs += 1;
        }
        (manifests, blobs)
    }
}
