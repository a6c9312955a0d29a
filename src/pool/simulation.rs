//! A simulated day of a large pool: what the choice of daemons is worth beside simpler ones.
//!
//! Nothing here waits or connects. The clock is a number, the random numbers have a seed, and the choice, the places and the queue are
//! the ones that builds use ([`choice`](super::choice), [`builds`](super::builds), [`waiters`](super::waiters)). docs/scaling.md has the
//! numbers and the assumptions.

mod day;
mod fleet;
mod report;
mod runs;
mod strategy;
mod trace;

mod tests;
