//! The images that `cache.warm` pulls, each once.

use std::collections::HashMap;
use std::fmt;

use crate::buildkit::ReadImage;
use crate::oci::ImageRef;
use crate::step::{Build, SecretKey, Warm};

/// The most images of a step, each for one platform. One node pulls them one after the other.
pub(super) const MOST: usize = 1_000;

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Image {
    pub(super) image: ImageRef,
    /// `None` for the daemon's own.
    pub(super) platform: Option<String>,
    /// The Secret with the login for its registry.
    pub(super) login: Option<SecretKey>,
}

/// An image that is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) image: Image,
    /// Whether a build certainly needs it, so that it is an error if it cannot be pulled.
    pub(super) is_certain: bool,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.image)?;
        self.platform.iter().try_for_each(|platform| write!(f, " for {platform}"))
    }
}

/// The images until now.
#[derive(Debug, Default)]
pub(super) struct Targets {
    targets: Vec<Target>,
    /// Where each image is in the list.
    places: HashMap<Image, usize>,
    is_full: bool,
}

impl Targets {
    /// The images that the step names, each for each of its platforms.
    pub(super) fn named(warm: &Warm) -> Self {
        let mut targets = Self::default();
        for image in &warm.images {
            let own = warm.platforms.is_empty().then_some(None);
            let named = warm.platforms.iter().map(|platform| Some(platform.to_string()));
            for platform in own.into_iter().chain(named) {
                let login = warm.registry_secret.clone();
                targets.push(Image { image: image.clone(), platform, login }, true);
            }
        }
        targets
    }

    /// Adds what the Dockerfile of `build` reads. Without a build, the daemon's own platform is the target's (buildkit
    /// `frontend/dockerfile/dockerfile2llb/platform.go`). So with `platforms`, an image of a stage is pulled for them and for the daemon's
    /// own, and it is not known which of them the stage needs.
    pub(super) fn add(&mut self, images: Vec<ReadImage>, build: &Build) {
        let platforms: Vec<_> = build.platforms.iter().map(ToString::to_string).collect();
        for ReadImage { image, platform } in images {
            let is_certain = platforms.is_empty();
            let others = platforms.iter().cloned().map(Some).filter(|other| *other != platform);
            for platform in std::iter::once(platform.clone()).chain(others) {
                let login = build.registry_secret.clone();
                self.push(Image { image: image.clone(), platform, login }, is_certain);
            }
        }
    }

    /// All images, and whether there were more.
    pub(super) fn all(self) -> (Vec<Target>, bool) {
        (self.targets, self.is_full)
    }

    fn push(&mut self, image: Image, is_certain: bool) {
        match self.places.get(&image) {
            Some(place) => self.targets[*place].is_certain |= is_certain,
            None if self.targets.len() >= MOST => self.is_full = true,
            None => {
                self.places.insert(image.clone(), self.targets.len());
                self.targets.push(Target { image, is_certain });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn build(text: &str) -> Build {
        let body = serde_json::json!({"build": serde_saphyr::from_str::<serde_json::Value>(text).unwrap()});
        match crate::step::parse(&body).unwrap() {
            crate::step::Step::Build(build) => *build,
            _ => unreachable!(),
        }
    }

    fn read(image: &str, platform: &str) -> ReadImage {
        ReadImage { image: image.parse().unwrap(), platform: Some(platform.to_owned()) }
    }

    #[test]
    fn each_image_is_pulled_once_for_each_platform_and_login() {
        let mut targets = Targets::default();
        let images = [read("r.io/tool:1", "linux/amd64"), read("r.io/base:1", "linux/arm64")];
        for more in [", platforms: linux/arm64", "", ", registry-secret: other"] {
            targets
                .add(images.to_vec(), &build(&format!("{{context: 'https://h/r.git', push: false{more}}}")));
        }
        let (all, is_full) = targets.all();
        let shown: Vec<_> = all
            .iter()
            .map(|Target { image, is_certain }| format!("{image} {is_certain} {}", image.login.is_some()))
            .collect();
        assert!(!is_full);
        assert_eq!(
            shown,
            [
                "r.io/tool:1 for linux/amd64 true false",
                "r.io/tool:1 for linux/arm64 false false",
                "r.io/base:1 for linux/arm64 true false",
                "r.io/tool:1 for linux/amd64 true true",
                "r.io/base:1 for linux/arm64 true true",
            ]
        );
    }

    #[test]
    fn a_step_pulls_a_thousand_images() {
        let build = build("{context: 'https://h/r.git', push: false}");
        let mut targets = Targets::default();
        for n in 0..MOST + 7 {
            targets.add(vec![read(&format!("r.io/a:{n}"), "linux/amd64")], &build);
        }
        let (all, is_full) = targets.all();
        assert_eq!((all.len(), is_full), (MOST, true));
    }
}
