//! Classifies the daemon's error messages: kind, fault and advice.
//!
//! BuildKit's gRPC codes are mostly `Unknown`, so the message text decides. [`message`] parses the text. Each other
//! module knows the messages of one possible source: git, the network, registries, or BuildKit itself.

mod advice;
mod decision;
mod git;
mod message;
mod network;
mod registry;
mod rules;

use decision::Decision;
use message::{Message, Operation};
use tonic::Code;

use super::details::Details;
use super::kind::BuildErrorKind;
use crate::outcome::Fault;
use crate::redact::Redactor;
use crate::text::head as cut;

/// The number of bytes shown of a failed command. A heredoc can be long.
const MAX_COMMAND: usize = 500;
/// The number of bytes shown of any other message.
const MAX_MESSAGE: usize = 1000;

/// The class of an error, and the text to show for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Classified {
    pub(super) kind: BuildErrorKind,
    pub(super) fault: Fault,
    /// The daemon's message in one line, followed by advice.
    pub(super) text: String,
}

/// An error message, and where it came from.
pub(super) struct ErrorReport<'a> {
    pub(super) code: Code,
    pub(super) message: &'a str,
    /// The connection broke. The text then comes from our client, not from the daemon.
    pub(super) broken: bool,
    /// The name of the vertex that failed, if known.
    pub(super) vertex: Option<&'a str>,
    /// Whether the build ended before it ran any step. Reading the Dockerfile or the options then failed.
    pub(super) unbegun: bool,
}

/// Classifies `report`, given the error's details.
pub(super) fn classify(report: &ErrorReport<'_>, details: &Details, redactor: &Redactor) -> Classified {
    let line = one_line(&redactor.lines(report.message));
    // The message of a frontend that exits does not name a process.
    let is_frontend = report.message.trim_start().starts_with("exit code: ");
    if details.exit_code.is_some() && !is_frontend && !was_cancelled(report.message) {
        let text = advised(format!("failed: {}", process(&line, details)), ending(report.message, details));
        return Classified { kind: BuildErrorKind::Run, fault: Fault::User, text };
    }
    let Decision { kind, fault, advice } = decide(report, details);
    Classified { kind, fault, text: advised(shortened(&line), advice) }
}

fn advised(line: String, advice: &str) -> String {
    if advice.is_empty() { line } else { format!("{line}; {advice}") }
}

/// The advice that the exit code, or the failing lines, allow for a failed step.
fn ending(message: &str, details: &Details) -> &'static str {
    // The kernel counted out-of-memory kills in the step's cgroup (`executor/runcexecutor`, `detectOOM`).
    if message.trim_end().ends_with("cannot allocate memory") {
        return advice::MEMORY;
    }
    match details.exit_code {
        Some(137) => advice::KILLED,
        Some(126 | 127 | 2) if details.crlf => advice::CRLF,
        _ => "",
    }
}

fn decide(report: &ErrorReport<'_>, details: &Details) -> Decision {
    let ErrorReport { code, message, broken, .. } = *report;
    let of = |kind, fault, advice| Decision { kind, fault, advice };
    if is_duplicate(message) {
        return of(BuildErrorKind::AlreadyExists, Fault::Transient, "this build is running already");
    }
    if broken {
        return of(
            BuildErrorKind::Lost,
            Fault::Transient,
            "the connection to buildkitd broke; it may be restarting",
        );
    }
    if was_cancelled(message) {
        return of(BuildErrorKind::Cancelled, Fault::Transient, "");
    }
    if message.trim_start().starts_with("exit code: ") {
        return of(BuildErrorKind::Dockerfile, Fault::User, advice::NOT_A_FRONTEND);
    }
    let message = Message::parse(message, report.vertex);
    by_words(&message, code).unwrap_or_else(|| match code {
        Code::Cancelled => of(BuildErrorKind::Cancelled, Fault::Transient, ""),
        _ if message.says(&["context canceled"]) => of(BuildErrorKind::Cancelled, Fault::Transient, ""),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => {
            of(BuildErrorKind::Other, Fault::Transient, "")
        }
        // The error points at a line of the Dockerfile, so its author caused it.
        _ if details.excerpt.is_some() || report.unbegun => of(BuildErrorKind::Dockerfile, Fault::User, ""),
        _ => of(BuildErrorKind::Other, Fault::Ours, ""),
    })
}

/// Checks the rules from top to bottom. More specific rules come first.
fn by_words(message: &Message<'_>, code: Code) -> Option<Decision> {
    rules::denied(message)
        .or_else(|| rules::secret(message))
        .or_else(|| ours(message, code))
        .or_else(|| (message.operation == Operation::Git).then(|| git::decide(message)).flatten())
        .or_else(|| rules::first(rules::INPUTS, message))
        .or_else(|| rules::machine(message))
        .or_else(|| registry::decide(message))
        .or_else(|| network::decide(message))
}

/// Recognizes our own messages, from `oci::OciError` and from the source policy through the session. They already say
/// what to do.
fn ours(message: &Message<'_>, code: Code) -> Option<Decision> {
    let of = |fault| Some(Decision { kind: BuildErrorKind::Registry, fault, advice: "" });
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

/// Whether the message is `job ID X exists` (`solver/jobs.go`).
pub(super) fn is_duplicate(message: &str) -> bool {
    message.contains("job ID") && message.contains("exists")
}

/// Whether a step was stopped, judged by the end of its message. A killed step also has an exit code.
fn was_cancelled(message: &str) -> bool {
    message.trim_end().ends_with("context canceled")
}

/// Whether the connection broke. tonic keeps the cause of a status that it creates itself. A status from the wire has
/// no cause, and its text proves nothing: the daemon's own broken connections have the same text.
pub(super) fn is_transport(status: &tonic::Status) -> bool {
    // The only error of the generated client that loses its cause.
    let not_ready = status.code() == Code::Unknown && status.message().starts_with("Service was not ready: ");
    status.details().is_empty() && (not_ready || std::error::Error::source(status).is_some())
}

/// The exit code at the end of `message`. A history record has no details that contain it.
pub(super) fn exit_code(message: &str) -> Option<i32> {
    message.contains("did not complete successfully").then_some(())?;
    message.rsplit_once("exit code: ")?.1.trim().parse().ok()
}

/// Formats `process "/bin/sh -c npm ci" exited with 1`.
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

/// Keeps the beginning, which names the operation, and the end, which names the innermost cause.
fn shortened(line: &str) -> String {
    if line.len() <= MAX_MESSAGE {
        return line.to_owned();
    }
    let end = line.ceil_char_boundary(line.len() - MAX_MESSAGE / 2);
    format!("{} … {}", cut(line, MAX_MESSAGE / 2), line.get(end..).unwrap_or_default())
}

/// The advice for a failed connection, chosen by the TLS or TCP error text.
pub(super) fn unreachable_advice(why: &str, tls: bool) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["UnknownIssuer", "invalid peer certificate", "NotValidForName", "BadSignature", "Expired"]) {
        return "its certificate is not signed by the CA we were given, is expired, or names another server: check ca, server name and the daemon's certificate";
    }
    // With TLS 1.3 a server rejects a client after the handshake, so the alert may be lost with the connection.
    if says(&["alert"]) || tls && says(&["closed", "reset by peer", "roken pipe", "was not ready"]) {
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

/// Puts the message in one line, without the daemon's snapshot names (`of ref x::y`).
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
