//! The parts that are specific to GitHub. The facts are from its REST documentation for version 2022-11-28 and from
//! its public GraphQL schema (as published in octokit/graphql-schema, 2026-07-22).

pub(super) mod merge;
pub(super) mod pulls;
