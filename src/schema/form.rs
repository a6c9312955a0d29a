//! The schema of a value, from the table that the parser uses.

use serde_json::{Map, Value, json};

use super::docs;
use super::text::StepPlace;
use crate::step::{FieldTable, Kind, ValueForm, max_entries, max_items};

/// Writes the schemas of the fields of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct SchemaWriter {
    pub(super) kind: Kind,
    pub(super) place: StepPlace,
}

impl SchemaWriter {
    /// The schema of the value at `path`.
    pub(super) fn value(&self, path: &str, form: ValueForm) -> Value {
        let string = |pattern| self.place.string(pattern);
        match form {
            ValueForm::Text => string(None),
            ValueForm::Word => string(Some(r"\S")),
            ValueForm::Bool => also("boolean", string(Some(r"^\s*(?:true|false)\s*$"))),
            ValueForm::Number(least, most) => {
                let mut number = also("integer", string(Some(r"^\s*[+-]?[0-9]+\s*$")));
                number["minimum"] = json!(least);
                number["maximum"] = json!(most);
                number
            }
            ValueForm::Names(names) => self.names(names),
            ValueForm::Maybe(form) => json!({"anyOf": [self.value(path, *form), empty()]}),
            ValueForm::List(least, item) => {
                let mut list = also("array", string(Some(r"^\s*\[")));
                list["minItems"] = json!(least);
                self.items(list, path, *item)
            }
            ValueForm::Words(item) => {
                self.items(also("array", string(commas(*item).as_deref())), path, *item)
            }
            ValueForm::Pairs(least, value) => self.pairs(least, path, *value),
            ValueForm::Map(table) => self.map(path, table),
            ValueForm::Any(forms) => {
                let forms: Vec<_> = forms.iter().map(|form| self.value(path, *form)).collect();
                json!({"anyOf": forms})
            }
            ValueForm::Entries => self.entries(),
        }
    }

    /// One of a few names, or a string that becomes one of them.
    fn names(&self, names: &[&str]) -> Value {
        match self.place {
            StepPlace::Alone => json!({"enum": names}),
            // No name matches the pattern alone: the string contains what is replaced later.
            _ => json!({"anyOf": [{"enum": names}, self.place.string(Some(r"[^\s\S]"))]}),
        }
    }

    fn items(&self, mut list: Value, path: &str, item: ValueForm) -> Value {
        list["maxItems"] = json!(max_items());
        list["items"] = self.value(path, item);
        list
    }

    fn pairs(&self, least: usize, path: &str, value: ValueForm) -> Value {
        let mut map = also("object", self.place.string(Some(r"^\s*\{")));
        map["minProperties"] = json!(least);
        map["maxProperties"] = json!(max_items());
        map["propertyNames"] = self.place.key();
        map["additionalProperties"] = self.value(path, value);
        map
    }

    fn map(&self, path: &str, table: &FieldTable) -> Value {
        let mut map = also("object", self.place.string(Some(r"^\s*\{")));
        let fields = table.fields.iter().map(|field| {
            let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
            let mut schema = self.value(&path, field.form);
            if !field.required {
                schema = or_empty(schema);
            }
            if let Some(text) = docs::description(self.kind, &path) {
                schema["description"] = json!(text);
            }
            (field.name.to_owned(), schema)
        });
        map["properties"] = Value::Object(fields.collect::<Map<_, _>>());
        map["additionalProperties"] = json!(false);
        let required: Vec<_> =
            table.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        if !required.is_empty() {
            map["required"] = json!(required);
        }
        if !table.rules.is_empty() {
            let rules: Vec<_> = table.rules.iter().map(|rule| self.rule(*rule)).collect();
            // A string with the map as JSON has no keys.
            map["if"] = json!({"type": "object"});
            map["then"] = json!({"allOf": rules});
        }
        map
    }

    fn entries(&self) -> Value {
        let mut list = also("array", self.place.json('['));
        list["minItems"] = json!(1);
        list["maxItems"] = json!(max_entries());
        list["items"] = json!({"$ref": "#/$defs/entry"});
        list
    }
}

/// The pattern of a string that is a list as JSON, or items separated by commas. None if any string is one.
fn commas(item: ValueForm) -> Option<String> {
    let part = match item {
        ValueForm::Maybe(ValueForm::Names(names)) => {
            format!(r"\s*(?:|{})\s*", names.join("|").replace('.', r"\."))
        }
        ValueForm::Maybe(_) => return None,
        _ => r"[^,]*[^,\s][^,]*".to_owned(),
    };
    Some(format!(r"^\s*\[|^{part}(?:,{part})*$"))
}

/// The schema of a string, for values of another type too.
fn also(kind: &str, mut string: Value) -> Value {
    string["type"] = json!([kind, "string"]);
    string
}

fn empty() -> Value {
    json!({"enum": [null, ""]})
}

/// The schema, or nothing: an optional field may be null or an empty string.
fn or_empty(mut schema: Value) -> Value {
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(forms) => forms.push(empty()),
        None => schema = json!({"anyOf": [schema, empty()]}),
    }
    schema
}
