//! BuildKit's own error messages, and their meaning.

use super::advice as a;
use super::decision::Decision;
use super::message::Message;
use crate::buildkit::kind::Kind;
use crate::outcome::Fault;

/// A rule for messages that contain all of `needles` outside of names. The user must act, and `advice` says what to do.
pub(super) struct Rule {
    needles: &'static [&'static str],
    kind: Kind,
    advice: &'static str,
}

pub(super) const fn rule(needles: &'static [&'static str], kind: Kind, advice: &'static str) -> Rule {
    Rule { needles, kind, advice }
}

/// The decision of the first of `rules` that matches.
pub(super) fn first(rules: &[Rule], message: &Message<'_>) -> Option<Decision> {
    let found = rules.iter().find(|rule| message.says(rule.needles))?;
    Some(Decision { kind: found.kind, fault: Fault::User, advice: found.advice })
}

/// Messages about the Dockerfile or a context, before any server is contacted.
pub(super) const INPUTS: &[Rule] = &[
    rule(&["failed to calculate checksum of ref", "not found"], Kind::Dockerfile, a::NO_FILE),
    rule(&["failed to compute cache key: \"\" not found"], Kind::Dockerfile, a::NO_FILE),
    rule(&["failed to compute cache key: \"\": not found"], Kind::Dockerfile, a::NO_FILE),
    rule(&["dockerfile parse error"], Kind::Dockerfile, ""),
    rule(&["invalid subdir"], Kind::Dockerfile, a::SUBDIR),
    rule(&["failed to open subdir", "no such file or directory"], Kind::Dockerfile, a::SUBDIR),
    rule(&["failed to read dockerfile", "no such file or directory"], Kind::Dockerfile, a::DOCKERFILE),
    rule(&["failed to read dockerfile", "not a directory"], Kind::Dockerfile, a::DOCKERFILE),
    rule(&["failed to read dockerfile", "is a directory"], Kind::Dockerfile, a::DOCKERFILE),
    rule(&["lstat", "no such file or directory"], Kind::Dockerfile, a::NO_FILE_IN_STAGE),
    rule(&["the Dockerfile cannot be empty"], Kind::Dockerfile, a::NO_STAGES),
    rule(&["file with no instructions"], Kind::Dockerfile, a::NO_STAGES),
    rule(&["no build stage in current context"], Kind::Dockerfile, a::NO_STAGES),
    rule(&["dockerfile contains no stages to build"], Kind::Dockerfile, a::NO_STAGES),
    rule(&["target stage", "could not be found"], Kind::Dockerfile, a::TARGET),
    rule(&["invalid stage index"], Kind::Dockerfile, a::STAGE_NUMBER),
    rule(&["circular dependency detected"], Kind::Dockerfile, a::STAGE_NUMBER),
    rule(&["SOURCE_DATE_EPOCH"], Kind::Dockerfile, a::EPOCH),
    rule(&["lint violation found"], Kind::Dockerfile, a::LINT),
    rule(&["invalid escape token"], Kind::Dockerfile, a::ESCAPE),
    rule(&["only one escape parser directive"], Kind::Dockerfile, a::ESCAPE),
    rule(&["failed to parse check option"], Kind::Dockerfile, ""),
    rule(&["unterminated heredoc"], Kind::Dockerfile, ""),
    rule(&["failed to parse stage name"], Kind::Dockerfile, ""),
    rule(&["invalid reference format"], Kind::Dockerfile, ""),
    rule(&["cannot parse platform specifier"], Kind::Dockerfile, ""),
    rule(&["failed to load cache key: parse "], Kind::Dockerfile, ""),
    rule(&["failed to parse additional hosts"], Kind::Dockerfile, ""),
    rule(&["failed to parse shm size"], Kind::Dockerfile, ""),
    rule(&["failed to parse ulimit"], Kind::Dockerfile, ""),
    rule(&["invalid netmode"], Kind::Dockerfile, ""),
    rule(&["unsupported frontend capability"], Kind::Dockerfile, a::NOT_A_FRONTEND),
    rule(&["digest mismatch"], Kind::Dockerfile, a::DOWNLOAD_CHANGED),
    rule(&["granting entitlement", "not allowed"], Kind::Other, a::ENTITLEMENT),
    rule(&["network.host is not allowed"], Kind::Other, a::HOST_NETWORK),
    rule(&["security.insecure is not allowed"], Kind::Dockerfile, a::INSECURE_RUN),
    rule(&["unset ssh forward key"], Kind::Secret, a::SSH),
    rule(&["no SSH key", "forwarded from the client"], Kind::Secret, a::SSH),
    rule(&["no ssh handler for"], Kind::Secret, a::SSH),
    rule(&["does not contain ref"], Kind::Git, a::SHORT_SHA),
    rule(&["expected checksum to match"], Kind::Git, a::MOVED_ON),
    rule(&["failed to read downloaded context"], Kind::Git, a::GIT_URL),
    rule(&["did not complete successfully"], Kind::Run, ""),
];

/// Messages about a machine that ran out of a resource, and about a daemon that lost our session.
const MACHINE: &[(&str, Kind, &str)] = &[
    ("no space left on device", Kind::Other, a::DISK),
    ("disk quota exceeded", Kind::Other, a::DISK),
    ("too many open files", Kind::Other, a::LATER),
    ("input/output error", Kind::Other, a::LATER),
    ("resource temporarily unavailable", Kind::Other, a::LATER),
    ("cannot allocate memory", Kind::Other, a::LATER),
    ("no active session", Kind::Lost, a::SESSION),
    ("session healthcheck failed", Kind::Lost, a::SESSION),
];

/// Classifies failures of the daemon or its machine.
pub(super) fn machine(message: &Message<'_>) -> Option<Decision> {
    let (_, kind, advice) = *MACHINE.iter().find(|(words, ..)| message.says(&[words]))?;
    Some(Decision { kind, fault: Fault::Transient, advice })
}

/// Classifies a denial by the source policy. The message quotes the source.
pub(super) fn denied(message: &Message<'_>) -> Option<Decision> {
    let advice = match message.text.split_once("denied by policy")?.0 {
        source if source.contains("git://") => a::DENIED,
        source if source.contains("docker-image") => a::DENIED_IMAGE,
        _ => a::DENIED_OTHER,
    };
    message.says(&["denied by policy"]).then_some(Decision { kind: Kind::Denied, fault: Fault::User, advice })
}

/// Classifies `secret NAME: not found`, where NAME may be any text.
pub(super) fn secret(message: &Message<'_>) -> Option<Decision> {
    let text = message.text.trim();
    let missing = text
        .strip_prefix("secret ")
        .is_some_and(|rest| rest.ends_with(": not found") && !rest.contains('\n'));
    missing.then_some(Decision { kind: Kind::Secret, fault: Fault::User, advice: a::SECRET })
}
