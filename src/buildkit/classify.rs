//! From the daemon's words to a kind, a fault and advice.
//!
//! BuildKit's codes are mostly `Unknown`, so what it says decides: [`message`] takes it apart, and a module for each of
//! those who may have said it knows what they mean.

mod advice;
mod decision;
mod git;
mod message;
mod network;
mod registry;
mod rules;

use decision::Decision;
use message::{Doing, Message};
use tonic::Code;

use super::details::Details;
use super::kind::Kind;
use crate::outcome::Fault;
use crate::redact::Redactor;
use crate::text::head as cut;

/// Bytes of a failed command that are shown: a heredoc can be long.
const MAX_COMMAND: usize = 500;
/// Bytes of another message that are shown.
const MAX_MESSAGE: usize = 1000;

/// What an error is, and how to say it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    /// The daemon's message in one line, and advice.
    pub(super) text: String,
}

/// What an error says, and who says it.
pub(super) struct Report<'a> {
    pub(super) code: Code,
    pub(super) message: &'a str,
    /// It is our side's word for a connection that broke, not the daemon's for a build that failed.
    pub(super) broken: bool,
    /// What failed, where that is known.
    pub(super) vertex: Option<&'a str>,
    /// Whether the build ended before it ran anything, so that reading the Dockerfile and the options is what failed.
    pub(super) unbegun: bool,
}

/// What `report` means, given the error's details.
pub(super) fn verdict(report: &Report<'_>, details: &Details, redactor: &Redactor) -> Verdict {
    let line = one_line(&redactor.lines(report.message));
    // A frontend that exits names no process.
    let is_frontend = report.message.trim_start().starts_with("exit code: ");
    if details.exit_code.is_some() && !is_frontend && !was_cancelled(report.message) {
        let text = advised(format!("failed: {}", process(&line, details)), ending(report.message, details));
        return Verdict { kind: Kind::Run, fault: Fault::User, text };
    }
    let Decision { kind, fault, advice } = decide(report, details);
    Verdict { kind, fault, text: advised(shortened(&line), advice) }
}

fn advised(line: String, advice: &str) -> String {
    if advice.is_empty() { line } else { format!("{line}; {advice}") }
}

/// What an exit code, or the failing lines, give away of a step that failed.
fn ending(message: &str, details: &Details) -> &'static str {
    // The kernel's count of kills in the step's cgroup (`executor/runcexecutor`, `detectOOM`).
    if message.trim_end().ends_with("cannot allocate memory") {
        return advice::MEMORY;
    }
    match details.exit_code {
        Some(137) => advice::KILLED,
        Some(126 | 127 | 2) if details.crlf => advice::CRLF,
        _ => "",
    }
}

fn decide(report: &Report<'_>, details: &Details) -> Decision {
    let Report { code, message, broken, .. } = *report;
    let of = |kind, fault, advice| Decision { kind, fault, advice };
    if is_duplicate(message) {
        return of(Kind::AlreadyExists, Fault::Transient, "this build is running already");
    }
    if broken {
        return of(Kind::Lost, Fault::Transient, "the connection to buildkitd broke; it may be restarting");
    }
    if was_cancelled(message) {
        return of(Kind::Cancelled, Fault::Transient, "");
    }
    if message.trim_start().starts_with("exit code: ") {
        return of(Kind::Dockerfile, Fault::User, advice::NOT_A_FRONTEND);
    }
    let message = Message::parse(message, report.vertex);
    by_words(&message, code).unwrap_or_else(|| match code {
        Code::Cancelled => of(Kind::Cancelled, Fault::Transient, ""),
        _ if message.says(&["context canceled"]) => of(Kind::Cancelled, Fault::Transient, ""),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => {
            of(Kind::Other, Fault::Transient, "")
        }
        // A place in the Dockerfile: what its author wrote.
        _ if details.excerpt.is_some() || report.unbegun => of(Kind::Dockerfile, Fault::User, ""),
        _ => of(Kind::Other, Fault::Ours, ""),
    })
}

/// Read from top to bottom: what is more telling stands first.
fn by_words(message: &Message<'_>, code: Code) -> Option<Decision> {
    rules::denied(message)
        .or_else(|| rules::secret(message))
        .or_else(|| ours(message, code))
        .or_else(|| (message.doing == Doing::Git).then(|| git::decide(message)).flatten())
        .or_else(|| rules::first(rules::INPUTS, message))
        .or_else(|| rules::machine(message))
        .or_else(|| registry::decide(message))
        .or_else(|| network::decide(message))
}

/// Our own words, from `oci::OciError` and from the source policy through the session, which say what to do.
fn ours(message: &Message<'_>, code: Code) -> Option<Decision> {
    let of = |fault| Some(Decision { kind: Kind::Registry, fault, advice: "" });
    if message.says(&["no right to read image"]) {
        return of(Fault::User);
    }
    if message.says(&["cannot tell whether image"]) {
        return of(Fault::Transient);
    }
    let (_, said) = message.bare.split_once("no access to registry")?;
    let passes = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let transient = code != Code::PermissionDenied && passes(&["cannot reach", " answered ", "sign"]);
    of(if transient { Fault::Transient } else { Fault::User })
}

/// `job ID X exists` (`solver/jobs.go`).
pub(super) fn is_duplicate(message: &str) -> bool {
    message.contains("job ID") && message.contains("exists")
}

/// What a step that was stopped says last, whatever it was doing: killed, it also has an exit code.
fn was_cancelled(message: &str) -> bool {
    message.trim_end().ends_with("context canceled")
}

/// Whether the connection broke. tonic keeps the cause of what it says itself; a status that came over the
/// wire has none, and its words prove nothing: the daemon's own connections break with the same ones.
pub(super) fn is_transport(status: &tonic::Status) -> bool {
    // The one word of the generated client that loses its cause.
    let not_ready = status.code() == Code::Unknown && status.message().starts_with("Service was not ready: ");
    status.details().is_empty() && (not_ready || std::error::Error::source(status).is_some())
}

/// The exit code that `message` ends with; a history record has no details.
pub(super) fn exit_code(message: &str) -> Option<i32> {
    message.contains("did not complete successfully").then_some(())?;
    message.rsplit_once("exit code: ")?.1.trim().parse().ok()
}

/// `process "/bin/sh -c npm ci" exited with 1`.
fn process(line: &str, details: &Details) -> String {
    match (line.split_once(" did not complete successfully"), details.exit_code) {
        (Some((process, _)), Some(code)) => {
            let process = process.find("process ").and_then(|at| process.get(at..)).unwrap_or(process);
            let rest = if process.len() > MAX_COMMAND { "…" } else { "" };
            format!("{}{rest} exited with {code}", cut(process, MAX_COMMAND))
        }
        _ => shortened(line),
    }
}

/// The beginning and the end: what was done, and the innermost cause.
fn shortened(line: &str) -> String {
    if line.len() <= MAX_MESSAGE {
        return line.to_owned();
    }
    let end = line.ceil_char_boundary(line.len() - MAX_MESSAGE / 2);
    format!("{} … {}", cut(line, MAX_MESSAGE / 2), line.get(end..).unwrap_or_default())
}

/// What to check when there is no connection, by what TLS and TCP say about it.
pub(super) fn unreachable_advice(why: &str, tls: bool) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["UnknownIssuer", "invalid peer certificate", "NotValidForName", "BadSignature", "Expired"]) {
        return "its certificate is not signed by the CA we were given, is expired, or names another server: check ca, server name and the daemon's certificate";
    }
    // TLS 1.3 refuses a client after the handshake: the alert may be lost with the connection.
    if says(&["alert"]) || tls && says(&["closed", "reset by peer", "roken pipe"]) {
        return "the daemon refused our client certificate: check cert and key, and the CA that the daemon was given";
    }
    if says(&["InvalidContentType", "corrupt message"]) {
        return "the daemon speaks no TLS: leave out the certificates, or start it with --tlscert, --tlskey and --tlscacert";
    }
    if says(&["No such file"]) {
        return "there is no such socket: check the path, and that the daemon runs";
    }
    if says(&["Permission denied"]) {
        return "the socket is not ours to open: check its owner and mode";
    }
    if says(&["lookup", "resolve", "dns"]) {
        return "the name does not resolve: check the address";
    }
    "check the address and that the daemon runs; a daemon that demands TLS needs ca, cert and key"
}

/// The message in one line, without the daemon's names for its snapshots (`of ref x::y`).
fn one_line(message: &str) -> String {
    let lines: Vec<_> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join("; ").replace("git stderr:; ", "git: ").replace("; : exit status", ": exit status");
    match line.split_once(" of ref ") {
        Some((before, after)) => {
            let after = after.split_once(' ').map_or("", |(_, rest)| rest);
            format!("{before}: {after}")
        }
        None => line,
    }
}

#[cfg(test)]
mod tests;
