//! What buildkitd sends, as functions of bytes (see [`crate::fuzzing`]).

use super::details::Details;
use crate::redact::Redactor;

/// The details of a build's error.
pub fn error_details(bytes: &[u8]) {
    let _ = Details::decode(bytes, &Redactor::default());
}
