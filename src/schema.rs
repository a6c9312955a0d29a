//! JSON Schemas (draft 2020-12) of what people write, for editors that complete and check it.
//!
//! They follow from the tables that the parsers use ([`crate::step`], [`crate::policy`], [`crate::catalogue`]); descriptions
//! are those of docs/steps.md and docs/catalogue.md. A schema never refuses what the parser takes. docs/schema.md lists what only the parser refuses.

mod catalogue;
mod docs;
mod form;
mod policy;
mod rule;
mod step;
mod text;
mod workflow;

#[cfg(test)]
mod tests;

pub use catalogue::catalogue;
pub use policy::policy;
pub use step::step;
pub use workflow::workflow;

use serde_json::{Map, Value, json};

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A whole schema. Its keys are sorted, whatever order `serde_json` was built to keep.
fn whole(title: &str, schema: Value) -> Value {
    let mut whole = json!({"$schema": DIALECT, "title": title});
    extend(&mut whole, schema);
    sorted(whole)
}

/// Adds the keys of the map `more` to the map `to`.
fn extend(to: &mut Value, more: Value) {
    if let (Value::Object(to), Value::Object(more)) = (to, more) {
        to.extend(more);
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().collect();
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(pairs.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
