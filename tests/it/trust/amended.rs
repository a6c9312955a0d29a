//! A commit that a reviewer made on our pull request's branch stays.
