//! Reads a repository's tags, and what each of them names.

mod config;
mod delete;
mod labels;
mod manifest;
mod platform;

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::copy::named::{named, read_within};
use super::copy::{CopyMemory, Failed, Tries};
use super::read::ReadRequest;
use super::repository::{Access, ImageRepository};
use super::tag_pages::TagPages;
use super::{Auth, ImageRef, OciError, Registry, artifact};
use crate::http::Network;
pub use config::{Created, ImageConfig};
pub use delete::{Deleted, TagDeleter};
pub use manifest::{ChildManifest, ImageManifest};

/// The most bytes that are read of an image's config. Those of real images have some kilobytes.
const CONFIG_READ: usize = 4 << 20;

/// A repository whose tags are read.
pub struct TagReader<'a> {
    repository: ImageRepository<'a>,
    memory: &'a CopyMemory,
    deadline: Instant,
}

/// The names that a repository lists.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TagList {
    /// The tags, sorted, each once.
    pub tags: Vec<String>,
    /// The number of names that cannot be tags. Nothing can be asked about them.
    pub odd: usize,
}

/// What an image has besides its digest.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ImageDetails {
    /// When the image was made: the time of its first platform.
    pub created: Option<Created>,
    /// The platforms, as `os/arch[/variant]`, sorted.
    pub platforms: Vec<String>,
    /// The labels of its first platform.
    pub labels: BTreeMap<String, String>,
    /// The bytes of its configs and layers as they are stored, each once, of all platforms.
    pub size: u64,
}

impl Registry {
    /// The repository of `image`, to read its tags. With `insecure`, any certificate and plain http are accepted. Nothing
    /// is tried again after `deadline`.
    ///
    /// # Errors Our own settings cannot be used.
    pub fn tag_reader<'a>(
        &'a self,
        image: &'a ImageRef,
        auth: &'a Auth,
        insecure: bool,
        deadline: Instant,
    ) -> Result<TagReader<'a>, OciError> {
        let repository = self.repository(image, auth, insecure, Access::Pull)?;
        Ok(TagReader { repository, memory: &self.memory, deadline })
    }
}

impl TagReader<'_> {
    /// All tags of the repository. None if there is no such repository: registries do not tell that from an empty one.
    pub async fn list(&mut self) -> Result<TagList, OciError> {
        let (mut tags, mut odd) = (BTreeSet::new(), 0);
        let (mut pages, mut tries) = (TagPages::of(&self.repository), Tries::until(self.deadline));
        loop {
            match pages.read(&mut self.repository).await {
                Ok(Some(page)) => {
                    for tag in page {
                        match ImageRef::is_tag(&tag) {
                            true => drop(tags.insert(tag)),
                            false => odd += 1,
                        }
                    }
                    tries.refresh();
                }
                Ok(None) => return Ok(TagList { tags: tags.into_iter().collect(), odd }),
                Err(failed) => tries.wait(failed).await?,
            }
        }
    }

    /// The manifest that `name`, a tag or a digest, names; `None` if there is none. Several may be asked for at a time.
    pub async fn manifest(&self, name: &str) -> Result<Option<ImageManifest>, OciError> {
        let found = read_within(&mut self.repository.fork(), name, self.deadline, self.memory).await?;
        let read = |(raw, _held)| ImageManifest::of(&raw).map_err(|why| self.repository.unexpected(why));
        found.map(read).transpose()
    }

    /// When the image was made, by the config of its first platform, or by an annotation.
    pub async fn created(&self, manifest: &ImageManifest) -> Result<Option<Created>, OciError> {
        Ok(self.first(manifest).await?.created.or(manifest.annotated))
    }

    /// When each platform of the image was made.
    pub async fn created_each(&self, manifest: &ImageManifest) -> Result<Vec<Option<Created>>, OciError> {
        let mut times = Vec::new();
        for child in manifest.children.iter().filter(|child| child.platform.is_some()) {
            let time = match self.manifest(&child.digest).await? {
                Some(image) => self.config(&image).await?.created.or(image.annotated).or(manifest.annotated),
                None => None,
            };
            times.push(time);
        }
        if times.is_empty() {
            times.push(self.created(manifest).await?);
        }
        Ok(times)
    }

    /// Everything about the image. Reads the manifests and configs of all its platforms.
    pub async fn details(&self, manifest: &ImageManifest) -> Result<ImageDetails, OciError> {
        let mut blobs: BTreeMap<String, u64> = manifest.blobs.iter().cloned().collect();
        let first = self.first(manifest).await?;
        let mut platforms: BTreeSet<String> = first.platform.into_iter().collect();
        for child in &manifest.children {
            platforms.extend(child.platform.clone());
            // A child that was deleted has no size.
            if let Some(child) = self.manifest(&child.digest).await? {
                blobs.extend(child.blobs);
            }
        }
        Ok(ImageDetails {
            created: first.created.or(manifest.annotated),
            platforms: platforms.into_iter().collect(),
            labels: first.labels,
            size: blobs.values().fold(0, |sum, size| sum.saturating_add(*size)),
        })
    }

    /// The config of the image, or of the first platform of an index.
    async fn first(&self, manifest: &ImageManifest) -> Result<ImageConfig, OciError> {
        let Some(child) = manifest.children.iter().find(|child| child.platform.is_some()) else {
            return self.config(manifest).await;
        };
        match self.manifest(&child.digest).await? {
            Some(image) => {
                let config = self.config(&image).await?;
                Ok(ImageConfig { created: config.created.or(image.annotated), ..config })
            }
            None => Ok(ImageConfig::default()),
        }
    }

    async fn config(&self, manifest: &ImageManifest) -> Result<ImageConfig, OciError> {
        let Some(digest) = &manifest.config else { return Ok(ImageConfig::default()) };
        let mut tries = Tries::until(self.deadline);
        loop {
            match self.config_once(digest).await {
                Ok(config) => return Ok(config),
                Err(failed) => tries.wait(failed).await?,
            }
        }
    }

    async fn config_once(&self, digest: &str) -> Result<ImageConfig, Failed> {
        let mut repository = self.repository.fork();
        let answer = repository.ask_for(&ReadRequest::blob_from(digest, 0, Network::Cluster)).await?;
        if !answer.status().is_success() {
            return Err(Failed::of(&repository, answer).await);
        }
        let _held = self.memory.for_body(&answer).await?;
        let bytes = repository.read(answer, "an image's config", CONFIG_READ).await?;
        match artifact::hashes_to(&bytes, digest) {
            true => Ok(ImageConfig::read(&bytes)),
            false => Err(repository.unexpected(format!("blob {digest} has another digest")).into()),
        }
    }

    /// The digest that `name` names, by a request without a body; `None` if it names nothing.
    pub async fn digest_of(&self, name: &str) -> Result<Option<String>, OciError> {
        named(&mut self.repository.fork(), name, self.deadline).await
    }
}
