//! What registries and servers of files say to buildkitd.
//!
//! For an answer with the distribution specification's JSON, BuildKit drops the status and writes `code: message`, where
//! `code` is one of six; any other becomes `unknown` (`util/errutil`, containerd's `core/remotes/docker/errdesc.go`). So of
//! those the words decide.

use super::advice as a;
use super::decision::Decision;
use super::message::{Doing, Message};
use crate::buildkit::kind::Kind;
use crate::http::may_pass;
use crate::outcome::Fault;

/// The codes that containerd knows.
const CODES: &[&str] =
    &["denied", "unauthorized", "unsupported", "unavailable", "toomanyrequests", "unknown"];
/// A registry's words for a tag that may not be moved: ECR, Harbor, Quay, Artifact Registry, Nexus, ACR.
const IMMUTABLE: &[&str] = &["immutable", "cannot be overwritten", "overwrit", "does not allow updating"];
/// A registry's words for a full quota: Harbor, Gitea, Quay, GitLab, GHCR.
const QUOTA: &[&str] =
    &["quota", "will exceed the configured", "storage limit", "exceeds the limit", "billing"];
const READ_ONLY: &[&str] = &["read only", "read-only", "readonly"];
/// Of a repository that is not there: ECR, Artifact Registry, distribution.
const NO_REPOSITORY: &[&str] = &[
    "does not exist",
    "not found",
    "name unknown",
    "not known to registry",
    "no such repository",
    "project",
];
/// Of what the registry does not take: the media type, the manifest, the name, the operation.
const FORM: &[&str] = &[
    "invalid",
    "failed to parse",
    "unsupported",
    "not supported",
    "not allowed",
    "schema",
    "did not match",
    "media type",
    "malformed",
];
const TOO_LARGE: &[&str] = &["too large", "maximum size", "max size", "size limit"];
/// Of a registry that is broken: its own failures, and uploads that it has lost.
const BROKEN: &[&str] = &[
    "unknown error",
    "internal",
    "unavailable",
    "timeout",
    "timed out",
    "try again",
    "retry",
    "connection",
    "blob unknown",
    "upload unknown",
    "upload invalid",
    "manifest unknown",
    "database",
    "deadline",
    "canceled",
    "EOF",
];

/// What a registry's answer means, where there is one.
pub(super) fn decide(message: &Message<'_>) -> Option<Decision> {
    if let Some(known) = certificate(message).or_else(|| missing(message)) {
        return Some(known);
    }
    if let Some(status) = message.status {
        return Some(by_status(status, message));
    }
    // Of the daemons before v0.19, which want the header `Docker-Content-Digest`.
    if message.says(&["invalid content digest in response"]) {
        return Some(user(a::NOT_A_REGISTRY));
    }
    let (code, rest) = coded(message)?;
    // What a registry that takes no such manifest may answer without a word.
    if rest.trim_matches([':', ' ', '\n']).is_empty() && message.says(&["error writing manifest blob"]) {
        return Some(user(a::CACHE_REFUSED));
    }
    Some(by_code(code, rest, message.doing))
}

fn user(advice: &'static str) -> Decision {
    Decision { kind: Kind::Registry, fault: Fault::User, advice }
}

fn later(doing: Doing) -> Decision {
    let advice = if doing == Doing::ExportCache { a::CACHE_LATER } else { a::LATER };
    Decision { kind: Kind::Registry, fault: Fault::Transient, advice }
}

fn certificate(message: &Message<'_>) -> Option<Decision> {
    if message.says(&["server gave HTTP response to HTTPS client"]) {
        return Some(user(match message.doing {
            Doing::Push => a::PLAIN_HTTP_PUSH,
            Doing::ExportCache => a::PLAIN_HTTP_CACHE,
            _ => a::PLAIN_HTTP,
        }));
    }
    message.says_any(&["x509: ", "tls: failed to verify certificate"]).then(|| {
        user(match message.doing {
            Doing::Push => a::TRUST_PUSH,
            Doing::ExportCache => a::TRUST_CACHE,
            Doing::Download => a::TRUST_DOWNLOAD,
            _ => a::TRUST,
        })
    })
}

/// What BuildKit itself says of an image that is not there.
fn missing(message: &Message<'_>) -> Option<Decision> {
    if message.doing != Doing::Pull && !message.says(&["content at", "not found"]) {
        return None;
    }
    // BuildKit compares the name with the stages' (`frontend/dockerfile/dockerfile2llb`).
    if message.says(&["failed to resolve source metadata", "(did you mean"]) {
        return Some(Decision { kind: Kind::Dockerfile, fault: Fault::User, advice: a::STAGE });
    }
    if message.says_any(&["no match for platform", "no matching manifest"]) {
        return Some(user(a::PLATFORM));
    }
    if message.says_any(&["content at ", "could not fetch content"]) && message.says(&["not found"]) {
        return Some(user(a::LAYER_GONE));
    }
    let is_absent = message.status.is_none() && message.bare.trim_end().ends_with(": not found");
    is_absent.then(|| user(a::IMAGE_NAME))
}

fn by_status(status: u16, message: &Message<'_>) -> Decision {
    let doing = message.doing;
    if may_pass(status) || is_lost_upload(status, message) {
        return later(doing);
    }
    // What follows the status is the server's own text.
    let said = message.bare.to_ascii_lowercase();
    if let Some(advice) = told(&said, doing) {
        return user(advice);
    }
    user(match (status, doing) {
        (401..=404 | 407 | 410, Doing::Download) => a::DOWNLOAD_GONE,
        (401 | 403 | 407, _) => login(doing),
        (404 | 410, Doing::Push) => a::PUSH_NAME,
        (_, Doing::ExportCache) => a::CACHE_REFUSED,
        (404 | 410, _) => a::IMAGE_OR_REPOSITORY,
        (405, _) => a::NOT_A_REGISTRY,
        (409 | 412, Doing::Push) => a::IMMUTABLE,
        (413, _) => a::TOO_LARGE,
        (_, Doing::Push) => a::REFUSED_FORM,
        _ => a::REFUSED_PULL,
    })
}

/// The registry began an upload and no longer knows it: it was restarted, or is several that share no storage.
fn is_lost_upload(status: u16, message: &Message<'_>) -> bool {
    let parts = ["from PUT request to ", "/blobs/uploads/"];
    status == 404 && parts.iter().all(|part| message.text.contains(part))
}

fn login(doing: Doing) -> &'static str {
    match doing {
        Doing::Push => a::PUSH_LOGIN,
        Doing::ExportCache => a::CACHE_LOGIN,
        _ => a::CREDENTIALS,
    }
}

/// What a refused push says by itself, whatever its code.
fn told(said: &str, doing: Doing) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match doing {
        Doing::Push if says(IMMUTABLE) => Some(a::IMMUTABLE),
        Doing::Push if says(READ_ONLY) => Some(a::NOT_A_REGISTRY),
        Doing::Push | Doing::ExportCache if says(QUOTA) => Some(a::QUOTA),
        _ => None,
    }
}

/// The first of a message's parts that is a code, and what follows.
fn coded<'a>(message: &'a Message<'_>) -> Option<(&'static str, &'a str)> {
    if message.says_any(&[
        "insufficient_scope",
        "authorization failed",
        "no basic auth credentials",
        "access denied",
    ]) {
        return Some(("unauthorized", ""));
    }
    if !matches!(message.doing, Doing::Push | Doing::ExportCache | Doing::Pull) {
        return None;
    }
    let mut rest = message.bare.as_str();
    loop {
        let part = rest.split([':', '\n']).next().unwrap_or_default();
        if let Some(code) = CODES.iter().find(|code| **code == part.trim()) {
            return Some((code, rest.get(part.len()..).unwrap_or_default()));
        }
        rest = rest.get(part.len() + 1..).filter(|rest| !rest.is_empty())?;
    }
}

fn by_code(code: &str, rest: &str, doing: Doing) -> Decision {
    let said = rest.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(&word.to_ascii_lowercase()));
    match code {
        "unavailable" | "toomanyrequests" => return later(doing),
        _ => {}
    }
    if let Some(advice) = told(&said, doing) {
        return user(advice);
    }
    match code {
        "denied" | "unauthorized" => user(login(doing)),
        _ if code == "unknown" && (says(BROKEN) || said.trim_matches([':', ' ', '\n']).is_empty()) => {
            later(doing)
        }
        _ if doing == Doing::ExportCache => user(a::CACHE_REFUSED),
        _ if says(TOO_LARGE) => user(a::TOO_LARGE),
        _ if doing == Doing::Pull && !says(NO_REPOSITORY) => user(a::REFUSED_PULL),
        _ if says(FORM) || code == "unsupported" => user(a::REFUSED_FORM),
        _ if says(NO_REPOSITORY) => {
            user(if doing == Doing::Push { a::PUSH_NAME } else { a::IMAGE_OR_REPOSITORY })
        }
        _ => user(a::REFUSED),
    }
}
