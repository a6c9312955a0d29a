//! Reads the log of a build with everything that is stored beside it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::artifact::{STEPS_LAYER, digest};
use super::read::LOG_READ;
use super::registry::is_digest;
use super::repository::Access;
use super::{Auth, BuildArtifact, ImageRef, OciError, Registry};

/// The most bytes that are read of the compressed steps of a build.
const STEPS_READ: usize = 1 << 20;

/// A log in a registry. Whoever may push to the repository may have written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLog {
    /// The digest of the log's manifest.
    pub digest: String,
    /// The text, as gzip.
    pub gzip: Bytes,
    /// The steps of the build as JSON, as gzip; logs of older versions have none.
    pub steps: Option<Bytes>,
    /// The digest of the image that was built.
    pub subject: Option<String>,
    /// The annotations of the log's manifest.
    pub annotations: BTreeMap<String, String>,
}

impl From<&BuildArtifact> for StoredLog {
    /// A log that is about to be stored.
    fn from(artifact: &BuildArtifact) -> Self {
        let mut layers = artifact.layers.iter().map(|layer| layer.content.clone());
        Self {
            digest: artifact.digest.clone(),
            gzip: layers.next().unwrap_or_default(),
            steps: layers.next(),
            subject: artifact.subject.as_ref().map(|subject| subject.digest.clone()),
            annotations: artifact.annotations.clone(),
        }
    }
}

impl Registry {
    /// The newest log of the build of `image`, with its steps. `image` may also name the log itself. `None` if there is no
    /// log.
    ///
    /// # Errors The registry does not answer, refuses the login, or answers with something else.
    pub async fn stored_log(
        &self,
        image: &ImageRef,
        auth: &Auth,
        insecure: bool,
    ) -> Result<Option<StoredLog>, OciError> {
        let mut repository = self.repository(image, auth, insecure, Access::Pull)?;
        let Some((bytes, manifest)) = repository.log_manifest(image.target()).await? else { return Ok(None) };
        let layer = manifest["layers"][0]["digest"].as_str().filter(|digest| is_digest(digest));
        let layer = layer.ok_or_else(|| repository.unexpected("the manifest of a log names no layer"))?;
        let gzip = repository.blob(layer, "a log", LOG_READ).await?;
        let steps = match steps_in(&manifest) {
            Some(layer) => Some(repository.blob(layer, "the steps of a build", STEPS_READ).await?.into()),
            None => None,
        };
        let subject = manifest["subject"]["digest"].as_str();
        Ok(Some(StoredLog {
            digest: digest(&bytes),
            gzip: gzip.into(),
            steps,
            subject: subject.filter(|subject| is_digest(subject)).map(str::to_owned),
            annotations: annotations_in(&manifest),
        }))
    }
}

/// The digest of the layer with the steps.
fn steps_in(manifest: &Value) -> Option<&str> {
    let mut layers = manifest["layers"].as_array()?.iter();
    let layer = layers.find(|layer| layer["mediaType"] == STEPS_LAYER)?;
    layer["digest"].as_str().filter(|digest| is_digest(digest))
}

fn annotations_in(manifest: &Value) -> BTreeMap<String, String> {
    let members = manifest["annotations"].as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
