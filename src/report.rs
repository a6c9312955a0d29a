//! The report of a build: one page of HTML that needs nothing else, made from what is stored beside the image.
//!
//! The steps with their times are a layer of the log's artifact ([`StepList`]). The page also shows the layers of the image, beside those
//! of the previous build, and the log by step. All of it may come from anybody who may push to the repository, so every text is cleaned
//! and escaped, and everything has a limit.

mod critical_path;
mod layer_rows;
mod log_sections;
mod page;
mod read;
mod steps;
mod workflow;

#[cfg(test)]
mod tests;

pub use read::{Report, ReportSource};
pub use steps::{BuildStep, StepList};
pub use workflow::{WorkflowBuild, builds_of};
