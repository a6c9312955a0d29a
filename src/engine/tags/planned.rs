//! A plan with what it was made from.

use super::images::Manifests;
use super::in_use::ReadBranch;
use super::plan::Plan;

/// A plan, and what it was made from.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) manifests: Manifests,
    /// All tags at the time of the plan.
    pub(super) tags: Vec<String>,
    pub(super) branches: Vec<ReadBranch>,
}
