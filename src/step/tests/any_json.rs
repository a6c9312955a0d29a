//! Random JSON for property tests.

use proptest::prelude::*;
use serde_json::{Value, json};

/// The most values in a list or a map.
const MEMBERS: usize = 4;

/// JSON of lists and maps within each other, `levels` at most, with `texts` as its strings and `keys` as the keys of its maps.
/// Some strings are JSON of their own, as Argo substitutes it.
pub(crate) fn any_json(
    levels: u32,
    texts: impl Strategy<Value = String> + 'static,
    keys: impl Strategy<Value = String> + Clone + 'static,
) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        4 => texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(levels, 8 * levels, MEMBERS as u32, move |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..=MEMBERS).prop_map(Value::from),
            2 => prop::collection::btree_map(keys.clone(), inner.clone(), 0..=MEMBERS).prop_map(|map| json!(map)),
            1 => inner.prop_map(|value| json!(value.to_string())),
        ]
    })
}

/// One of `words`, and now and then a text of the regular expression `odd`.
pub(crate) fn words(words: &[&str], odd: &'static str) -> BoxedStrategy<String> {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    prop_oneof![4 => prop::sample::select(words), 1 => odd].boxed()
}
