//! Secrets by reference: from the API server with the namespace's ServiceAccount, or, at a terminal and in
//! tests, from a directory laid out as `DIR/SECRET/KEY`, as kubelet mounts them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1 as core;
use kube::{Api, Client};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{Cluster, KubeError, Request, Rights};
use crate::outcome::Fault;
use crate::time_limits::within;

/// What an annotation of a Secret in a directory is in: `DIR/SECRET/@NAME`, which no key can be called, with the last part of
/// the annotation's name.
const ANNOTATION: char = '@';
const OURS: &str = "argo-buildkit.io/";

/// One Secret: its type (absent when it comes from a directory), its annotations and its values.
#[derive(Debug)]
pub struct Secret {
    name: String,
    kind: Option<String>,
    annotations: BTreeMap<String, String>,
    data: BTreeMap<String, SecretSlice<u8>>,
}

impl Secret {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type; none where it comes from a directory.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Its annotation `name`.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    /// Its annotations, by name.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// A Secret without values.
    #[cfg(test)]
    pub(crate) fn example(kind: Option<&str>, annotations: &[(&str, &str)]) -> Self {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let annotations = annotations.iter().map(owned).collect();
        let (name, kind) = ("example".to_owned(), kind.map(str::to_owned));
        Self { name, kind, annotations, data: BTreeMap::new() }
    }

    /// The text under `key`; the error lists the keys there are. Other keys may hold anything.
    pub fn key(&self, key: &str) -> Result<SecretString, SecretError> {
        let bytes = self.bytes(key)?;
        let not_text = |_| SecretError::NotText { name: self.name.clone(), key: key.to_owned() };
        std::str::from_utf8(bytes.expose_secret()).map(SecretString::from).map_err(not_text)
    }

    /// The bytes under `key`, of any kind; the error lists the keys there are.
    pub fn bytes(&self, key: &str) -> Result<&SecretSlice<u8>, SecretError> {
        self.data.get(key).ok_or_else(|| self.missing(key))
    }

    /// The first of `keys` that the Secret has.
    pub fn first_of(&self, keys: &[&'static str]) -> Result<&'static str, SecretError> {
        let found = keys.iter().find(|key| self.data.contains_key(**key)).copied();
        found.ok_or_else(|| self.missing(&keys.join("` or `")))
    }

    fn missing(&self, key: &str) -> SecretError {
        SecretError::MissingKey {
            name: self.name.clone(),
            key: key.to_owned(),
            present: self.data.keys().cloned().collect::<Vec<_>>().join(", "),
        }
    }

    /// Refuses a Secret of another type than `wanted`. One without a type (from a directory) passes.
    pub fn expect_kind(&self, wanted: &'static str) -> Result<(), SecretError> {
        match &self.kind {
            Some(kind) if kind != wanted => {
                Err(SecretError::WrongKind { name: self.name.clone(), kind: kind.clone(), wanted })
            }
            _ => Ok(()),
        }
    }
}

/// Why a Secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The Secret does not exist.
    #[error("secret `{name}` does not exist in {place}; create it there, or correct the step's reference")]
    NotFound {
        /// The Secret's name.
        name: String,
        /// A namespace or a directory.
        place: String,
    },
    /// The Secret has no such key.
    #[error(
        "secret `{name}` has no key `{key}`; it has: {present}; name the one that is meant: {{name: {name}, key: …}}"
    )]
    MissingKey {
        /// The Secret's name.
        name: String,
        /// The key asked for.
        key: String,
        /// The keys there are, for the message.
        present: String,
    },
    /// The Secret's type does not fit its use.
    #[error(
        "secret `{name}` has type `{kind}`, but `{wanted}` is needed here; make one of that type, or name another \
         (a Secret's type cannot be changed)"
    )]
    WrongKind {
        /// The Secret's name.
        name: String,
        /// Its type.
        kind: String,
        /// The type needed.
        wanted: &'static str,
    },
    /// A value is not text.
    #[error(
        "secret `{name}`: the value of key `{key}` is not UTF-8 text; put the text itself into it, as \
         `kubectl create secret generic {name} --from-file={key}=FILE` does, or name another key"
    )]
    NotText {
        /// The Secret's name.
        name: String,
        /// The key.
        key: String,
    },
    /// The API server did not show it.
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// The file system failed.
    #[error("reading secret `{name}` failed: {reason}; check that this process may read the files there")]
    Unreadable {
        /// The Secret's name.
        name: String,
        /// What the system said.
        reason: String,
    },
}

impl SecretError {
    /// Whose turn it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Kube(error) => error.fault(),
            Self::Unreadable { .. } => Fault::Transient,
            _ => Fault::User,
        }
    }
}

/// Where Secrets come from.
#[derive(Clone)]
pub enum Secrets {
    /// The API server.
    Cluster(Cluster),
    /// A directory of directories of files.
    Directory(PathBuf),
}

impl Secrets {
    /// The Secret `name` of `namespace`.
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Secret, SecretError> {
        match self {
            Self::Cluster(cluster) => {
                let request = request(name, namespace, cluster.rights_for(namespace));
                let client = cluster.quick_client_for(namespace).await.map_err(|e| request.no_cluster(e))?;
                from_cluster(client, &request, namespace, name).await
            }
            Self::Directory(root) => from_directory(root, name).await,
        }
    }

    /// The Secret `name` of our own namespace: the pod's, or that of KUBECONFIG's context.
    pub async fn own(&self, name: &str) -> Result<Secret, SecretError> {
        match self {
            Self::Cluster(cluster) => {
                let nowhere =
                    |e| Request::new(format!("reading secret `{name}`"), Rights::Own, "").no_cluster(e);
                let client = cluster.quick_client().await.map_err(nowhere)?;
                let namespace = client.default_namespace().to_owned();
                let request = request(name, &namespace, Rights::Own);
                let read = from_cluster(client, &request, &namespace, name);
                let read = within(cluster.limits.own_secret, cluster.peer(), read).await;
                read.unwrap_or_else(|late| Err(request.unavailable(late.to_string()).into()))
            }
            Self::Directory(root) => from_directory(root, name).await,
        }
    }
}

fn request(name: &str, namespace: &str, rights: Rights) -> Request {
    let right = format!("`get` on that secret (a Role with resourceNames: [{name}])");
    Request::new(format!("reading secret `{name}` in namespace `{namespace}`"), rights, right)
}

async fn from_cluster(
    client: Client,
    request: &Request,
    namespace: &str,
    name: &str,
) -> Result<Secret, SecretError> {
    let found = Api::<core::Secret>::namespaced(client, namespace).get(name).await;
    let found = found.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 404 => {
            SecretError::NotFound { name: name.to_owned(), place: format!("namespace `{namespace}`") }
        }
        other => request.failed(&other).into(),
    })?;
    let data = found.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0.into())).collect();
    let annotations = found.metadata.annotations.unwrap_or_default();
    Ok(Secret { name: name.to_owned(), kind: found.type_, annotations, data })
}

async fn from_directory(root: &Path, name: &str) -> Result<Secret, SecretError> {
    let unavailable =
        |e: std::io::Error| SecretError::Unreadable { name: name.to_owned(), reason: e.to_string() };
    let mut entries = tokio::fs::read_dir(root.join(name)).await.map_err(|e| match e.kind() {
        ErrorKind::NotFound => SecretError::NotFound {
            name: name.to_owned(),
            place: format!("the secrets directory `{}`", root.display()),
        },
        _ => unavailable(e),
    })?;
    let (mut data, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    while let Some(entry) = entries.next_entry().await.map_err(unavailable)? {
        // kubelet's own `..data` links are directories beside the keys.
        if tokio::fs::metadata(entry.path()).await.is_ok_and(|m| m.is_file()) {
            let value = tokio::fs::read(entry.path()).await.map_err(unavailable)?;
            let file = entry.file_name().to_string_lossy().into_owned();
            match file.strip_prefix(ANNOTATION) {
                Some(word) => drop(
                    annotations.insert(format!("{OURS}{word}"), String::from_utf8_lossy(&value).into_owned()),
                ),
                None => drop(data.insert(file, value.into())),
            }
        }
    }
    Ok(Secret { name: name.to_owned(), kind: None, annotations, data })
}
