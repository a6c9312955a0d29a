//! Why a step may not run.

use super::Policy;
use super::canonical::Odd;
use super::lists::Lists;
use super::named::Named;
use super::pattern::Namespaces;
use crate::step::Sort;

/// What was named, for which namespace, and what to change.
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
        /// The entries there are.
        entries: Vec<String>,
    },
    /// The namespace's list does not have it.
    #[error(transparent)]
    Unlisted(Box<Unlisted>),
    /// The daemon's own host is not for the namespace.
    #[error(
        "{field}: namespace `{namespace}` may not build in the daemon's own {own}; leave `{written}` out, or have \
         `namespaces.{entry}.host-network: true` set in the policy {file}",
        own = own(.field)
    )]
    HostNetwork {
        /// The field.
        field: String,
        /// As the step has it.
        written: String,
        /// The namespace.
        namespace: String,
        /// The policy file.
        file: String,
        /// The namespace's entry.
        entry: String,
    },
    /// Nothing can be said of a name that may be read in two ways.
    #[error("{field}: `{named}` cannot be compared with the policy: {why}; write it plainly")]
    Odd {
        /// The field.
        field: String,
        /// The name.
        named: String,
        /// What is odd.
        why: String,
    },
}

/// What of the daemon's host `field` is about.
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
pub struct Unlisted {
    /// The field.
    pub field: String,
    /// The namespace.
    pub namespace: String,
    /// What the step would do.
    pub act: &'static str,
    /// With what.
    pub named: String,
    /// The policy file.
    pub file: String,
    /// The namespace's entry.
    pub entry: String,
    /// The list.
    pub key: &'static str,
    /// What is in it.
    pub allowed: Vec<String>,
}

impl Refused {
    pub(super) fn new(
        policy: &Policy,
        namespace: &str,
        entry: &Namespaces,
        lists: &Lists,
        named: Named,
        field: String,
    ) -> Self {
        let Named { sort, written, canonical, .. } = named;
        let named = match canonical {
            Ok(canonical) => canonical,
            Err(why) => return Self::odd(field, written, why),
        };
        let (namespace, file, entry) = (namespace.to_owned(), policy.file.clone(), entry.to_string());
        if sort == Sort::HostNetwork {
            return Self::HostNetwork { field, written: named, namespace, file, entry };
        }
        let allowed = lists.of(sort).iter().map(ToString::to_string).collect();
        let (act, key) = (sort.act(), sort.key());
        Self::Unlisted(Box::new(Unlisted { field, namespace, act, named, file, entry, key, allowed }))
    }

    fn odd(field: String, named: String, why: Odd) -> Self {
        Self::Odd { field, named, why: why.to_string() }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
