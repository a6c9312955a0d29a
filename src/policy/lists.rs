//! The lists of one entry, one for each sort of target.

use super::canonical::{self, Odd};
use super::named::Named;
use super::pattern::Pattern;
use crate::step::Sort;
use crate::step::build::Entitlement;

/// The images of `# syntax=docker/dockerfile:1`: public, and nobody's base image. Every build may read them.
const FRONTENDS: [&str; 2] = ["docker.io/docker/dockerfile", "docker.io/docker/dockerfile-upstream"];

impl Sort {
    /// Those that have a list.
    pub(super) const LISTED: [Self; 7] = [
        Self::Push,
        Self::Cache,
        Self::Images,
        Self::Repositories,
        Self::Applications,
        Self::Forges,
        Self::Entitlements,
    ];

    /// Its key in the file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Cache => "cache",
            Self::Images => "images",
            Self::Repositories => "repositories",
            Self::Applications => "applications",
            Self::Forges => "forges",
            Self::Entitlements => "entitlements",
            Self::HostNetwork => "host-network",
        }
    }

    /// What a step does with it.
    pub(super) fn act(self) -> &'static str {
        match self {
            Self::Push => "push to",
            Self::Cache => "use the cache",
            Self::Images => "build from the image",
            Self::Repositories => "use the Git repository",
            Self::Applications => "refresh the Application",
            Self::Forges => "call the forge's API at",
            Self::Entitlements => "build with the entitlement",
            Self::HostNetwork => "build in the network of",
        }
    }

    /// The one spelling of such a name or pattern.
    pub(super) fn canonical(self, text: &str) -> Result<String, Odd> {
        match self {
            Self::Push | Self::Cache | Self::Images => canonical::image(text),
            Self::Repositories => canonical::repository(text),
            Self::Applications => canonical::object(text),
            Self::Forges => canonical::url(text),
            Self::Entitlements if Entitlement::Insecure.name() != text => Err(Odd::Entitlement),
            Self::Entitlements | Self::HostNetwork => Ok(text.to_owned()),
        }
    }
}

/// What the workflows of a namespace may name.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    push: Vec<Pattern>,
    cache: Vec<Pattern>,
    /// Absent in files that are older than this list: anything.
    images: Option<Vec<Pattern>>,
    repositories: Vec<Pattern>,
    applications: Vec<Pattern>,
    forges: Vec<Pattern>,
    entitlements: Vec<Pattern>,
    pub(super) host_network: bool,
}

impl Lists {
    /// The patterns of a sort; none of one without a list.
    pub(super) fn of(&self, sort: Sort) -> &[Pattern] {
        match sort {
            Sort::Push => &self.push,
            Sort::Cache => &self.cache,
            Sort::Images => self.images.as_deref().unwrap_or_default(),
            Sort::Repositories => &self.repositories,
            Sort::Applications => &self.applications,
            Sort::Forges => &self.forges,
            Sort::Entitlements => &self.entitlements,
            Sort::HostNetwork => &[],
        }
    }

    pub(super) fn set(&mut self, sort: Sort, patterns: Vec<Pattern>) {
        let list = match sort {
            Sort::Push => &mut self.push,
            Sort::Cache => &mut self.cache,
            Sort::Images => self.images.get_or_insert_default(),
            Sort::Repositories => &mut self.repositories,
            Sort::Applications => &mut self.applications,
            Sort::Forges => &mut self.forges,
            Sort::Entitlements => &mut self.entitlements,
            Sort::HostNetwork => return,
        };
        *list = patterns;
    }

    /// Regular expressions, one of which the whole name of an image has to match; none where any may be read.
    pub(super) fn images(&self) -> Option<Vec<String>> {
        let listed = self.images.as_ref()?;
        let all = listed.iter().map(Pattern::regex).collect::<Option<Vec<_>>>()?;
        Some(all.into_iter().chain(FRONTENDS.map(regex_lite::escape)).collect())
    }

    /// Whether there is no list of images.
    pub(super) fn lack_images(&self) -> bool {
        self.images.is_none()
    }

    /// Whether `named` is listed. What has no canonical form never is.
    pub(super) fn have(&self, named: &Named) -> bool {
        match (&named.canonical, named.sort) {
            (_, Sort::HostNetwork) => self.host_network,
            (_, Sort::Images) if self.images.is_none() => true,
            (Ok(name), sort) => self.of(sort).iter().any(|pattern| pattern.matches(name)),
            (Err(_), _) => false,
        }
    }
}
