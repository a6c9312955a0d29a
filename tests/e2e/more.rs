//! More load and more faults between a push and its Workflow than `make e2e` has time for. These tests are ignored there; `make e2e-more`
//! runs them, one after the other, with the shared agent.

mod agent;
mod components;
mod pushes;
