//! The fields that objects of Argo Events have, and their types.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::manifest::documents::child;
use crate::step::hint;

/// The table, which says its form.
const TABLE: &str = include_str!("fields.txt");

/// A field of a type.
#[derive(Debug)]
struct Field {
    form: FieldForm,
    is_required: bool,
}

#[derive(Debug)]
enum FieldForm {
    Any,
    Text,
    Bool,
    Integer,
    Amount,
    Duration,
    List(Box<FieldForm>),
    Map(Box<FieldForm>),
    Object(&'static str),
}

type Fields = BTreeMap<&'static str, Field>;

static TYPES: LazyLock<BTreeMap<&'static str, Fields>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            Some((line.split(' ').next()?, line.split(' ').skip(1).filter_map(field).collect()))
        })
        .collect()
});

fn field(written: &'static str) -> Option<(&'static str, Field)> {
    let (name, form) = written.split_once(':')?;
    let is_required = name.ends_with('!');
    Some((name.trim_end_matches('!'), Field { form: FieldForm::read(form), is_required }))
}

impl FieldForm {
    fn read(written: &'static str) -> Self {
        let inside = |open, close| written.strip_prefix(open)?.strip_suffix(close);
        if let Some(item) = inside('[', ']') {
            return Self::List(Box::new(Self::read(item)));
        }
        if let Some(value) = inside('{', '}') {
            return Self::Map(Box::new(Self::read(value)));
        }
        match written {
            "any" => Self::Any,
            "string" => Self::Text,
            "bool" => Self::Bool,
            "integer" => Self::Integer,
            "amount" => Self::Amount,
            "duration" => Self::Duration,
            name => Self::Object(name),
        }
    }
}

/// A mistake in an object's fields, at a JSON pointer.
#[derive(Debug)]
pub(in crate::lint) struct FieldMistake {
    pub(in crate::lint) pointer: String,
    pub(in crate::lint) kind: FieldMistakeKind,
    pub(in crate::lint) problem: String,
    pub(in crate::lint) help: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lint) enum FieldMistakeKind {
    Unknown,
    Type,
    Missing,
}

/// The names of the fields of a type.
pub(in crate::lint) fn names(of: &str) -> impl Iterator<Item = &'static str> {
    TYPES.get(of).into_iter().flat_map(|fields| fields.keys().copied())
}

/// The mistakes in the fields of an object of the type `of` at `pointer`.
pub(in crate::lint) fn judge(of: &'static str, value: &Value, pointer: &str) -> Vec<FieldMistake> {
    let mut found = Vec::new();
    object(of, value, pointer, &mut found);
    found
}

fn object(of: &'static str, value: &Value, pointer: &str, found: &mut Vec<FieldMistake>) {
    let (Some(fields), Value::Object(map)) = (TYPES.get(of), value) else { return };
    for (key, value) in map {
        match fields.get(key.as_str()) {
            Some(field) => check(&field.form, value, &child(pointer, key), found),
            None => found.push(unknown(key, fields, &child(pointer, key))),
        }
    }
    for (name, _) in fields.iter().filter(|(name, field)| field.is_required && is_empty(&value[**name])) {
        found.push(FieldMistake {
            pointer: if map.contains_key(*name) { child(pointer, name) } else { pointer.to_owned() },
            kind: FieldMistakeKind::Missing,
            problem: format!("`{name}` is missing"),
            help: format!("write `{name}`"),
        });
    }
}

fn unknown(key: &str, fields: &Fields, pointer: &str) -> FieldMistake {
    let known = || fields.keys().copied();
    FieldMistake {
        pointer: pointer.to_owned(),
        kind: FieldMistakeKind::Unknown,
        problem: format!("Argo Events has no field `{key}` here{}", hint(key, known())),
        help: format!(
            "it is ignored without a message; known: {}",
            known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Whether Argo Events takes the value for one that is not there.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn check(form: &FieldForm, value: &Value, pointer: &str, found: &mut Vec<FieldMistake>) {
    let (wanted, is_good) = match (form, value) {
        (FieldForm::Any, _) | (_, Value::Null) => return,
        (FieldForm::List(item), Value::Array(items)) => {
            let items = items.iter().enumerate();
            return items.for_each(|(n, value)| check(item, value, &format!("{pointer}/{n}"), found));
        }
        (FieldForm::Map(of), Value::Object(map)) => {
            return map.iter().for_each(|(key, value)| check(of, value, &child(pointer, key), found));
        }
        (FieldForm::Object(of), Value::Object(_)) => return object(of, value, pointer, found),
        (FieldForm::Duration, value) => return found.extend(duration(value, pointer)),
        (FieldForm::Amount, Value::String(text)) => return found.push(quoted_amount(text, pointer)),
        (FieldForm::Text, value) => ("a text", value.is_string()),
        (FieldForm::Bool, value) => ("`true` or `false`", value.is_boolean()),
        (FieldForm::Integer, value) => ("a whole number", value.is_i64() || value.is_u64()),
        (FieldForm::Amount, value) => ("a number", value.is_number()),
        (FieldForm::List(_), _) => ("a list", false),
        (FieldForm::Map(_) | FieldForm::Object(_), _) => ("a map", false),
    };
    if !is_good {
        found.push(wrong_type(pointer, wanted, value));
    }
}

fn wrong_type(pointer: &str, wanted: &str, value: &Value) -> FieldMistake {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let help = match value {
        Value::String(text) if text.parse::<f64>().is_ok() || ["true", "false"].contains(&text.as_str()) => {
            format!(
                "the API server takes it, but Argo Events cannot read the object; write {text} without quotes"
            )
        }
        Value::Number(_) | Value::Bool(_) if wanted == "a text" => {
            format!(
                "the API server takes it, but Argo Events cannot read the object; write \"{value}\" in quotes"
            )
        }
        _ => "the API server takes it, but Argo Events cannot read the object".to_owned(),
    };
    let problem = format!("`{name}` has to be {wanted}");
    FieldMistake { pointer: pointer.to_owned(), kind: FieldMistakeKind::Type, problem, help }
}

/// A number in quotes, which only fails when the first event comes (argo-events `pkg/apis/events/v1alpha1/amount.go`).
fn quoted_amount(text: &str, pointer: &str) -> FieldMistake {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    FieldMistake {
        pointer: pointer.to_owned(),
        kind: FieldMistakeKind::Type,
        problem: format!("`{name}` is a text"),
        help: format!(
            "write {text} without quotes; otherwise each event is lost with `invalid {name}` in the pod's log, and nothing says so before"
        ),
    }
}

/// The least duration that is meant as one, in nanoseconds: a millisecond.
const LEAST: u64 = 1_000_000;

fn duration(value: &Value, pointer: &str) -> Option<FieldMistake> {
    let (problem, help) = match value {
        Value::String(text) if crate::duration::parse_go_duration(text).is_none() => (
            format!("`{text}` is no duration"),
            "write a number with a unit, such as 500ms, 1s or 2m".to_owned(),
        ),
        Value::String(_) => return None,
        Value::Number(number) if number.as_u64().is_some_and(|n| n >= LEAST) => return None,
        Value::Number(number) => {
            (format!("{number} is a number of nanoseconds"), format!("write a unit, such as {number}s"))
        }
        _ => return Some(wrong_type(pointer, "a duration, such as 1s", value)),
    };
    Some(FieldMistake { pointer: pointer.to_owned(), kind: FieldMistakeKind::Type, problem, help })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_that_the_table_names_is_in_it() {
        fn named(form: &FieldForm) -> Option<&'static str> {
            match form {
                FieldForm::List(of) | FieldForm::Map(of) => named(of),
                FieldForm::Object(name) => Some(name),
                _ => None,
            }
        }
        let missing = TYPES.values().flat_map(BTreeMap::values).filter_map(|field| named(&field.form));
        assert_eq!(missing.filter(|name| !TYPES.contains_key(name)).collect::<Vec<_>>(), [""; 0]);
        assert!(TYPES.len() > 100 && TYPES["Trigger"].contains_key("atLeastOnce"), "{}", TYPES.len());
    }

    #[test]
    fn wrong_fields_are_found_at_any_depth() {
        let spec = json!({"spec": {
            "github": {"push": {"webhookSecrt": {}, "webhook": {"endpoint": "/", "port": 12000, "maxPayloadSize": "1"}}},
            "webhook": {"any": {"endpoint": "/", "port": "1", "filter": {"expresion": ""}}},
            "replicas": "2",
        }});
        let found: Vec<_> = judge("EventSource", &spec, "").into_iter().map(|one| one.pointer).collect();
        let at = |path: &str| format!("/spec/{path}");
        assert_eq!(
            found,
            [
                at("github/push/webhook/maxPayloadSize"),
                at("github/push/webhook/port"),
                at("github/push/webhookSecrt"),
                at("replicas"),
                at("webhook/any/filter/expresion"),
            ]
        );
    }

    #[test]
    fn durations_and_amounts_are_what_go_reads() {
        let backoff = |duration, factor| {
            let bad = judge("Backoff", &json!({"duration": duration, "factor": factor}), "");
            bad.into_iter().map(|one| one.problem).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(backoff(json!("1m30s"), json!(1.5)), "");
        assert_eq!(backoff(json!(1_000_000_000), json!(2)), "");
        assert_eq!(backoff(json!("1d"), json!("2")), "`1d` is no duration; `factor` is a text");
        assert_eq!(
            backoff(json!(5), json!(true)),
            "5 is a number of nanoseconds; `factor` has to be a number"
        );
        assert!(serde_json::from_str::<Value>("1").unwrap().is_number());
    }
}
