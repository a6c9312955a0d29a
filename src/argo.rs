//! Argo's words, exactly as Argo spells them, for every door that it comes through: a node's template, and its result.
//!
//! Source: argo-workflows `pkg/apis/workflow/v1alpha1` (`Template`, `NodeResult`, `NodePhase`).

mod result;
mod template;

pub use result::{NodePhase, NodeResult};
pub use template::{PLUGIN, Template, TimedStep};
