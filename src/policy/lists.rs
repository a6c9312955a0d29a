//! The lists of one entry, one for each kind of target.

use super::canonical::{self, NotCanonical};
use super::named::NamedTarget;
use super::pattern::Pattern;
use crate::step::MentionKind;
use crate::step::build::Entitlement;

/// The images of `# syntax=docker/dockerfile:1`. They are public and not used as base images. Every build may read them.
const FRONTENDS: [&str; 2] = ["docker.io/docker/dockerfile", "docker.io/docker/dockerfile-upstream"];

impl MentionKind {
    /// The kinds that have a list.
    pub(super) const LISTED: [Self; 9] = [
        Self::Push,
        Self::Cache,
        Self::Images,
        Self::Repositories,
        Self::Applications,
        Self::Forges,
        Self::Contexts,
        Self::Webhooks,
        Self::Entitlements,
    ];

    /// The kinds that are allowed as a whole, or not at all.
    pub(super) const SWITCHES: [Self; 2] = [Self::HostNetwork, Self::DaemonCache];

    /// Its key in the file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Cache => "cache",
            Self::Images => "images",
            Self::Repositories => "repositories",
            Self::Applications => "applications",
            Self::Forges => "forges",
            Self::Contexts => "contexts",
            Self::Webhooks => "webhooks",
            Self::Entitlements => "entitlements",
            Self::HostNetwork => "host-network",
            Self::DaemonCache => "daemon-cache",
        }
    }

    /// The verb for error messages: what a step does with the target.
    pub(super) fn act(self) -> &'static str {
        match self {
            Self::Push => "push to",
            Self::Cache => "use the cache",
            Self::Images => "build from the image",
            Self::Repositories => "use the Git repository",
            Self::Applications => "use the Application",
            Self::Forges => "call the forge's API at",
            Self::Contexts => "set commit statuses of the context",
            Self::Webhooks => "send messages to",
            Self::Entitlements => "build with the entitlement",
            Self::HostNetwork => "build in the network of",
            Self::DaemonCache => "see and prune",
        }
    }

    /// The canonical form of a name or pattern of this kind.
    pub(super) fn canonical(self, text: &str) -> Result<String, NotCanonical> {
        match self {
            Self::Push | Self::Cache | Self::Images => canonical::image(text),
            Self::Repositories => canonical::repository(text),
            Self::Applications => canonical::object(text),
            Self::Forges => canonical::url(text),
            Self::Contexts => canonical::context(text),
            Self::Webhooks => canonical::server(text),
            Self::Entitlements if Entitlement::Insecure.name() != text => Err(NotCanonical::Entitlement),
            Self::Entitlements | Self::HostNetwork | Self::DaemonCache => Ok(text.to_owned()),
        }
    }
}

/// The targets that the workflows of a namespace may name.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    push: Vec<Pattern>,
    cache: Vec<Pattern>,
    /// Absent in files that are older than this list; then any image may be read.
    images: Option<Vec<Pattern>>,
    repositories: Vec<Pattern>,
    applications: Vec<Pattern>,
    forges: Vec<Pattern>,
    contexts: Vec<Pattern>,
    webhooks: Vec<Pattern>,
    entitlements: Vec<Pattern>,
    host_network: bool,
    daemon_cache: bool,
}

impl Lists {
    /// The patterns for a kind. Empty for a kind without a list.
    pub(super) fn of(&self, kind: MentionKind) -> &[Pattern] {
        match kind {
            MentionKind::Push => &self.push,
            MentionKind::Cache => &self.cache,
            MentionKind::Images => self.images.as_deref().unwrap_or_default(),
            MentionKind::Repositories => &self.repositories,
            MentionKind::Applications => &self.applications,
            MentionKind::Forges => &self.forges,
            MentionKind::Contexts => &self.contexts,
            MentionKind::Webhooks => &self.webhooks,
            MentionKind::Entitlements => &self.entitlements,
            MentionKind::HostNetwork | MentionKind::DaemonCache => &[],
        }
    }

    pub(super) fn set(&mut self, kind: MentionKind, patterns: Vec<Pattern>) {
        let list = match kind {
            MentionKind::Push => &mut self.push,
            MentionKind::Cache => &mut self.cache,
            MentionKind::Images => self.images.get_or_insert_default(),
            MentionKind::Repositories => &mut self.repositories,
            MentionKind::Applications => &mut self.applications,
            MentionKind::Forges => &mut self.forges,
            MentionKind::Contexts => &mut self.contexts,
            MentionKind::Webhooks => &mut self.webhooks,
            MentionKind::Entitlements => &mut self.entitlements,
            MentionKind::HostNetwork | MentionKind::DaemonCache => return,
        };
        *list = patterns;
    }

    /// Sets a kind that is one of [`MentionKind::SWITCHES`].
    pub(super) fn switch(&mut self, kind: MentionKind, is_on: bool) {
        match kind {
            MentionKind::HostNetwork => self.host_network = is_on,
            MentionKind::DaemonCache => self.daemon_cache = is_on,
            _ => {}
        }
    }

    /// Regular expressions, one of which the whole name of an image must match. None if any image may be read.
    pub(super) fn images(&self) -> Option<Vec<String>> {
        let listed = self.images.as_ref()?;
        let all = listed.iter().map(Pattern::regex).collect::<Option<Vec<_>>>()?;
        Some(all.into_iter().chain(FRONTENDS.map(regex_lite::escape)).collect())
    }

    /// Whether there is no list of images.
    pub(super) fn lack_images(&self) -> bool {
        self.images.is_none()
    }

    /// Whether `named` is listed. A name without a canonical form is never listed.
    pub(super) fn have(&self, named: &NamedTarget) -> bool {
        match (&named.canonical, named.kind) {
            (_, MentionKind::HostNetwork) => self.host_network,
            (_, MentionKind::DaemonCache) => self.daemon_cache,
            (_, MentionKind::Images) if self.images.is_none() => true,
            (Ok(name), kind) => self.of(kind).iter().any(|pattern| pattern.matches(name)),
            (Err(_), _) => false,
        }
    }
}
