//! What a message means.

use crate::buildkit::kind::Kind;
use crate::outcome::Fault;

/// Who is at fault, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) kind: Kind,
    pub(super) fault: Fault,
    pub(super) advice: &'static str,
}
