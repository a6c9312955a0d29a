//! Argo's types, with Argo's names, for both the RPC and the shared agent: the template of a node, and its result.
//!
//! Source: argo-workflows `pkg/apis/workflow/v1alpha1` (`Template`, `NodeResult`, `NodePhase`).

mod result;
mod template;

pub use result::{NodePhase, NodeResult};
pub(crate) use template::TIMEOUT;
pub use template::{PLUGIN, Template, TimedStep};
