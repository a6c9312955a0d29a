//! Every body that a test of this room parses, for the test that compares the parser with the schema.

use std::cell::RefCell;

use serde_json::Value;

use super::{
    cache, commit_status, docs, good, notify, outputs, poll, push, refused, refused_fields, refused_steps,
    select, sign, supersede, sync, tags, verify,
};
use crate::step::{self, InvalidStep, Step};

thread_local! {
    static PARSED: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Parses a body, and keeps it for [`bodies`].
pub(super) fn parse(body: &Value) -> Result<Step, InvalidStep> {
    PARSED.with_borrow_mut(|parsed| parsed.push(body.clone()));
    step::parse(body)
}

type Tests = (&'static [fn()], &'static str);

const TESTS: &[Tests] = &[
    (cache::TESTS, include_str!("cache.rs")),
    (commit_status::TESTS, include_str!("commit_status.rs")),
    (docs::TESTS, include_str!("docs.rs")),
    (good::TESTS, include_str!("good.rs")),
    (notify::TESTS, include_str!("notify.rs")),
    (outputs::TESTS, include_str!("outputs.rs")),
    (poll::TESTS, include_str!("poll.rs")),
    (push::TESTS, include_str!("push.rs")),
    (refused::TESTS, include_str!("refused.rs")),
    (refused_fields::TESTS, include_str!("refused_fields.rs")),
    (refused_steps::TESTS, include_str!("refused_steps.rs")),
    (select::TESTS, include_str!("select.rs")),
    (sign::TESTS, include_str!("sign.rs")),
    (supersede::TESTS, include_str!("supersede.rs")),
    (sync::TESTS, include_str!("sync.rs")),
    (tags::TESTS, include_str!("tags.rs")),
    (verify::TESTS, include_str!("verify.rs")),
];

/// The bodies, good and bad, each once.
pub(crate) fn bodies() -> Vec<Value> {
    PARSED.take();
    TESTS.iter().flat_map(|(tests, _)| *tests).for_each(|test| test());
    let mut bodies = PARSED.take();
    bodies.sort_by_key(Value::to_string);
    bodies.dedup();
    bodies
}

#[test]
fn every_test_of_the_room_is_in_the_corpus() {
    for (tests, source) in TESTS {
        assert_eq!(tests.len(), source.matches("#[test]\n").count());
    }
    assert!(bodies().len() > 200);
}
