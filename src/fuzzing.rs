//! The parsers of foreign bytes, each as a function of bytes, for the fuzz targets alone (`make fuzz`).
//!
//! What comes out of a parser is thrown away; a target looks for panics, endless work and endless memory, and checks
//! what must hold of whatever was read.

use std::time::Duration;

use ::http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::argo::Template;
use crate::git::RepoUrl;
use crate::oci::{Auth, ImageRef, token};
use crate::policy::Policy;
use crate::redact::Redactor;
use crate::text;

pub use crate::buildkit::fuzzing::{build_status, error_details, ignore};
pub use crate::git::fuzzing::{
    advert, file_spec, gitmodules, known_hosts, pack, pack_sizes, packets, push_report, refs, signing_key,
};

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
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let _ = token::challenge(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]));
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

/// A token server's answer.
pub fn token_reply(bytes: &[u8]) {
    let _ = token::token(bytes);
}

/// A forge's refusal: the header that says when to come back in the first line, then its body.
pub fn forge_refusal(bytes: &[u8]) {
    crate::forge::refusal::fuzzed(bytes);
}

/// The annotations of a Secret.
pub fn bindings(bytes: &[u8]) {
    crate::engine::binding::fuzzed(bytes);
}

/// What an earlier process has left of a job.
pub fn journal(bytes: &[u8]) {
    crate::jobs::journal::record::fuzzed(bytes);
}

/// The message of a commit on the branch.
pub fn trailers(bytes: &[u8]) {
    crate::write_back::message::fuzzed(bytes);
}

/// What anybody wrote, and a secret in its first line: what leaves is plain, and plain once more, and without the secret.
pub fn foreign_text(bytes: &[u8]) {
    let all = String::from_utf8_lossy(bytes);
    let plain = text::lines(&all);
    assert_eq!(text::lines(&plain), plain);
    assert!(!plain.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{plain:?}");
    let _ = (text::line(&all), text::json_line(&all), text::brief(&all, 100));
    let (secret, rest) = all.split_once('\n').unwrap_or_default();
    let redactor = Redactor::default();
    redactor.remember(&secret.into());
    let (secret, clean) = (secret.trim(), redactor.clean(rest));
    if redactor.clean(&format!("x{secret}x")) == "x***x" && !secret.contains('*') {
        assert!(!clean.contains(secret), "{secret:?} in {clean:?}");
    }
}
