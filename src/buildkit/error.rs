//! Build errors: the cause, whose fault it is, and the message to show.

use std::fmt::Display;
use std::path::Path;

use bollard_buildkit_proto::google::rpc;
use tonic::{Code, Status};

use super::classify::{self, Classified, ErrorReport};
use super::connection::MAX_HEADERS;
use super::details::Details;
use super::kind::BuildErrorKind;
use super::vertices::{VertexSummary, Vertices};
use crate::limits::TooMuch;
use crate::outcome::Fault;
use crate::time_limits::Late;

/// A failed build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// The kind of failure.
    pub kind: BuildErrorKind,
    /// The party that must act: the user, nobody (try again), or we.
    pub fault: Fault,
    /// The message for people: the failing Dockerfile lines, the cause, the advice, and the last log lines.
    pub message: String,
    /// The exit code of the step's process.
    pub exit_code: Option<i32>,
    /// The last output of the failing step: at most 40 lines and 8 KiB.
    pub log_tail: String,
    /// Every vertex that the daemon reported.
    pub vertices: Vec<VertexSummary>,
}

impl BuildError {
    /// Whether the daemon is away and may come back. Missing or wrong certificates do not mean that.
    pub fn is_away(&self) -> bool {
        let is_gone = matches!(self.kind, BuildErrorKind::Unreachable | BuildErrorKind::Lost);
        is_gone && self.fault == Fault::Transient
    }

    pub(super) fn new(kind: BuildErrorKind, fault: Fault, message: String) -> Self {
        Self { kind, fault, message, exit_code: None, log_tail: String::new(), vertices: Vec::new() }
    }

    pub(super) fn unreachable(address: impl Display, tls: bool, why: &str) -> Self {
        let advice = classify::unreachable_advice(why, tls);
        let message = format!("cannot reach buildkitd at {address}: {why}; {advice}");
        Self::new(BuildErrorKind::Unreachable, Fault::Transient, message)
    }

    /// The error for a name that stands for no daemon.
    pub fn no_daemon(name: impl Display, why: &str) -> Self {
        let message = format!(
            "no buildkitd at {name}: {why}; check that this headless Service exists and that a pod of it is ready"
        );
        Self::new(BuildErrorKind::Unreachable, Fault::Transient, message)
    }

    /// The error for an answer for which there is never enough memory.
    pub(super) fn memory(too_much: &TooMuch) -> Self {
        let message =
            format!("no memory for the list of what is in buildkitd's cache: {too_much}; report this");
        Self::new(BuildErrorKind::Other, Fault::Ours, message)
    }

    pub(super) fn certificate_file(path: &Path, why: &std::io::Error) -> Self {
        let path = path.display();
        let message = format!(
            "cannot read {path} for the TLS connection to buildkitd: {why}; check the mounted secret"
        );
        Self::new(BuildErrorKind::Unreachable, Fault::Ours, message)
    }

    /// The error for a daemon that stopped responding during a build.
    pub(super) fn silent(late: &Late, vertices: &Vertices) -> Self {
        let text = format!("{late}, and so was given up; its machine or the network to it may be down");
        let classified = Classified { kind: BuildErrorKind::Lost, fault: Fault::Transient, text };
        Self::compose(&classified, &Details::default(), vertices)
    }

    /// The error for missing certificates; the daemon was not contacted. A retry helps only if `fault` is transient.
    pub fn certificates(fault: Fault, why: &str) -> Self {
        Self::new(BuildErrorKind::Unreachable, fault, format!("no certificates for buildkitd: {why}"))
    }

    pub(super) fn not_pem(place: &str, wanted: &str) -> Self {
        let why = format!(
            "{place} holds no {wanted} in PEM (`-----BEGIN …`); check that it is neither empty nor another file's"
        );
        Self::certificates(Fault::User, &why)
    }

    pub(super) fn certificates_refused(why: &str) -> Self {
        let why = format!("the TLS library refuses them: {why}; check that certificate and key are a pair");
        Self::certificates(Fault::User, &why)
    }

    pub(super) fn ssh_key() -> Self {
        let message =
            "the ssh key is no private key in OpenSSH, PKCS#8 or PKCS#1 form without a passphrase; \
            check which key of the secret is named"
                .to_owned();
        Self::new(BuildErrorKind::Secret, Fault::User, message)
    }

    /// The error of a call other than a solve.
    pub(super) fn from_status(status: &Status) -> Self {
        Self::from_solve(status, &Vertices::default())
    }

    /// The error of a solve, which reported `vertices` before it failed.
    pub(super) fn from_solve(status: &Status, vertices: &Vertices) -> Self {
        let details = Details::decode(status.details(), vertices.redactor());
        let broken = classify::is_transport(status);
        let message = status.message();
        let vertex = vertices.blamed(details.vertex.as_deref(), message);
        let report =
            ErrorReport { code: status.code(), message, broken, vertex, unbegun: vertices.are_unbegun() };
        let classified = classify::classify(&report, &details, vertices.redactor());
        Self::compose(&classified, &details, vertices)
    }

    /// The error of a build whose reply was lost, from its record in the daemon's history. The daemon stores `details` apart
    /// from the record, and they may be lost.
    pub(super) fn from_record(error: &rpc::Status, details: Option<Details>, vertices: &Vertices) -> Self {
        let rpc::Status { code, message, .. } = error;
        let told = || Details { exit_code: classify::exit_code(message), ..Details::default() };
        let details = details.unwrap_or_else(told);
        let vertex = vertices.blamed(details.vertex.as_deref(), message);
        let unbegun = vertices.are_unbegun();
        let report = ErrorReport { code: Code::from_i32(*code), message, broken: false, vertex, unbegun };
        let classified = classify::classify(&report, &details, vertices.redactor());
        Self::compose(&classified, &details, vertices)
    }

    /// The error of a call that the daemon reset, if the daemon has no record of the build.
    pub(super) fn unanswered(status: &Status) -> Self {
        let message = format!(
            "buildkitd reset the call instead of answering it ({}), as it does with an error whose details are larger than {} \
            KiB; look for it in buildkitd's log",
            innermost(status),
            MAX_HEADERS >> 10
        );
        Self::new(BuildErrorKind::Other, Fault::Ours, message)
    }

    /// The image that the build needs and that exists only for other platforms.
    pub fn image_without_platform(&self) -> Option<&str> {
        // The last line is the daemon's message. The lines before it come from the Dockerfile.
        let said = self.message.lines().last().filter(|_| self.kind == BuildErrorKind::Registry)?;
        let (_, image) = said.split_once("failed to resolve source metadata for ")?;
        image.split_once(": no match for platform").map(|(image, _)| image)
    }

    fn compose(classified: &Classified, details: &Details, vertices: &Vertices) -> Self {
        let failed = details.vertex.as_deref().or_else(|| vertices.failed().map(|v| v.digest.as_str()));
        let log_tail = vertices.log().tail(failed);
        let mut parts: Vec<String> = details.excerpt.iter().cloned().collect();
        parts.push(classified.text.clone());
        if classified.kind == BuildErrorKind::Run && !log_tail.is_empty() {
            parts.push(format!("last log lines:\n{log_tail}"));
        }
        Self {
            kind: classified.kind,
            fault: classified.fault,
            message: parts.join("\n"),
            exit_code: details.exit_code.filter(|_| classified.kind == BuildErrorKind::Run),
            log_tail,
            vertices: vertices.list().to_vec(),
        }
    }

    /// Whether the daemon has, or just had, a build with this reference (`solver/jobs.go`).
    pub(super) fn is_duplicate(status: &Status) -> bool {
        classify::is_duplicate(status.message())
    }

    /// Whether the connection broke; the build itself did not fail.
    pub(super) fn is_transport(status: &Status) -> bool {
        classify::is_transport(status)
    }

    /// Whether the daemon reset this one call without a response. Its connection still works.
    pub(super) fn is_reset(status: &Status) -> bool {
        let mut causes = std::iter::successors(std::error::Error::source(status), |cause| cause.source());
        causes.any(|cause| cause.downcast_ref::<h2::Error>().is_some_and(|e| e.is_reset() && e.is_remote()))
    }
}

/// The last cause in the chain. It is the only layer with a useful message.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).last().map_or_else(String::new, ToString::to_string)
}
