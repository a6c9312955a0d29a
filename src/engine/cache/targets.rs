//! The images that `cache.warm` pulls, each once.

use std::fmt;

use crate::buildkit::ReadImage;
use crate::oci::ImageRef;
use crate::outcome::StepError;
use crate::step::{Build, SecretKey, Warm};

/// The most images of a step, each for one platform. One node pulls them one after the other.
const MOST: usize = 1_000;

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) image: ImageRef,
    /// `None` for the daemon's own.
    pub(super) platform: Option<String>,
    /// The Secret with the login for its registry.
    pub(super) login: Option<SecretKey>,
    /// Whether the step names it, or the daemon asked about it for a Dockerfile.
    pub(super) is_certain: bool,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.image)?;
        self.platform.iter().try_for_each(|platform| write!(f, " for {platform}"))
    }
}

/// The images until now.
#[derive(Debug, Default)]
pub(super) struct Targets(Vec<Target>);

impl Targets {
    /// The images that the step names, each for each of its platforms.
    pub(super) fn named(warm: &Warm) -> Self {
        let mut targets = Self::default();
        for image in &warm.images {
            let own = warm.platforms.is_empty().then_some(None);
            let named = warm.platforms.iter().map(|platform| Some(platform.to_string()));
            own.into_iter().chain(named).for_each(|platform| {
                targets.push(image, platform, warm.registry_secret.as_ref(), true);
            });
        }
        targets
    }

    /// Adds what the Dockerfile of `build` reads. The daemon names its own platform for a stage that follows the target's, because it converts for its
    /// own. So each image is pulled for the target's platforms too.
    pub(super) fn add(&mut self, images: &[ReadImage], build: &Build) {
        let login = build.registry_secret.as_ref();
        for ReadImage { image, platform } in images {
            self.push(image, platform.clone(), login, true);
            for platform in &build.platforms {
                self.push(image, Some(platform.to_string()), login, false);
            }
        }
    }

    /// All images, if they are not too many.
    pub(super) fn checked(self) -> Result<Vec<Target>, StepError> {
        match self.0.len() {
            0..=MOST => Ok(self.0),
            more => Err(StepError::user(format!(
                "the Dockerfiles read {more} images with their platforms; a step pulls {MOST} at most; name fewer Dockerfiles"
            ))),
        }
    }

    fn push(
        &mut self,
        image: &ImageRef,
        platform: Option<String>,
        login: Option<&SecretKey>,
        is_certain: bool,
    ) {
        let is_it = |known: &&mut Target| {
            known.image == *image && known.platform == platform && known.login.as_ref() == login
        };
        match self.0.iter_mut().find(is_it) {
            Some(known) => known.is_certain |= is_certain,
            None => {
                self.0.push(Target { image: image.clone(), platform, login: login.cloned(), is_certain });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(text: &str) -> Build {
        let body = serde_json::json!({"build": serde_saphyr::from_str::<serde_json::Value>(text).unwrap()});
        match crate::step::parse(&body).unwrap() {
            crate::step::Step::Build(build) => *build,
            _ => unreachable!(),
        }
    }

    #[test]
    fn each_image_is_pulled_once_for_each_platform_and_login() {
        let mut targets = Targets::default();
        let read = |image: &str, platform: &str| ReadImage {
            image: image.parse().unwrap(),
            platform: Some(platform.to_owned()),
        };
        let images = [read("r.io/tool:1", "linux/amd64"), read("r.io/base:1", "linux/arm64")];
        for more in ["", ", platforms: linux/arm64", ", registry-secret: other"] {
            targets.add(&images[..2], &build(&format!("{{context: 'https://h/r.git', push: false{more}}}")));
        }
        let shown: Vec<_> = targets
            .checked()
            .unwrap()
            .iter()
            .map(|target| format!("{target} {} {}", target.is_certain, target.login.is_some()))
            .collect();
        assert_eq!(
            shown,
            [
                "r.io/tool:1 for linux/amd64 true false",
                "r.io/base:1 for linux/arm64 true false",
                "r.io/tool:1 for linux/arm64 false false",
                "r.io/tool:1 for linux/amd64 true true",
                "r.io/base:1 for linux/arm64 true true",
            ]
        );
    }
}
