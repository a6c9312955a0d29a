//! The table of jobs: one job per (workflow uid, resolved template), whatever the number of requests for it.
//!
//! Argo's agent sends a request again if its reply was lost, replays every task after its own restart, and may ask
//! again after the end (contracts: "expect concurrent duplicates, replays, re-polls"). The table answers all of these
//! requests from the same job. A job ends exactly once, and its ending never changes.

mod ending;
mod entries;
mod job;
pub(crate) mod journal;
mod key;
mod queue;
mod stop;
mod table;

pub use ending::Ending;
pub use entries::JobLimits;
pub use job::{JobContext, JobSpec, JobState, Phase, View};
pub use journal::Journal;
pub use key::JobKey;
pub use queue::QueuePosition;
pub use table::{Draining, JobTable};

#[cfg(test)]
mod tests;
