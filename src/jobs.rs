//! The table of jobs: identity, single flight, limits, timeout, retention, drain.
