//! Advice for the owner of a Secret that is not bound.

use std::collections::BTreeSet;

use super::{HOSTS, USE, Use};

/// The text after the name of an unbound Secret.
pub(crate) const UNBOUND: &str =
    "is bound to no host and use, so whoever may submit a workflow can send it anywhere";

/// The command that binds `secret` to `uses` and, for uses with a host, to `hosts`.
pub(crate) fn bind_command(
    namespace: &str,
    secret: &str,
    hosts: &BTreeSet<String>,
    uses: &BTreeSet<Use>,
) -> String {
    let list = |items: Vec<&str>| items.join(",");
    let hosts = match hosts.is_empty() {
        true => String::new(),
        false => format!(" {HOSTS}={}", list(hosts.iter().map(String::as_str).collect())),
    };
    let uses = list(uses.iter().map(|purpose| purpose.word()).collect());
    format!("kubectl -n {namespace} annotate secret {secret}{hosts} {USE}={uses}")
}
