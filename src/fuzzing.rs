//! The parsers of foreign bytes, each as a function of bytes, for the fuzz targets alone (`make fuzz`).
//!
//! What comes out of a parser is thrown away; a target looks for panics, endless work and endless memory, and checks
//! what must hold of whatever was read.

use std::time::Duration;

use crate::argo::Template;
use crate::git::RepoUrl;
use crate::oci::{Auth, ImageRef, token};
use crate::policy::Policy;

pub use crate::buildkit::fuzzing::error_details;
pub use crate::git::fuzzing::{advert, packets, push_report};

/// A policy that has something of every sort, for steps to be checked against.
const POLICY: &str = "\
namespaces:
  builds:
    push: [registry.example.com/shop/*]
    cache: [\"cache.example.com/**\"]
    images: [\"registry.example.com/**\"]
    repositories: [\"https://git.example.com/shop/*\", \"git@git.example.com:shop/*\"]
    applications: [argocd/shop-*]
";

/// A node's template, as Argo sends it: JSON. What is valid is checked against a policy too.
pub fn template(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    let template = Template(value);
    let Some(body) = template.step() else { return };
    let Ok(timed) = template.timed_step(body, Duration::from_secs(60)) else { return };
    if let Ok(policy) = Policy::parse("policy.yaml", POLICY) {
        let _ = policy.check("builds", &timed.step);
    }
}

/// A policy file.
pub fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse("policy.yaml", &String::from_utf8_lossy(bytes)) {
        let _ = policy.unserved("builds");
    }
}

/// A registry's `WWW-Authenticate`.
pub fn challenge(bytes: &[u8]) {
    let _ = token::parse_challenge(&String::from_utf8_lossy(bytes));
}

/// A docker config.
pub fn docker_config(bytes: &[u8]) {
    let _ = Auth::from_docker_config(bytes);
}

/// An image reference and a repository's URL: what is read says itself in a form that is read as the same.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(image) = text.parse::<ImageRef>() {
        assert_eq!(image.to_string().parse(), Ok(image.clone()), "{text:?}");
    }
    if let Ok(url) = text.parse::<RepoUrl>() {
        assert_eq!(url.to_string().parse(), Ok(url.clone()), "{text:?}");
    }
}
