//! BuildKit's own error messages, and their meaning.

use super::advice as a;
use super::decision::Decision;
use super::message::Message;
use crate::buildkit::kind::BuildErrorKind;
use crate::outcome::Fault;

/// A rule for messages that contain all of `needles` outside of names. The user must act, and `advice` says what to do.
pub(super) struct Rule {
    needles: &'static [&'static str],
    kind: BuildErrorKind,
    advice: &'static str,
}

pub(super) const fn rule(
    needles: &'static [&'static str],
    kind: BuildErrorKind,
    advice: &'static str,
) -> Rule {
    Rule { needles, kind, advice }
}

/// The decision of the first of `rules` that matches.
pub(super) fn first(rules: &[Rule], message: &Message<'_>) -> Option<Decision> {
    let found = rules.iter().find(|rule| message.says(rule.needles))?;
    Some(Decision { kind: found.kind, fault: Fault::User, advice: found.advice })
}

/// Messages about the Dockerfile or a context, before any server is contacted.
pub(super) const INPUTS: &[Rule] = &[
    rule(&["failed to calculate checksum of ref", "not found"], BuildErrorKind::Dockerfile, a::NO_FILE),
    rule(&["failed to compute cache key: \"\" not found"], BuildErrorKind::Dockerfile, a::NO_FILE),
    rule(&["failed to compute cache key: \"\": not found"], BuildErrorKind::Dockerfile, a::NO_FILE),
    rule(&["dockerfile parse error"], BuildErrorKind::Dockerfile, ""),
    rule(&["invalid subdir"], BuildErrorKind::Dockerfile, a::SUBDIR),
    rule(&["failed to open subdir", "no such file or directory"], BuildErrorKind::Dockerfile, a::SUBDIR),
    rule(
        &["failed to read dockerfile", "no such file or directory"],
        BuildErrorKind::Dockerfile,
        a::DOCKERFILE,
    ),
    rule(&["failed to read dockerfile", "not a directory"], BuildErrorKind::Dockerfile, a::DOCKERFILE),
    rule(&["failed to read dockerfile", "is a directory"], BuildErrorKind::Dockerfile, a::DOCKERFILE),
    rule(&["lstat", "no such file or directory"], BuildErrorKind::Dockerfile, a::NO_FILE_IN_STAGE),
    rule(&["the Dockerfile cannot be empty"], BuildErrorKind::Dockerfile, a::NO_STAGES),
    rule(&["file with no instructions"], BuildErrorKind::Dockerfile, a::NO_STAGES),
    rule(&["no build stage in current context"], BuildErrorKind::Dockerfile, a::NO_STAGES),
    rule(&["dockerfile contains no stages to build"], BuildErrorKind::Dockerfile, a::NO_STAGES),
    rule(&["target stage", "could not be found"], BuildErrorKind::Dockerfile, a::TARGET),
    rule(&["invalid stage index"], BuildErrorKind::Dockerfile, a::STAGE_NUMBER),
    rule(&["circular dependency detected"], BuildErrorKind::Dockerfile, a::STAGE_NUMBER),
    rule(&["SOURCE_DATE_EPOCH"], BuildErrorKind::Dockerfile, a::EPOCH),
    rule(&["lint violation found"], BuildErrorKind::Dockerfile, a::LINT),
    rule(&["invalid escape token"], BuildErrorKind::Dockerfile, a::ESCAPE),
    rule(&["only one escape parser directive"], BuildErrorKind::Dockerfile, a::ESCAPE),
    rule(&["failed to parse check option"], BuildErrorKind::Dockerfile, ""),
    rule(&["unterminated heredoc"], BuildErrorKind::Dockerfile, ""),
    rule(&["failed to parse stage name"], BuildErrorKind::Dockerfile, ""),
    rule(&["invalid reference format"], BuildErrorKind::Dockerfile, ""),
    rule(&["cannot parse platform specifier"], BuildErrorKind::Dockerfile, ""),
    rule(&["failed to load cache key: parse "], BuildErrorKind::Dockerfile, ""),
    rule(&["failed to parse additional hosts"], BuildErrorKind::Dockerfile, ""),
    rule(&["failed to parse shm size"], BuildErrorKind::Dockerfile, ""),
    rule(&["failed to parse ulimit"], BuildErrorKind::Dockerfile, ""),
    rule(&["invalid netmode"], BuildErrorKind::Dockerfile, ""),
    rule(&["unsupported frontend capability"], BuildErrorKind::Dockerfile, a::NOT_A_FRONTEND),
    rule(&["digest mismatch"], BuildErrorKind::Dockerfile, a::DOWNLOAD_CHANGED),
    rule(&["granting entitlement", "not allowed"], BuildErrorKind::Other, a::ENTITLEMENT),
    rule(&["network.host is not allowed"], BuildErrorKind::Other, a::HOST_NETWORK),
    rule(&["security.insecure is not allowed"], BuildErrorKind::Dockerfile, a::INSECURE_RUN),
    rule(&["unset ssh forward key"], BuildErrorKind::Secret, a::SSH),
    rule(&["no SSH key", "forwarded from the client"], BuildErrorKind::Secret, a::SSH),
    rule(&["no ssh handler for"], BuildErrorKind::Secret, a::SSH),
    rule(&["does not contain ref"], BuildErrorKind::Git, a::SHORT_SHA),
    rule(&["expected checksum to match"], BuildErrorKind::Git, a::MOVED_ON),
    rule(&["failed to read downloaded context"], BuildErrorKind::Git, a::GIT_URL),
    rule(&["did not complete successfully"], BuildErrorKind::Run, ""),
];

/// Messages about a machine that ran out of a resource, and about a daemon that lost our session.
const MACHINE: &[(&str, BuildErrorKind, &str)] = &[
    ("no space left on device", BuildErrorKind::Other, a::DISK),
    ("disk quota exceeded", BuildErrorKind::Other, a::DISK),
    ("too many open files", BuildErrorKind::Other, a::LATER),
    ("input/output error", BuildErrorKind::Other, a::LATER),
    ("resource temporarily unavailable", BuildErrorKind::Other, a::LATER),
    ("cannot allocate memory", BuildErrorKind::Other, a::LATER),
    // containerd `plugins/snapshots/overlay`: what a killed daemon left behind has the number of a new snapshot.
    ("failed to rename", BuildErrorKind::Other, a::STORE),
    ("no active session", BuildErrorKind::Lost, a::SESSION),
    ("session healthcheck failed", BuildErrorKind::Lost, a::SESSION),
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
    message.says(&["denied by policy"]).then_some(Decision {
        kind: BuildErrorKind::Denied,
        fault: Fault::User,
        advice,
    })
}

/// Classifies `secret NAME: not found`, where NAME may be any text.
pub(super) fn secret(message: &Message<'_>) -> Option<Decision> {
    let text = message.text.trim();
    let missing = text
        .strip_prefix("secret ")
        .is_some_and(|rest| rest.ends_with(": not found") && !rest.contains('\n'));
    missing.then_some(Decision { kind: BuildErrorKind::Secret, fault: Fault::User, advice: a::SECRET })
}
