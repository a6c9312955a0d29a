//! Error messages about buildkitd's failed network connections.

use super::advice as a;
use super::decision::Decision;
use super::message::{Message, Operation};
use crate::buildkit::kind::BuildErrorKind;
use crate::outcome::Fault;

/// Messages of Go and curl about a connection that cannot be opened, breaks or stays silent.
const BROKEN: &[&str] = &[
    "connection refused",
    "Connection refused",
    "connection reset",
    "Connection reset",
    "connection timed out",
    "Connection timed out",
    "operation timed out",
    "Operation timed out",
    "no route to host",
    "No route to host",
    "host is unreachable",
    "network is unreachable",
    "Network is unreachable",
    "network is down",
    "host is down",
    "i/o timeout",
    "TLS handshake timeout",
    "deadline exceeded",
    "Client.Timeout exceeded",
    "timeout awaiting response headers",
    "request canceled while waiting for connection",
    "broken pipe",
    "use of closed network connection",
    "server closed idle connection",
    "transport connection broken",
    "connection error",
    "connection lost",
    "stream error",
    "server sent GOAWAY",
    "malformed HTTP response",
    "unexpected EOF",
];
/// Messages about host names that do not resolve, temporarily or permanently.
const UNRESOLVED: &[&str] =
    &["no such host", "server misbehaving", "Temporary failure in name resolution", "Could not resolve host"];

/// Classifies `message` if it reports a failed connection.
pub(super) fn decide(message: &Message<'_>) -> Option<Decision> {
    let kind = match message.operation {
        Operation::Git => BuildErrorKind::Git,
        _ => BuildErrorKind::Registry,
    };
    let unresolved = message.says_any(UNRESOLVED);
    if !unresolved && !message.says_any(BROKEN) && !message.has_word("EOF") {
        return None;
    }
    let advice = match message.operation {
        Operation::Pull if is_short_name(message.text) => a::SHORT_NAME,
        Operation::ExportCache => a::CACHE_LATER,
        _ if unresolved => a::UNRESOLVED,
        _ => a::LATER,
    };
    Some(Decision { kind, fault: Fault::Transient, advice })
}

/// `FROM build` means docker.io's `library/build` if no stage has that name.
fn is_short_name(text: &str) -> bool {
    let Some((name, rest)) = text.split_once(": failed to resolve source metadata for docker.io/library/")
    else {
        return false;
    };
    !name.contains(['/', ':', '@', ' ']) && rest.starts_with(name)
}
