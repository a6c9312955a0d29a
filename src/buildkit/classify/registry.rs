//! Error messages that buildkitd gets from registries and file servers.
//!
//! If a response has the distribution specification's JSON, BuildKit drops the HTTP status and writes `code: message`.
//! `code` is one of six; any other code becomes `unknown` (`util/errutil`, containerd's
//! `core/remotes/docker/errdesc.go`). For those the message text decides.

use super::advice as a;
use super::decision::Decision;
use super::message::{Message, Operation};
use crate::buildkit::kind::BuildErrorKind;
use crate::http::is_transient_status;
use crate::outcome::Fault;

/// The codes that containerd knows.
const CODES: &[&str] =
    &["denied", "unauthorized", "unsupported", "unavailable", "toomanyrequests", "unknown"];
/// Messages about an immutable tag: ECR, Harbor, Quay, Artifact Registry, Nexus, ACR.
const IMMUTABLE: &[&str] = &["immutable", "cannot be overwritten", "overwrit", "does not allow updating"];
/// Messages about a full quota: Harbor, Gitea, Quay, GitLab, GHCR.
const QUOTA: &[&str] =
    &["quota", "will exceed the configured", "storage limit", "exceeds the limit", "billing"];
const READ_ONLY: &[&str] = &["read only", "read-only", "readonly"];
/// Messages about a repository that does not exist: ECR, Artifact Registry, distribution.
const NO_REPOSITORY: &[&str] = &[
    "does not exist",
    "not found",
    "name unknown",
    "not known to registry",
    "no such repository",
    "project",
];
/// Messages about something that the registry does not accept: the media type, the manifest, the name, the operation.
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
/// Messages about a registry failure: internal errors, and uploads that the registry lost.
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

/// Classifies the response of a registry, if the message contains one.
pub(super) fn decide(message: &Message<'_>) -> Option<Decision> {
    if let Some(known) = certificate(message).or_else(|| missing(message)) {
        return Some(known);
    }
    if let Some(status) = message.status {
        return Some(by_status(status, message));
    }
    // Daemons before v0.19 write this. They require the header `Docker-Content-Digest`.
    if message.says(&["invalid content digest in response"]) {
        return Some(user(a::NOT_A_REGISTRY));
    }
    let (code, rest) = coded(message)?;
    // A registry that does not accept such a manifest may respond without any text.
    if rest.trim_matches([':', ' ', '\n']).is_empty() && message.says(&["error writing manifest blob"]) {
        return Some(user(a::CACHE_REFUSED));
    }
    Some(by_code(code, rest, message.operation))
}

fn user(advice: &'static str) -> Decision {
    Decision { kind: BuildErrorKind::Registry, fault: Fault::User, advice }
}

fn later(operation: Operation) -> Decision {
    let advice = if operation == Operation::ExportCache { a::CACHE_LATER } else { a::LATER };
    Decision { kind: BuildErrorKind::Registry, fault: Fault::Transient, advice }
}

fn certificate(message: &Message<'_>) -> Option<Decision> {
    if message.says(&["server gave HTTP response to HTTPS client"]) {
        return Some(user(match message.operation {
            Operation::Push => a::PLAIN_HTTP_PUSH,
            Operation::ExportCache => a::PLAIN_HTTP_CACHE,
            _ => a::PLAIN_HTTP,
        }));
    }
    message.says_any(&["x509: ", "tls: failed to verify certificate"]).then(|| {
        user(match message.operation {
            Operation::Push => a::TRUST_PUSH,
            Operation::ExportCache => a::TRUST_CACHE,
            Operation::Download => a::TRUST_DOWNLOAD,
            _ => a::TRUST,
        })
    })
}

/// Classifies BuildKit's own messages about an image that does not exist.
fn missing(message: &Message<'_>) -> Option<Decision> {
    if message.operation != Operation::Pull && !message.says(&["content at", "not found"]) {
        return None;
    }
    // BuildKit compares the name with the names of the stages (`frontend/dockerfile/dockerfile2llb`).
    if message.says(&["failed to resolve source metadata", "(did you mean"]) {
        return Some(Decision { kind: BuildErrorKind::Dockerfile, fault: Fault::User, advice: a::STAGE });
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
    let operation = message.operation;
    if is_transient_status(status) || is_lost_upload(status, message) {
        return later(operation);
    }
    // The text after the status comes from the server.
    let said = message.bare.to_ascii_lowercase();
    if let Some(advice) = told(&said, operation) {
        return user(advice);
    }
    user(match (status, operation) {
        (401..=404 | 407 | 410, Operation::Download) => a::DOWNLOAD_GONE,
        (401 | 403 | 407, _) => login(operation),
        (404 | 410, Operation::Push) => a::PUSH_NAME,
        (_, Operation::ExportCache) => a::CACHE_REFUSED,
        (404 | 410, _) => a::IMAGE_OR_REPOSITORY,
        (405, _) => a::NOT_A_REGISTRY,
        (409 | 412, Operation::Push) => a::IMMUTABLE,
        (413, _) => a::TOO_LARGE,
        (_, Operation::Push) => a::REFUSED_FORM,
        _ => a::REFUSED_PULL,
    })
}

/// Whether the registry forgot an upload that it had accepted. It was restarted, or it has several replicas that share no
/// storage.
fn is_lost_upload(status: u16, message: &Message<'_>) -> bool {
    let parts = ["from PUT request to ", "/blobs/uploads/"];
    status == 404 && parts.iter().all(|part| message.text.contains(part))
}

fn login(operation: Operation) -> &'static str {
    match operation {
        Operation::Push => a::PUSH_LOGIN,
        Operation::ExportCache => a::CACHE_LOGIN,
        _ => a::CREDENTIALS,
    }
}

/// The advice for a rejected push whose text is clear, whatever its code.
fn told(said: &str, operation: Operation) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match operation {
        Operation::Push if says(IMMUTABLE) => Some(a::IMMUTABLE),
        Operation::Push if says(READ_ONLY) => Some(a::NOT_A_REGISTRY),
        Operation::Push | Operation::ExportCache if says(QUOTA) => Some(a::QUOTA),
        _ => None,
    }
}

/// The first error code in a message, and the text after it.
fn coded<'a>(message: &'a Message<'_>) -> Option<(&'static str, &'a str)> {
    if message.says_any(&[
        "insufficient_scope",
        "authorization failed",
        "no basic auth credentials",
        "access denied",
    ]) {
        return Some(("unauthorized", ""));
    }
    if !matches!(message.operation, Operation::Push | Operation::ExportCache | Operation::Pull) {
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

fn by_code(code: &str, rest: &str, operation: Operation) -> Decision {
    let said = rest.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(&word.to_ascii_lowercase()));
    match code {
        "unavailable" | "toomanyrequests" => return later(operation),
        _ => {}
    }
    if let Some(advice) = told(&said, operation) {
        return user(advice);
    }
    match code {
        "denied" | "unauthorized" => user(login(operation)),
        _ if code == "unknown" && (says(BROKEN) || said.trim_matches([':', ' ', '\n']).is_empty()) => {
            later(operation)
        }
        _ if operation == Operation::ExportCache => user(a::CACHE_REFUSED),
        _ if says(TOO_LARGE) => user(a::TOO_LARGE),
        _ if operation == Operation::Pull && !says(NO_REPOSITORY) => user(a::REFUSED_PULL),
        _ if says(FORM) || code == "unsupported" => user(a::REFUSED_FORM),
        _ if says(NO_REPOSITORY) => {
            user(if operation == Operation::Push { a::PUSH_NAME } else { a::IMAGE_OR_REPOSITORY })
        }
        _ => user(a::REFUSED),
    }
}
