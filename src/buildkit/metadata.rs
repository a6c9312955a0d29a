//! The exporters' response, in the form of `docker buildx build --metadata-file`.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use serde_json::Value;

/// The largest value kept, in bytes. Today the longest value is a descriptor of some hundred bytes.
const MAX_VALUE: usize = 4 << 10;
/// The largest number of values kept.
const MAX_VALUES: usize = 50;

/// The values of the response by name. Descriptors, which arrive as JSON in base64, become JSON. All other values stay as
/// they are (buildx `build/metadata.go`).
pub(super) fn of(response: &HashMap<String, String>) -> BTreeMap<String, Value> {
    let mut kept: Vec<_> = response.iter().filter(|(_, value)| value.len() <= MAX_VALUE).collect();
    kept.sort();
    kept.into_iter().take(MAX_VALUES).map(|(name, text)| (name.clone(), value(text))).collect()
}

fn value(text: &str) -> Value {
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
    let object = |bytes: &[u8]| serde_json::from_slice(bytes).ok().filter(Value::is_object);
    let json = object(text.as_bytes()).or_else(|| object(&decoded?));
    json.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn descriptors_are_json_and_all_else_is_text() {
        let descriptor = base64::engine::general_purpose::STANDARD.encode(r#"{"size":7}"#);
        let rows = [
            ("containerimage.descriptor", descriptor.as_str(), json!({"size": 7})),
            ("cache.manifest", r#"{"size":8}"#, json!({"size": 8})),
            ("containerimage.digest", "sha256:1", json!("sha256:1")),
            ("number", "17", json!("17")),
            ("word", "true", json!("true")),
        ];
        let response: HashMap<_, _> =
            rows.iter().map(|(name, text, _)| ((*name).to_owned(), (*text).to_owned())).collect();
        let expected: BTreeMap<_, _> =
            rows.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
        assert_eq!(of(&response), expected);
        assert!(of(&[("long".to_owned(), "x".repeat(MAX_VALUE + 1))].into()).is_empty());
    }
}
