//! Reads Secrets by reference: from the API server with the namespace's ServiceAccount, or, at a terminal and in
//! tests, from a directory with the layout `DIR/SECRET/KEY`, as kubelet mounts them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1 as core;
use kube::{Api, Client};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{ApiRequest, Cluster, KubeError, Rights};
use crate::outcome::Fault;
use crate::time_limits::within;

/// The prefix of a file with an annotation: `DIR/SECRET/@NAME`, where NAME is the last part of the annotation's name.
/// No key can have this prefix.
const ANNOTATION: char = '@';
const OURS: &str = "argo-buildkit.io/";

/// A Secret: its type (absent when it comes from a directory), its annotations and its values.
#[derive(Debug)]
pub struct Secret {
    name: String,
    kind: Option<String>,
    annotations: BTreeMap<String, String>,
    data: BTreeMap<String, SecretSlice<u8>>,
}

impl Secret {
    /// The name of the Secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size in bytes of all values.
    pub fn size(&self) -> usize {
        self.data.values().map(|value| value.expose_secret().len()).sum()
    }

    /// The type; `None` if the Secret comes from a directory.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The value of the annotation `name`.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    /// The annotations, as pairs of name and value.
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

    /// The value of `key` as text of at most `most` bytes.
    pub fn short_key(&self, key: &str, most: usize) -> Result<SecretString, SecretError> {
        let value = self.key(key)?;
        if value.expose_secret().len() > most {
            return Err(SecretError::TooLarge { name: self.name.clone(), key: key.to_owned(), most });
        }
        Ok(value)
    }

    /// A Secret with one value of `size` bytes.
    #[cfg(test)]
    pub(crate) fn of_size(size: usize) -> Self {
        let data = BTreeMap::from([("key".to_owned(), vec![b'x'; size].into())]);
        Self { data, ..Self::example(None, &[]) }
    }

    /// The value of `key` as text. The error lists the keys that exist. Other keys may have any bytes.
    pub fn key(&self, key: &str) -> Result<SecretString, SecretError> {
        let bytes = self.bytes(key)?;
        let not_text = |_| SecretError::NotText { name: self.name.clone(), key: key.to_owned() };
        std::str::from_utf8(bytes.expose_secret()).map(SecretString::from).map_err(not_text)
    }

    /// The value of `key` as bytes. The error lists the keys that exist.
    pub fn bytes(&self, key: &str) -> Result<&SecretSlice<u8>, SecretError> {
        self.data.get(key).ok_or_else(|| self.missing(key))
    }

    /// Returns the first of `keys` that the Secret has.
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

    /// Fails if the Secret has another type than `wanted`. A Secret without a type (from a directory) passes.
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
        /// The namespace or directory.
        place: String,
    },
    /// The directory of all Secrets does not exist.
    #[error(
        "the secrets directory `{root}` does not exist, so secret `{name}` cannot be read from it; create it with a file \
         {name}/KEY for each key, or correct --secrets-dir"
    )]
    NoDirectory {
        /// The Secret's name.
        name: String,
        /// The directory.
        root: String,
    },
    /// The Secret has no such key.
    #[error(
        "secret `{name}` has no key `{key}`; it has: {present}; name the one that is meant: {{name: {name}, key: …}}"
    )]
    MissingKey {
        /// The Secret's name.
        name: String,
        /// The requested key.
        key: String,
        /// The keys that exist, for the message.
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
        /// The type of the Secret.
        kind: String,
        /// The type needed.
        wanted: &'static str,
    },
    /// A login is larger than any login.
    #[error(
        "secret `{name}`: the value of key `{key}` has more than {} KiB, too much for a login; put the token, the key or the \
         host keys alone into it",
        most >> 10
    )]
    TooLarge {
        /// The Secret's name.
        name: String,
        /// The key.
        key: String,
        /// The maximum size in bytes.
        most: usize,
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
    /// The request to the API server failed.
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// The file system returned an error.
    #[error("reading secret `{name}` failed: {reason}; check that this process may read the files there")]
    Unreadable {
        /// The Secret's name.
        name: String,
        /// The text of the system's error.
        reason: String,
    },
}

impl SecretError {
    /// Says whose fault the error is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Kube(error) => error.fault(),
            Self::Unreadable { .. } => Fault::Transient,
            _ => Fault::User,
        }
    }
}

/// The source of Secrets.
#[derive(Clone)]
pub enum Secrets {
    /// The API server.
    Cluster(Cluster),
    /// A directory with a directory of files for each Secret.
    Directory(PathBuf),
}

impl Secrets {
    /// Reads the Secret `name` of `namespace`.
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

    /// Reads the Secret `name` of this process's own namespace: that of the pod, or of KUBECONFIG's context.
    pub async fn own(&self, name: &str) -> Result<Secret, SecretError> {
        match self {
            Self::Cluster(cluster) => {
                let nowhere =
                    |e| ApiRequest::new(format!("reading secret `{name}`"), Rights::Own, "").no_cluster(e);
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

fn request(name: &str, namespace: &str, rights: Rights) -> ApiRequest {
    let right = format!("`get` on that secret (a Role with resourceNames: [{name}])");
    ApiRequest::new(format!("reading secret `{name}` in namespace `{namespace}`"), rights, right)
}

async fn from_cluster(
    client: Client,
    request: &ApiRequest,
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

/// The error for a Secret without its directory below `root`.
async fn absent(root: &Path, name: &str) -> SecretError {
    let (name, shown) = (name.to_owned(), root.display());
    match tokio::fs::metadata(root).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            SecretError::NoDirectory { name, root: shown.to_string() }
        }
        _ => SecretError::NotFound { name, place: format!("the secrets directory `{shown}`") },
    }
}

async fn from_directory(root: &Path, name: &str) -> Result<Secret, SecretError> {
    let unavailable =
        |e: std::io::Error| SecretError::Unreadable { name: name.to_owned(), reason: e.to_string() };
    let mut entries = match tokio::fs::read_dir(root.join(name)).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(absent(root, name).await),
        entries => entries.map_err(unavailable)?,
    };
    let (mut data, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    while let Some(entry) = entries.next_entry().await.map_err(unavailable)? {
        // kubelet's own `..data` links are directories next to the keys.
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
