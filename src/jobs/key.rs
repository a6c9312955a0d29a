//! The identity of a job.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The key of a job. It also names the BuildKit solve, so that a restarted process finds its build again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey(String);

impl JobKey {
    /// The key of `template` in the workflow `uid`, for requests in which Argo sends no node id. Nodes with the same
    /// template share a job. The order of the template's keys does not matter: `serde_json` keeps objects sorted (a
    /// test checks this).
    pub fn derive(uid: &str, template: &Value) -> Self {
        let digest = Sha256::new()
            .chain_update(b"argo-buildkit job 1\0")
            .chain_update(uid)
            .chain_update([0])
            .chain_update(template.to_string())
            .finalize();
        Self(hex::encode(&digest[..16]))
    }

    /// The key of the node `id` of the workflow `uid` in `namespace`, when Argo says which node a template is for.
    /// Argo's automatic retry is another node; a retry by hand (`argo retry`) is the same node again. The namespace
    /// is part of the key because the uid comes from an owner reference, in which a user of a namespace may claim any
    /// value.
    pub fn of_node(namespace: &str, uid: &str, id: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(b"argo-buildkit node 1\0")
            .chain_update(namespace)
            .chain_update([0])
            .chain_update(uid)
            .chain_update([0])
            .chain_update(id)
            .finalize();
        Self(hex::encode(&digest[..16]))
    }

    /// Parses a key.
    pub(super) fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identity_is_the_uid_and_the_template_whatever_the_order_of_its_keys() {
        let key =
            |uid: &str, text: &str| JobKey::derive(uid, &serde_json::from_str(text).unwrap_or_default());
        assert_eq!(key("u", r#"{"a":1,"b":2}"#), key("u", r#"{"b":2,"a":1}"#));
        assert_ne!(key("u", r#"{"a":1}"#), key("u", r#"{"a":2}"#));
        assert_ne!(key("u", r#"{"a":1}"#), key("v", r#"{"a":1}"#));
        assert_ne!(JobKey::of_node("a", "u", "n"), JobKey::of_node("b", "u", "n"));
        assert_ne!(JobKey::derive("ab", &json!("c")), JobKey::derive("a", &json!("bc")));
    }
}
