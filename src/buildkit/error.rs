//! Why a build failed: whose fault, what to show.

use std::fmt::Display;
use std::path::Path;

use bollard_buildkit_proto::google::rpc;
use tonic::{Code, Status};

use super::classify::{self, Report, Verdict};
use super::connection::MAX_HEADERS;
use super::details::Details;
use super::kind::Kind;
use super::vertices::{VertexSummary, Vertices};
use crate::outcome::Fault;
use crate::time_limits::Late;

/// A failed build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// What went wrong.
    pub kind: Kind,
    /// Whose turn it is.
    pub fault: Fault,
    /// For people: the failing Dockerfile lines, what failed and what to do, the last log lines.
    pub message: String,
    /// What a step's process exited with.
    pub exit_code: Option<i32>,
    /// What the failing step printed last: at most 40 lines and 8 KiB.
    pub log_tail: String,
    /// Every vertex that was reached.
    pub vertices: Vec<VertexSummary>,
}

impl BuildError {
    pub(super) fn new(kind: Kind, fault: Fault, message: String) -> Self {
        Self { kind, fault, message, exit_code: None, log_tail: String::new(), vertices: Vec::new() }
    }

    pub(super) fn unreachable(address: impl Display, tls: bool, why: &str) -> Self {
        let advice = classify::unreachable_advice(why, tls);
        let message = format!("cannot reach buildkitd at {address}: {why}; {advice}");
        Self::new(Kind::Unreachable, Fault::Transient, message)
    }

    pub(super) fn certificate_file(path: &Path, why: &std::io::Error) -> Self {
        let path = path.display();
        let message = format!(
            "cannot read {path} for the TLS connection to buildkitd: {why}; check the mounted secret"
        );
        Self::new(Kind::Unreachable, Fault::Ours, message)
    }

    /// The daemon fell silent while it built, and was given up.
    pub(super) fn silent(late: &Late, vertices: &Vertices) -> Self {
        let text = format!("{late}, and so was given up; its machine or the network to it may be down");
        let verdict = Verdict { kind: Kind::Lost, fault: Fault::Transient, text };
        Self::compose(&verdict, &Details::default(), vertices)
    }

    /// Without certificates nothing was asked of the daemon. A `fault` other than transient is not mended by
    /// asking again.
    pub fn certificates(fault: Fault, why: &str) -> Self {
        Self::new(Kind::Unreachable, fault, format!("no certificates for buildkitd: {why}"))
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
        Self::new(Kind::Secret, Fault::User, message)
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
        let report = Report { code: status.code(), message, broken, vertex, unbegun: vertices.are_unbegun() };
        let verdict = classify::verdict(&report, &details, vertices.redactor());
        Self::compose(&verdict, &details, vertices)
    }

    /// The error of a build whose answer was not seen, from its record in the daemon's history. `details` are kept beside
    /// the record, and may be lost.
    pub(super) fn from_record(error: &rpc::Status, details: Option<Details>, vertices: &Vertices) -> Self {
        let rpc::Status { code, message, .. } = error;
        let told = || Details { exit_code: classify::exit_code(message), ..Details::default() };
        let details = details.unwrap_or_else(told);
        let vertex = vertices.blamed(details.vertex.as_deref(), message);
        let unbegun = vertices.are_unbegun();
        let report = Report { code: Code::from_i32(*code), message, broken: false, vertex, unbegun };
        let verdict = classify::verdict(&report, &details, vertices.redactor());
        Self::compose(&verdict, &details, vertices)
    }

    /// The error of a call that the daemon has reset, of which it has no record either.
    pub(super) fn unanswered(status: &Status) -> Self {
        let message = format!(
            "buildkitd reset the call instead of answering it ({}), as it does with an error whose details are larger than {} \
            KiB; look for it in buildkitd's log",
            innermost(status),
            MAX_HEADERS >> 10
        );
        Self::new(Kind::Other, Fault::Ours, message)
    }

    /// The image that the build wants to read, and that is there for other platforms alone.
    pub fn image_without_platform(&self) -> Option<&str> {
        // The daemon's own words; what stands before them is of the Dockerfile.
        let said = self.message.lines().last().filter(|_| self.kind == Kind::Registry)?;
        let (_, image) = said.split_once("failed to resolve source metadata for ")?;
        image.split_once(": no match for platform").map(|(image, _)| image)
    }

    fn compose(verdict: &Verdict, details: &Details, vertices: &Vertices) -> Self {
        let failed = details.vertex.as_deref().or_else(|| vertices.failed().map(|v| v.digest.as_str()));
        let log_tail = vertices.log().tail(failed);
        let mut parts: Vec<String> = details.excerpt.iter().cloned().collect();
        parts.push(verdict.text.clone());
        if verdict.kind == Kind::Run && !log_tail.is_empty() {
            parts.push(format!("last log lines:\n{log_tail}"));
        }
        Self {
            kind: verdict.kind,
            fault: verdict.fault,
            message: parts.join("\n"),
            exit_code: details.exit_code.filter(|_| verdict.kind == Kind::Run),
            log_tail,
            vertices: vertices.list().to_vec(),
        }
    }

    /// The daemon has, or just had, a build of this reference (`solver/jobs.go`).
    pub(super) fn is_duplicate(status: &Status) -> bool {
        classify::is_duplicate(status.message())
    }

    /// The connection broke, as opposed to the build.
    pub(super) fn is_transport(status: &Status) -> bool {
        classify::is_transport(status)
    }

    /// The daemon ended this one call without an answer; its connection is whole.
    pub(super) fn is_reset(status: &Status) -> bool {
        let mut causes = std::iter::successors(std::error::Error::source(status), |cause| cause.source());
        causes.any(|cause| cause.downcast_ref::<h2::Error>().is_some_and(|e| e.is_reset() && e.is_remote()))
    }
}

/// The cause at the chain's end: the only layer that says something.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).last().map_or_else(String::new, ToString::to_string)
}
