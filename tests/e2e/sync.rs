//! The step `sync` with the real Argo CD: what keeps an Application from running a commit, and what the step says then.
//! What Argo CD writes here was recorded for the unit tests in `src/argocd/tests`.

mod agent;
mod rows;
mod site;
mod wait;
