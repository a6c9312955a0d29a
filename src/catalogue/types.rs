//! The types of a valid catalogue.

use std::collections::BTreeMap;

use super::pattern::NamePattern;
use crate::git::RepoUrl;

/// What announces pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookSource {
    /// Gitea's hook, with a signature.
    Gitea,
    /// GitHub's hook, with a signature.
    Github,
    /// A plain hook of Gitea, with a bearer token.
    Webhook,
}

/// How pushes are announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// What announces them.
    pub source: HookSource,
    /// The path of the hook's URL.
    pub endpoint: String,
    /// The port that the EventSource serves.
    pub port: u16,
    /// The Secret with the hook's secret, and its key.
    pub secret: (String, String),
    /// An EventSource that is there already, in place of one that is rendered.
    pub event_source: Option<String>,
    /// The accounts whose pushes are our own commits.
    pub bots: Vec<String>,
    /// The ServiceAccount of the Sensors.
    pub service_account: String,
    /// Whether the catalogue names no account, so that one is rendered.
    pub own_account: bool,
}

/// The template of a service's Workflows, and what its parameters are in all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The WorkflowTemplate.
    pub template: String,
    /// The parameters that no event sets.
    pub parameters: BTreeMap<String, String>,
    /// Whether the template decides by itself whether a push touches the service: it has the parameter `before`.
    pub selects: bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name.
    pub name: String,
    /// The repository.
    pub repo: RepoUrl,
    /// The branches that are built.
    pub branches: Vec<NamePattern>,
    /// The tags that are built.
    pub tags: Vec<NamePattern>,
    /// The paths that belong to it; empty for all.
    pub paths: Vec<String>,
    /// The paths that do not count.
    pub paths_ignore: Vec<String>,
    /// The image, without tag.
    pub image: String,
    /// Whether its registry is plain http, or has an unknown certificate.
    pub insecure: bool,
    /// The Secret with the login for the repository.
    pub git_secret: Option<String>,
    /// The Secret with the login for the registry.
    pub registry_secret: Option<String>,
    /// The Workflows of branches and tags.
    pub build: Build,
    /// The parameters in [`DOCKERFILE`](super::DOCKERFILE) that are known before an event, also from the template itself.
    pub dockerfile: BTreeMap<&'static str, String>,
    /// The Workflows of pull requests; `None` if they are not built.
    pub pull_request: Option<Build>,
    /// The schedule of the pull mode; `None` if a hook announces pushes.
    pub pull: Option<String>,
}
