//! Argo's words, exactly as Argo spells them, for the RPC and the shared agent alike: a node's template, and its result.
//!
//! Source: argo-workflows `pkg/apis/workflow/v1alpha1` (`Template`, `NodeResult`, `NodePhase`).

mod result;
mod template;

pub use result::{NodePhase, NodeResult};
pub use template::{PLUGIN, Template, TimedStep};
