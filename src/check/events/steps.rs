//! The steps of this plugin in workflows.

use serde_json::Value;

use crate::templates::{self, OURS};

/// The steps of a workflow, also those in `steps`.
pub(super) fn steps(spec: &Value) -> impl Iterator<Item = &Value> {
    let bodies = templates::of_spec(spec).into_iter().map(|placed| &placed.template["plugin"][OURS]);
    bodies.flat_map(|body| {
        let entries = body["steps"].as_array().into_iter().flatten();
        std::iter::once(body).chain(entries)
    })
}
