//! What each step kind does: orchestration only.
