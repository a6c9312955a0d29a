//! A good body with one small change.

use serde_json::{Value, json};

/// Every body that differs from `body` in one value, one missing key or one key too many.
pub(super) fn mutants(body: &Value) -> Vec<Value> {
    let mut mutants: Vec<_> = others(body).into_iter().filter(|other| other != body).collect();
    match body {
        Value::Object(map) => {
            for (key, value) in map {
                let mut less = map.clone();
                less.remove(key);
                mutants.push(Value::Object(less));
                mutants.extend(self::mutants(value).into_iter().map(|value| {
                    let mut changed = map.clone();
                    changed.insert(key.clone(), value);
                    Value::Object(changed)
                }));
            }
            let mut more = map.clone();
            more.insert("zzz".into(), json!("a"));
            mutants.push(Value::Object(more));
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                let mut less = items.clone();
                less.remove(n);
                mutants.push(Value::Array(less));
                mutants.extend(self::mutants(item).into_iter().map(|item| {
                    let mut changed = items.clone();
                    changed[n] = item;
                    Value::Array(changed)
                }));
            }
        }
        _ => {}
    }
    mutants
}

/// Values of every type, and the same value as text.
fn others(value: &Value) -> Vec<Value> {
    let fixed =
        [json!(null), json!(true), json!(7), json!(-2), json!(1.5), json!(""), json!(" "), json!("odd one")];
    let more = [json!([]), json!({}), json!("{{x}}"), json!("$(a.b)"), json!("$$(a.b)")];
    let text = match value {
        Value::String(_) => None,
        other => Some(json!(other.to_string())),
    };
    fixed.into_iter().chain(more).chain(text).collect()
}
