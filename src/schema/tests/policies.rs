//! The policy file.

use serde_json::{Value, json};

use super::mutants::mutants;
use super::validator;
use crate::policy::{Policy, lists, switches};

#[test]
fn policy_and_schema_agree_on_every_small_change() {
    let schema = validator(&crate::schema::policy());
    let mut entry: Value =
        lists().map(|name| (name.to_owned(), json!(["**"]))).collect::<serde_json::Map<_, _>>().into();
    for name in switches() {
        entry[name] = json!(true);
    }
    let good = json!({"namespaces": {"builds": entry, "team-*": {}}});
    let mut bodies = mutants(&good);
    bodies.push(good);
    bodies.extend(["A", "", "a.b", "**", "a*"].map(|name| json!({"namespaces": {name: {}}})));
    // The text of a pattern is the parser's affair alone.
    let is_beyond = |problem: &str| problem.contains("]: `");
    for body in bodies {
        match Policy::parse("policy.yaml", &body.to_string()) {
            Ok(_) => assert!(schema.is_valid(&body), "refused: {body}"),
            Err(bad) => {
                assert!(!schema.is_valid(&body) || is_beyond(&bad.to_string()), "taken: {body}: {bad}")
            }
        }
    }
}
