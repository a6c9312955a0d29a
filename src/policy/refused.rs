//! The reasons why the policy refuses a step.

use super::Policy;
use super::canonical::NotCanonical;
use super::lists::Lists;
use super::named::NamedTarget;
use super::pattern::Namespaces;
use crate::step::MentionKind;

/// The refused target, the namespace, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The file has no entry for the namespace.
    #[error(
        "namespace `{namespace}` has no entry in the policy {file} (it has {}), so its workflows may do nothing; add \
         `{namespace}`, or a pattern that fits it, under `namespaces`",
        listed(entries)
    )]
    NoEntry {
        /// The namespace.
        namespace: String,
        /// The policy file.
        file: String,
        /// The entries in the file.
        entries: Vec<String>,
    },
    /// The target is not in the namespace's list.
    #[error(transparent)]
    NotInList(Box<NotInList>),
    /// The namespace may not use the daemon's own host.
    #[error(
        "{field}: namespace `{namespace}` may not build in the daemon's own {own}; leave `{written}` out, or have \
         `namespaces.{entry}.host-network: true` set in the policy {file}",
        own = own(.field)
    )]
    HostNetwork {
        /// The field.
        field: String,
        /// The value in the step.
        written: String,
        /// The namespace.
        namespace: String,
        /// The policy file.
        file: String,
        /// The namespace's entry.
        entry: String,
    },
    /// The namespace may not use what other namespaces have in the daemon's cache.
    #[error(
        "{field}: namespace `{namespace}` may see and prune only its own cache mounts, and not what others have in the daemon's \
         cache; write `scope: namespace`, or have `namespaces.{entry}.daemon-cache: true` set in the policy {file}"
    )]
    DaemonCache {
        /// The field.
        field: String,
        /// The namespace.
        namespace: String,
        /// The policy file.
        file: String,
        /// The namespace's entry.
        entry: String,
    },
    /// The name can be read in two ways, so it cannot be compared with the policy.
    #[error("{field}: `{named}` cannot be compared with the policy: {why}; write it plainly")]
    NotCanonical {
        /// The field.
        field: String,
        /// The name as written.
        named: String,
        /// The reason why it has no canonical form.
        why: String,
    },
}

/// The resource of the daemon's host that `field` uses.
fn own(field: &str) -> &'static str {
    if field.ends_with("network") || field.ends_with("entitlements") { "network" } else { "cgroups" }
}

/// A target that is not in the namespace's list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{field}: namespace `{namespace}` may not {act} `{named}`; the policy {file} allows under `namespaces.{entry}.{key}`: \
     {}; add it there, or name another",
    listed(allowed)
)]
pub struct NotInList {
    /// The field.
    pub field: String,
    /// The namespace.
    pub namespace: String,
    /// The action of the step on the target.
    pub act: &'static str,
    /// The target.
    pub named: String,
    /// The policy file.
    pub file: String,
    /// The namespace's entry.
    pub entry: String,
    /// The key of the list.
    pub key: &'static str,
    /// The content of the list.
    pub allowed: Vec<String>,
}

impl Refused {
    pub(super) fn new(
        policy: &Policy,
        namespace: &str,
        entry: &Namespaces,
        lists: &Lists,
        named: NamedTarget,
        field: String,
    ) -> Self {
        let NamedTarget { kind, written, canonical, .. } = named;
        let named = match canonical {
            Ok(canonical) => canonical,
            Err(why) => return Self::odd(field, written, why),
        };
        let (namespace, file, entry) = (namespace.to_owned(), policy.file.clone(), entry.to_string());
        if kind == MentionKind::HostNetwork {
            return Self::HostNetwork { field, written: named, namespace, file, entry };
        }
        if kind == MentionKind::DaemonCache {
            return Self::DaemonCache { field, namespace, file, entry };
        }
        let allowed = lists.of(kind).iter().map(ToString::to_string).collect();
        let (act, key) = (kind.act(), kind.key());
        Self::NotInList(Box::new(NotInList { field, namespace, act, named, file, entry, key, allowed }))
    }

    fn odd(field: String, named: String, why: NotCanonical) -> Self {
        Self::NotCanonical { field, named, why: why.to_string() }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
