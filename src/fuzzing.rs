//! The parsers of untrusted bytes, each as a function of bytes, for the fuzz targets only (`make fuzz`).
//!
//! The parsed result is discarded. A target looks for panics, unlimited time and unlimited memory, and checks the
//! invariants of the parsed value.

use std::time::Duration;

use ::http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::argo::Template;
use crate::git::RepoUrl;
use crate::oci::{Auth, ImageRef, token};
use crate::policy::Policy;
use crate::redact::Redactor;
use crate::signature;
use crate::text;

pub use crate::buildkit::fuzzing::{build_status, error_details, ignore};
pub use crate::git::fuzzing::{
    advert, file_spec, gitmodules, known_hosts, pack, pack_sizes, packets, push_report, refs, signing_key,
};

/// A policy with rules of every kind, to check steps against.
const POLICY: &str = "\
namespaces:
  builds:
    push: [registry.example.com/shop/*]
    cache: [\"cache.example.com/**\"]
    images: [\"registry.example.com/**\"]
    repositories: [\"https://git.example.com/shop/*\", \"git@git.example.com:shop/*\"]
    applications: [argocd/shop-*]
";

/// Parses a node's template, as Argo sends it (JSON). Checks a valid one against a policy.
pub fn template(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    let template = Template(value);
    let Some(body) = template.step() else { return };
    let Ok(timed) = template.timed_step(body, Duration::from_secs(60)) else { return };
    if let Ok(policy) = Policy::parse("policy.yaml", POLICY) {
        let _ = policy.check("builds", &timed.step);
    }
}

/// Parses a policy file.
pub fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse("policy.yaml", &String::from_utf8_lossy(bytes)) {
        let _ = policy.unserved("builds");
    }
}

/// Checks a file of Argo's objects.
pub fn lint(bytes: &[u8]) {
    let source =
        crate::lint::LintInput { name: "fuzz.yaml".to_owned(), bytes: bytes.to_vec(), is_named: true };
    for finding in crate::lint::lint(&[source]).findings {
        assert!(finding.start < finding.end, "{finding:?}");
    }
}

/// Reads a catalogue of services. Checks that what a valid one is rendered to is YAML.
pub fn catalogue(bytes: &[u8]) {
    let Ok(catalogue) = crate::catalogue::parse(bytes, &crate::catalogue::KnownTemplates::bundled()) else {
        return;
    };
    for file in crate::render::render(&catalogue).unwrap_or_default() {
        assert!(crate::manifest::documents::documents(file.text.as_bytes()).is_ok(), "{}", file.text);
    }
}

/// Reads a file of another system. Checks that a catalogue made of it is valid, and that the report tells of every document.
pub fn migrate(bytes: &[u8]) {
    let options = crate::migrate::MigrateOptions { namespace: "builds".to_owned(), git_url: None };
    // The name is that of a workflow of Actions; the other systems do not look at it.
    let name = "shop/api/.gitea/workflows/fuzz.yaml".to_owned();
    let input = crate::migrate::MigrateInput { name, bytes: bytes.to_vec() };
    let migration = crate::migrate::migrate(&[input], &options);
    if let Some(file) = migration.files.iter().find(|file| file.name == "services.yaml") {
        let read =
            crate::catalogue::parse(file.text.as_bytes(), &crate::catalogue::KnownTemplates::bundled());
        assert!(read.is_ok(), "{read:?}\n{}", file.text);
    }
    for line in migration.report.text().lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

/// Parses a registry's `WWW-Authenticate` header.
pub fn challenge(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let _ = token::challenge(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]));
}

/// Reads what stands beside an image: a payload, a bundle, or keys.
pub fn signature(bytes: &[u8]) {
    signature::fuzzed(bytes);
}

/// Parses a docker config.
pub fn docker_config(bytes: &[u8]) {
    let _ = Auth::from_docker_config(bytes);
}

/// Parses an image reference and a repository's URL. Checks that the displayed form parses to the same value.
pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(image) = text.parse::<ImageRef>() {
        assert_eq!(image.to_string().parse(), Ok(image.clone()), "{text:?}");
    }
    if let Ok(url) = text.parse::<RepoUrl>() {
        assert_eq!(url.to_string().parse(), Ok(url.clone()), "{text:?}");
    }
}

/// Parses a token server's response.
pub fn token_reply(bytes: &[u8]) {
    let _ = token::token(bytes);
}

/// Parses a forge's rejection. The first line is the header with the retry time, then follows the body.
pub fn forge_refusal(bytes: &[u8]) {
    crate::forge::refusal::fuzzed(bytes);
}

/// Parses the annotations of a Secret.
pub fn bindings(bytes: &[u8]) {
    crate::engine::binding::fuzzed(bytes);
}

/// Parses the journal of a job from an earlier process.
pub fn journal(bytes: &[u8]) {
    crate::jobs::journal::record::fuzzed(bytes);
}

/// Parses the message of a commit on the branch.
pub fn trailers(bytes: &[u8]) {
    crate::write_back::message::fuzzed(bytes);
}

/// Redacts any text, with a secret in its first line. Checks that the result is plain, does not change when redacted again, and
/// lacks the secret.
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
