//! The right to read a commit, and commits without a clone.
