//! The meaning of a daemon's message.

use crate::buildkit::kind::BuildErrorKind;
use crate::outcome::Fault;

/// The kind of an error, whose fault it is, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) kind: BuildErrorKind,
    pub(super) fault: Fault,
    pub(super) advice: &'static str,
}
