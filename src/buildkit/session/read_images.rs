//! The images that a build reads, as the daemon asks about them.

use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::pb;

use crate::oci::ImageRef;

/// The most images of a build that are noted.
pub const READ_IMAGES: usize = 500;

/// An image that a build reads, for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadImage {
    /// The image, as the Dockerfile names it. The image of `# syntax=` is there a second time, with the digest that its tag names.
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

    /// Notes an image, unless the list is full.
    pub(super) fn note(&self, image: &ImageRef, platform: Option<&pb::Platform>) {
        let platform = platform.filter(|platform| !platform.os.is_empty()).map(text);
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = ReadImage { image: image.clone(), platform };
        if list.len() < READ_IMAGES && !list.contains(&read) {
            list.push(read);
        }
    }
}

fn text(platform: &pb::Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn images_are_noted_once_with_their_platforms() {
        let images = ReadImages::default();
        let digest = format!("sha256:{}", "a".repeat(64));
        let (os, architecture, variant) = ("linux".to_owned(), "arm".to_owned(), "v7".to_owned());
        let arm = pb::Platform { os, architecture, variant, ..Default::default() };
        for name in ["r.io/a:1".to_owned(), "r.io/a:1".to_owned(), format!("r.io/a:1@{digest}")] {
            images.note(&name.parse().unwrap(), Some(&arm));
        }
        images.note(&"r.io/a:1".parse().unwrap(), None);
        let listed: Vec<_> =
            images.list().into_iter().map(|read| (read.image.to_string(), read.platform)).collect();
        let arm = Some("linux/arm/v7".to_owned());
        let expected = [
            ("r.io/a:1".to_owned(), arm.clone()),
            (format!("r.io/a:1@{digest}"), arm),
            ("r.io/a:1".to_owned(), None),
        ];
        assert_eq!(listed, expected);
        for n in 0..=READ_IMAGES {
            images.note(&format!("r.io/b:{n}").parse().unwrap(), None);
        }
        assert_eq!(images.list().len(), READ_IMAGES);
    }
}
