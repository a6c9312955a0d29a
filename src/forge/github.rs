//! What only GitHub does, or does in its own way. Facts are of its REST documentation for version 2022-11-28 and of
//! its public GraphQL schema (as published in octokit/graphql-schema, 2026-07-22).

pub(super) mod merge;
pub(super) mod pulls;
