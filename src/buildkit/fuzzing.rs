//! Fuzz entry points for the data that buildkitd sends (see [`crate::fuzzing`]).

use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use prost::Message as _;

use super::details::Details;
use super::ignore::Ignore;
use super::transcript::Transcript;
use super::vertices::Vertices;
use crate::limits::Budget;
use crate::redact::Redactor;

/// Decodes the details of a build's error.
pub fn error_details(bytes: &[u8]) {
    let _ = Details::decode(bytes, &Redactor::default());
}

/// Applies a message of a build's status stream twice.
pub fn build_status(bytes: &[u8]) {
    let Ok(message) = StatusResponse::decode(bytes) else { return };
    let transcript = Transcript::from(Redactor::default()).kept(&Budget::new(1 << 20));
    let mut vertices = Vertices::new(transcript.clone());
    vertices.apply(message.clone());
    vertices.apply(message);
    vertices.finish();
    let _ = (vertices.progress(), vertices.warnings(), transcript.log());
}

/// Reads a `.dockerignore`.
pub fn ignore(bytes: &[u8]) {
    let Ok(ignore) = Ignore::read(".dockerignore", bytes) else { return };
    let _ = (ignore.patterns(), ignore.excludes("a/b.txt"));
}
