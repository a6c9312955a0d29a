//! From the daemon's words to a kind, a fault and advice.
//!
//! BuildKit's codes are mostly `Unknown`, so its messages decide. The table is read from top to bottom.

use tonic::Code;

use super::details::Details;
use super::error::Kind;
use crate::outcome::Fault;

/// What an error is, and how to say it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    /// The daemon's message in one line, and advice.
    pub(super) text: String,
}

/// A message that holds all of `needles` is `kind` and `fault`; `advice` says what to do.
struct Rule {
    needles: &'static [&'static str],
    kind: Kind,
    fault: Fault,
    advice: &'static str,
}

const fn rule(needles: &'static [&'static str], kind: Kind, fault: Fault, advice: &'static str) -> Rule {
    Rule { needles, kind, fault, advice }
}

const CREDENTIALS: &str = "check the registry secret: its host, user, token and the token's scopes";
const SUBMODULES: &str = "BuildKit cannot authenticate private submodules: set `submodules: false`, or make them readable without a login";
const GIT_LOGIN: &str = "check the Git secret and its right to read this repository; if this is a submodule, set `submodules: false`: \
    BuildKit cannot authenticate private submodules";
const PLAIN_HTTP: &str = "the registry speaks plain http: set `insecure: true` for it, or `http = true` in buildkitd's registry configuration";
const CERTIFICATE: &str = "buildkitd does not trust the registry's certificate: add its CA to buildkitd's registry configuration, or set `insecure: true`";
const LATER: &str = "the server is away or overloaded, try again later";
const DENIED: &str =
    "the build may read the repositories that the step names, and no others: name this one under `contexts`";

/// Read from top to bottom: what is more telling stands first.
const RULES: &[Rule] = &[
    rule(&["denied by policy", "git://"], Kind::Denied, Fault::User, DENIED),
    rule(&["denied by policy"], Kind::Denied, Fault::User, "buildkitd's source policy forbids it"),
    rule(&["x509"], Kind::Registry, Fault::User, CERTIFICATE),
    rule(&["server gave HTTP response to HTTPS client"], Kind::Registry, Fault::User, PLAIN_HTTP),
    rule(&["into submodule path"], Kind::Git, Fault::User, SUBMODULES),
    rule(&["could not read Username"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(&["could not read Password"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(&["Authentication failed for"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(
        &["Permission denied (publickey"],
        Kind::Git,
        Fault::User,
        "check the ssh key and its right to read this repository",
    ),
    rule(&["Host key verification failed"], Kind::Git, Fault::User, "check the Git server's host key"),
    rule(&["remote: Repository not found"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(&["fatal: repository", "not found"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(
        &["does not contain ref"],
        Kind::Git,
        Fault::User,
        "check `revision`; a short commit id is no revision",
    ),
    rule(
        &["reference is not a tree"],
        Kind::Git,
        Fault::User,
        "check `revision`: the repository has no such commit",
    ),
    rule(&["not our ref"], Kind::Git, Fault::User, "check `revision`: the repository has no such commit"),
    rule(&["expected checksum to match"], Kind::Git, Fault::User, "the branch or tag has moved on"),
    rule(&["invalid subdir"], Kind::Dockerfile, Fault::User, "check `subdir`"),
    rule(
        &["failed to read downloaded context"],
        Kind::Git,
        Fault::User,
        "the URL of a Git repository must end in `.git`",
    ),
    rule(&["secret", "not found"], Kind::Secret, Fault::User, "name it under `secrets`"),
    rule(&["unset ssh forward key"], Kind::Secret, Fault::User, "give the step an ssh key"),
    rule(&["no SSH key", "forwarded from the client"], Kind::Secret, Fault::User, "give the step an ssh key"),
    rule(&["no ssh handler for"], Kind::Secret, Fault::User, "give the step an ssh key"),
    // Our own words, from `oci::OciError` through the session.
    rule(&["refused the login"], Kind::Registry, Fault::User, ""),
    rule(&["cannot reach the token server"], Kind::Registry, Fault::Transient, ""),
    rule(&["the token server", "answered"], Kind::Registry, Fault::Transient, ""),
    rule(&["401 Unauthorized"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["403 Forbidden"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["no basic auth credentials"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["authorization failed"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["insufficient_scope"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(&["429 Too Many Requests"], Kind::Registry, Fault::Transient, LATER),
    rule(&["500 Internal Server Error"], Kind::Registry, Fault::Transient, LATER),
    rule(&["502 Bad Gateway"], Kind::Registry, Fault::Transient, LATER),
    rule(&["503 Service Unavailable"], Kind::Registry, Fault::Transient, LATER),
    rule(&["504 Gateway Timeout"], Kind::Registry, Fault::Transient, LATER),
    rule(&["BLOB_UNKNOWN"], Kind::Registry, Fault::Transient, LATER),
    rule(&["unexpected status from", "500"], Kind::Registry, Fault::Transient, LATER),
    rule(&["connection refused"], Kind::Registry, Fault::Transient, LATER),
    rule(&["connection reset"], Kind::Registry, Fault::Transient, LATER),
    rule(
        &["no such host"],
        Kind::Registry,
        Fault::Transient,
        "check the host name; buildkitd cannot resolve it",
    ),
    rule(
        &["Could not resolve host"],
        Kind::Git,
        Fault::Transient,
        "check the host name; buildkitd cannot resolve it",
    ),
    rule(&["Failed to connect to"], Kind::Git, Fault::Transient, LATER),
    rule(&["i/o timeout"], Kind::Registry, Fault::Transient, LATER),
    rule(&["TLS handshake timeout"], Kind::Registry, Fault::Transient, LATER),
    rule(&["The requested URL returned error: 5"], Kind::Git, Fault::Transient, LATER),
    rule(&["The requested URL returned error: 4"], Kind::Git, Fault::User, GIT_LOGIN),
    rule(
        &["no space left on device"],
        Kind::Other,
        Fault::Transient,
        "buildkitd's disk is full: prune its cache or enlarge it",
    ),
    rule(&["no active session"], Kind::Lost, Fault::Transient, "buildkitd lost the session to us; try again"),
    rule(
        &["session healthcheck failed"],
        Kind::Lost,
        Fault::Transient,
        "buildkitd lost the session to us; try again",
    ),
    rule(&["pull access denied"], Kind::Registry, Fault::User, CREDENTIALS),
    rule(
        &["failed to resolve source metadata", "not found"],
        Kind::Registry,
        Fault::User,
        "check the image's name and tag",
    ),
    rule(&["404 Not Found"], Kind::Registry, Fault::User, "check the name of the image or repository"),
    rule(
        &["unexpected status from", "404"],
        Kind::Registry,
        Fault::User,
        "check the name of the image or repository",
    ),
    rule(
        &["unexpected status from", "400"],
        Kind::Registry,
        Fault::User,
        "the registry refuses what was sent",
    ),
    rule(&["MANIFEST_INVALID"], Kind::Registry, Fault::User, "the registry refuses what was sent"),
    rule(
        &["error writing manifest blob"],
        Kind::Registry,
        Fault::User,
        "the registry refuses this form of cache: leave `image-manifest` at true, or set `ignore-error: true`",
    ),
    rule(
        &["entitlement", "not allowed"],
        Kind::Other,
        Fault::User,
        "buildkitd must be started with this entitlement",
    ),
    rule(&["the Dockerfile cannot be empty"], Kind::Dockerfile, Fault::User, ""),
    rule(&["dockerfile parse error"], Kind::Dockerfile, Fault::User, ""),
    rule(&["target stage", "could not be found"], Kind::Dockerfile, Fault::User, "check `target`"),
    rule(
        &["failed to read dockerfile"],
        Kind::Dockerfile,
        Fault::User,
        "check `dockerfile`, which is relative to `subdir`",
    ),
    rule(
        &["failed to calculate checksum", "not found"],
        Kind::Dockerfile,
        Fault::User,
        "the context has no such file; see also .dockerignore",
    ),
    rule(
        &["failed to compute cache key", "not found"],
        Kind::Dockerfile,
        Fault::User,
        "the context has no such file; see also .dockerignore",
    ),
    rule(&["did not complete successfully"], Kind::Run, Fault::User, ""),
];

/// What `message` means, given the error's details.
pub(super) fn verdict(code: Code, message: &str, details: &Details) -> Verdict {
    let line = one_line(message);
    if details.exit_code.is_some() {
        return Verdict {
            kind: Kind::Run,
            fault: Fault::User,
            text: format!("failed: {}", process(&line, details)),
        };
    }
    let (kind, fault, advice) = decide(code, message, details);
    let text = if advice.is_empty() { line } else { format!("{line}; {advice}") };
    Verdict { kind, fault, text }
}

fn decide(code: Code, message: &str, details: &Details) -> (Kind, Fault, &'static str) {
    if is_duplicate(message) {
        return (Kind::AlreadyExists, Fault::Transient, "this build is running already");
    }
    if is_transport(code, message) {
        return (Kind::Lost, Fault::Transient, "the connection to buildkitd broke; it may be restarting");
    }
    let holds = |rule: &&Rule| rule.needles.iter().all(|needle| message.contains(needle));
    if let Some(rule) = RULES.iter().find(holds) {
        return (rule.kind, rule.fault, rule.advice);
    }
    match code {
        Code::Cancelled => (Kind::Cancelled, Fault::Transient, ""),
        _ if message.contains("context canceled") => (Kind::Cancelled, Fault::Transient, ""),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => {
            (Kind::Other, Fault::Transient, "")
        }
        // A place in the Dockerfile: what its author wrote.
        _ if details.excerpt.is_some() => (Kind::Dockerfile, Fault::User, ""),
        _ => (Kind::Other, Fault::Ours, ""),
    }
}

/// `job ID X exists` (`solver/jobs.go`).
pub(super) fn is_duplicate(message: &str) -> bool {
    message.contains("job ID") && message.contains("exists")
}

/// hyper's and h2's words for a connection that broke; a daemon never says them.
pub(super) fn is_transport(code: Code, message: &str) -> bool {
    const WORDS: [&str; 7] = [
        "transport error",
        "h2 protocol error",
        "error reading a body from connection",
        "connection closed",
        "broken pipe",
        "operation was canceled",
        "tcp connect error",
    ];
    matches!(code, Code::Unknown | Code::Unavailable | Code::Internal | Code::Cancelled)
        && WORDS.iter().any(|word| message.contains(word))
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
            format!("{process} exited with {code}")
        }
        _ => line.to_owned(),
    }
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
