//! A Secret's binding: its permitted uses and hosts, which its owner writes into the Secret's annotations.
//!
//! The author of a workflow names both a Secret and a server. Without a binding, any Secret that the plugin's
//! Role lists could be sent to any server, or printed by a `RUN`.

mod advice;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use advice::{UNBOUND, bind_command};
use pattern::HostPattern;
pub(crate) use pattern::Server;

use crate::kube::Secret;
use crate::policy::NotCanonical;

/// Our annotations, which list hosts and uses.
pub(crate) const HOSTS: &str = "argo-buildkit.io/hosts";
pub(crate) const USE: &str = "argo-buildkit.io/use";
/// Prefixes of Tekton's annotations, followed by a number (tektoncd/pipeline `pkg/credentials`). Each has one URL.
const TEKTON: [(&str, Use); 2] = [("tekton.dev/git-", Use::Git), ("tekton.dev/docker-", Use::Registry)];

/// The Secret types of docker configs. Their `auths` name the hosts (Kubernetes: "Types of Secret").
const DOCKER_CONFIGS: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// The use that a step makes of a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// A login to a Git server, or to its forge's API.
    Git,
    /// A login to registries.
    Registry,
    /// A build's `RUN` reads the Secret, or uses it as an ssh key.
    Build,
    /// A key that signs commits or images, or verifies signatures.
    Signing,
    /// A login that sends chat messages.
    Chat,
}

impl Use {
    const ALL: [Self; 5] = [Self::Git, Self::Registry, Self::Build, Self::Signing, Self::Chat];

    /// The word for this use in the annotation.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Registry => "registry",
            Self::Build => "build",
            Self::Signing => "signing",
            Self::Chat => "chat",
        }
    }

    /// Whether the hosts in the annotation limit this use. A docker config names its own hosts, and a `RUN` can send
    /// what it has read anywhere.
    pub(crate) fn has_host(self) -> bool {
        matches!(self, Self::Git | Self::Chat)
    }
}

/// The use and the server for which a step needs a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The use.
    pub(crate) purpose: Use,
    /// The server; `None` if the use has no host.
    pub(crate) server: Option<Server>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.purpose.word())?;
        self.server.iter().try_for_each(|server| write!(f, " at {server}"))
    }
}

/// An annotation that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its annotation {annotation} cannot be read: `{item}`: {reason}")]
pub(crate) struct BadBinding {
    annotation: String,
    item: String,
    reason: String,
}

/// Whether a Secret's binding permits a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindingDecision {
    /// The binding permits the use.
    Bound,
    /// The Secret has no binding for this.
    Unbound,
    /// The binding names another use or host.
    Elsewhere,
}

/// The binding of a Secret, as written by its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Binding {
    uses: Option<Vec<Use>>,
    hosts: Option<Vec<HostPattern>>,
    tekton: Vec<(Use, HostPattern)>,
    is_docker_config: bool,
}

impl Binding {
    /// Reads the binding from the annotations and the type of `secret`.
    pub(crate) fn of(secret: &Secret) -> Result<Self, BadBinding> {
        let list = |name: &'static str| secret.annotation(name).map(|text| (name, text));
        let uses = list(USE).map(|(name, text)| items(name, text, use_of)).transpose()?;
        let hosts = list(HOSTS).map(|(name, text)| items(name, text, host_of)).transpose()?;
        let mut tekton = Vec::new();
        for (prefix, purpose) in TEKTON {
            for (name, text) in secret.annotations().filter(|(name, _)| name.starts_with(prefix)) {
                let pattern = HostPattern::url(text.trim()).map_err(|odd| bad(name, text, &odd))?;
                tekton.push((purpose, pattern));
            }
        }
        let is_docker_config = secret.kind().is_some_and(|kind| DOCKER_CONFIGS.contains(&kind));
        Ok(Self { uses, hosts, tekton, is_docker_config })
    }

    /// Whether the Secret may be used as `wanted`.
    pub(crate) fn answer(&self, wanted: &Wanted) -> BindingDecision {
        let of_tekton = |(purpose, pattern): &(Use, HostPattern)| {
            *purpose == wanted.purpose && wanted.server.as_ref().is_none_or(|server| pattern.fits(server))
        };
        if self.tekton.iter().any(of_tekton) {
            return BindingDecision::Bound;
        }
        match &self.uses {
            Some(uses) if !uses.contains(&wanted.purpose) => BindingDecision::Elsewhere,
            Some(_) => self.answer_by_host(wanted),
            None if self.is_docker_config => match wanted.purpose {
                Use::Registry => BindingDecision::Bound,
                _ => BindingDecision::Elsewhere,
            },
            None if !self.tekton.is_empty() && self.hosts.is_none() => BindingDecision::Elsewhere,
            // Hosts do not limit a `RUN`, which can send what it reads anywhere.
            None if self.hosts.is_some() && !wanted.purpose.has_host() => BindingDecision::Elsewhere,
            None => self.answer_by_host(wanted),
        }
    }

    fn answer_by_host(&self, wanted: &Wanted) -> BindingDecision {
        let Some(server) = wanted.server.as_ref().filter(|_| wanted.purpose.has_host()) else {
            let is_said = if wanted.purpose.has_host() { self.hosts.is_some() } else { self.uses.is_some() };
            return if is_said { BindingDecision::Bound } else { BindingDecision::Unbound };
        };
        match &self.hosts {
            Some(hosts) if hosts.iter().any(|host| host.fits(server)) => BindingDecision::Bound,
            Some(_) => BindingDecision::Elsewhere,
            None if self.tekton.iter().any(|(purpose, _)| *purpose == wanted.purpose) => {
                BindingDecision::Elsewhere
            }
            None => BindingDecision::Unbound,
        }
    }
}

/// `git at git.example.com, *.example.com`, for messages.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uses = match &self.uses {
            Some(uses) => listed(uses.iter().map(|purpose| purpose.word())),
            None if self.is_docker_config => Use::Registry.word().to_owned(),
            None => String::new(),
        };
        let own = match (&self.hosts, uses.is_empty()) {
            (Some(hosts), true) => listed(hosts),
            (Some(hosts), false) => format!("{uses} at {}", listed(hosts)),
            (None, _) => uses,
        };
        let tekton = self.tekton.iter().map(|(purpose, pattern)| format!("{} at {pattern}", purpose.word()));
        let all: Vec<_> = tekton.chain((!own.is_empty()).then_some(own)).collect();
        f.write_str(&listed(all))
    }
}

/// Parses an owner's lists in the format of the annotations.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let server =
        "https://git.example.com:8443/shop/api.git".parse().ok().and_then(|repo| Server::of(&repo).ok());
    let hosts = items(HOSTS, &text, host_of).unwrap_or_default();
    let patterns = hosts.into_iter().chain(HostPattern::url(&text).ok());
    for pattern in patterns {
        let _ = (pattern.to_string(), server.as_ref().map(|server| pattern.fits(server)));
    }
    let _ = items(USE, &text, use_of);
}

fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

fn items<T>(name: &str, text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, BadBinding> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| read(item).map_err(|reason| bad(name, item, &reason))).collect()
}

fn use_of(item: &str) -> Result<Use, String> {
    let found = Use::ALL.into_iter().find(|purpose| purpose.word() == item);
    found.ok_or_else(|| format!("it is none of {}", listed(Use::ALL.map(Use::word))))
}

fn host_of(item: &str) -> Result<HostPattern, String> {
    HostPattern::host(item).map_err(|odd| match odd {
        NotCanonical::Path => "it has a path; write [scheme://]host[:port]".to_owned(),
        odd => odd.to_string(),
    })
}

fn bad(annotation: &str, item: &str, reason: &impl ToString) -> BadBinding {
    BadBinding { annotation: annotation.to_owned(), item: item.to_owned(), reason: reason.to_string() }
}
