//! The images that a build reads, as the daemon asks about them.

use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::pb;

use crate::oci::ImageRef;

/// The most images that are kept.
const MOST: usize = 500;

/// An image that a build reads, for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadImage {
    /// The image, with a digest only if the Dockerfile has one.
    pub image: ImageRef,
    /// `os/arch` or `os/arch/variant`; `None` if the daemon named none.
    pub platform: Option<String>,
}

/// What the daemon has asked about, in its order. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct ReadImages(Arc<Mutex<Vec<ReadImage>>>);

impl ReadImages {
    /// The images until now, each once.
    pub fn list(&self) -> Vec<ReadImage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes an image. The daemon asks about a tag, and then about the digest that it found there; that is one image.
    pub(super) fn note(&self, image: &ImageRef, platform: Option<&pb::Platform>) {
        let platform = platform.filter(|platform| !platform.os.is_empty()).map(text);
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |known: &ReadImage| {
            known.platform == platform
                && (known.image == *image
                    || known.image.digest().is_none()
                        && known.image.name() == image.name()
                        && image.tag().is_none_or(|tag| known.image.tag() == Some(tag)))
        };
        if list.len() < MOST && !list.iter().any(is_known) {
            list.push(ReadImage { image: image.clone(), platform });
        }
    }
}

fn text(platform: &pb::Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_and_its_digest_are_one_image() {
        let images = ReadImages::default();
        let digest = format!("sha256:{}", "a".repeat(64));
        let arm = pb::Platform {
            os: "linux".into(),
            architecture: "arm".into(),
            variant: "v7".into(),
            ..Default::default()
        };
        let asked = [
            "r.io/a:1".to_owned(),
            format!("r.io/a:1@{digest}"),
            format!("r.io/a@{digest}"),
            "r.io/a:2".to_owned(),
        ];
        asked.iter().for_each(|image| images.note(&image.parse().unwrap(), Some(&arm)));
        images.note(&format!("r.io/b@{digest}").parse().unwrap(), None);
        let listed: Vec<_> =
            images.list().into_iter().map(|read| (read.image.to_string(), read.platform)).collect();
        let arm = Some("linux/arm/v7".to_owned());
        let expected = [
            ("r.io/a:1".to_owned(), arm.clone()),
            ("r.io/a:2".to_owned(), arm),
            (format!("r.io/b@{digest}"), None),
        ];
        assert_eq!(listed, expected);
    }
}
