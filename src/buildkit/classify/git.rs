//! Error messages of the git that buildkitd runs.

use super::advice as a;
use super::decision::Decision;
use super::message::Message;
use super::rules::{self, Rule, rule};
use crate::buildkit::kind::BuildErrorKind;
use crate::http::is_transient_status;
use crate::outcome::Fault;

/// Messages about a server that closed the connection, or a pack that did not arrive whole (git's `fetch-pack.c`,
/// `index-pack.c`, `remote-curl.c`).
const BROKE_OFF: &[&str] = &[
    "Empty reply from server",
    "RPC failed",
    "early EOF",
    "unexpected disconnect",
    "hung up unexpectedly",
    "invalid index-pack output",
    "index-pack failed",
    "index-pack died",
    "unpack-objects",
    "pack has bad object",
    "bad pack header",
    "pack is corrupted",
    "premature end of pack file",
    "inflate returned",
    "inflate: data stream error",
    "pack signature mismatch",
    "bad line length",
    "protocol error",
    "expected flush",
    "expected 'packfile'",
    "transfer closed with",
    "Failed to connect to",
    "Couldn't connect to server",
    "Recv failure",
    "Send failure",
    "Operation too slow",
    "SSL_read",
    "SSL_connect",
    "GnuTLS recv error",
    "HTTP/2 stream",
    "kex_exchange_identification",
    "Connection closed by",
];
const UNTRUSTED: &[&str] = &[
    "SSL certificate problem",
    "server certificate verification failed",
    "SSL: no alternative certificate subject name",
    "self-signed certificate",
    "self signed certificate",
    "certificate has expired",
];

/// The rules are checked from top to bottom. More specific rules come first.
const RULES: &[Rule] = &[
    rule(&["could not read Username", "into submodule path"], BuildErrorKind::Git, a::SUBMODULES),
    rule(&["could not read Password", "into submodule path"], BuildErrorKind::Git, a::SUBMODULES),
    rule(&["could not read Username"], BuildErrorKind::Git, a::GIT_LOGIN),
    rule(&["could not read Password"], BuildErrorKind::Git, a::GIT_LOGIN),
    rule(&["Authentication failed for"], BuildErrorKind::Git, a::GIT_LOGIN),
    rule(&["Permission denied (publickey"], BuildErrorKind::Git, a::SSH_KEY),
    rule(&["Host key verification failed"], BuildErrorKind::Git, a::HOST_KEY),
    rule(&["remote: Repository not found"], BuildErrorKind::Git, a::GIT_LOGIN),
    rule(&["fatal: repository", "not found"], BuildErrorKind::Git, a::GIT_LOGIN),
    rule(&["reference is not a tree"], BuildErrorKind::Git, a::NO_COMMIT),
    rule(&["not our ref"], BuildErrorKind::Git, a::NO_COMMIT),
    rule(&["couldn't find remote ref"], BuildErrorKind::Git, a::NO_COMMIT),
    rule(&["into submodule path"], BuildErrorKind::Git, a::SUBMODULES),
];

pub(super) fn decide(message: &Message<'_>) -> Option<Decision> {
    let git = |fault, advice| Some(Decision { kind: BuildErrorKind::Git, fault, advice });
    if message.says_any(UNTRUSTED) {
        return git(Fault::User, a::GIT_TRUST);
    }
    match message.status {
        Some(status) if is_transient_status(status) => return git(Fault::Transient, a::LATER),
        Some(_) if !message.says(&["into submodule path"]) => return git(Fault::User, a::GIT_LOGIN),
        _ => {}
    }
    let broke_off = message.says_any(BROKE_OFF);
    // Git also reports that the server hung up after each rejection over ssh.
    let refused = rules::first(RULES, message);
    match refused {
        Some(refused) if !broke_off || refused.advice != a::SUBMODULES => Some(refused),
        _ if broke_off => git(Fault::Transient, a::GIT_BROKE),
        _ => refused,
    }
}
