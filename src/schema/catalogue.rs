//! The schema of a catalogue of services.

use serde_json::{Map, Value, json};

use super::form::SchemaWriter;
use super::text::StepPlace;
use super::{docs, whole};
use crate::catalogue::{CATALOGUE, CatalogueForm, CatalogueTable, ITEMS, SECRET, TextForm};
use crate::step::{Kind, ValueForm};

const PAGE: &str = include_str!("../../docs/catalogue.md");

/// The sections of the page with tables, each with the fields above those of its table.
const SECTIONS: [(&str, &str); 4] = [
    ("services.", "A service"),
    ("defaults.", "A service"),
    ("hook.", "The hook"),
    ("", "The top of the file"),
];

/// The schema of a catalogue.
#[must_use]
pub fn catalogue() -> Value {
    let mut schema = map("", CATALOGUE);
    schema["$defs"] = json!({"targets": targets()});
    whole("A catalogue of services for `argo-buildkit render`", schema)
}

/// The description of the field `path`, such as `services.cache.registry`.
pub(super) fn description(path: &str) -> Option<String> {
    let (above, section) = SECTIONS.iter().find(|(above, _)| path.starts_with(above))?;
    docs::described(PAGE, section, &path[above.len()..])
}

fn map(path: &str, table: &CatalogueTable) -> Value {
    let fields = table.fields.iter().map(|field| {
        let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        let mut schema = value(&path, field.form);
        if let Some(text) = description(&path) {
            schema["description"] = json!(text);
        }
        (field.name.to_owned(), schema)
    });
    let fields: Map<_, _> = fields.collect();
    let required: Vec<_> =
        table.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut map = json!({"type": "object", "properties": fields, "additionalProperties": false});
    if !required.is_empty() {
        map["required"] = json!(required);
    }
    map
}

fn value(path: &str, form: CatalogueForm) -> Value {
    match form {
        CatalogueForm::Text(form) => text(form),
        CatalogueForm::MaybeText(form) => json!({"anyOf": [text(form), {"const": ""}]}),
        CatalogueForm::Bool => json!({"type": "boolean"}),
        CatalogueForm::Number(least, most) => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        CatalogueForm::Names(names) => json!({"enum": names}),
        CatalogueForm::List(least, item) => json!({
            "type": "array",
            "minItems": least,
            "maxItems": ITEMS,
            "items": value(path, *item),
        }),
        CatalogueForm::Pairs(key, _) => json!({
            "type": "object",
            "maxProperties": ITEMS,
            "propertyNames": text(key),
            "additionalProperties": plain(),
        }),
        CatalogueForm::Map(table) => map(path, table),
        CatalogueForm::BoolOrMap(table) => json!({"anyOf": [{"type": "boolean"}, map(path, table)]}),
        CatalogueForm::Secret => json!({"anyOf": [text(TextForm::ObjectName), map(path, SECRET)]}),
        CatalogueForm::Targets => json!({"$ref": "#/$defs/targets"}),
    }
}

fn text(form: TextForm) -> Value {
    let mut text = plain();
    text["pattern"] = json!(form.pattern().unwrap_or(r"\S"));
    text
}

/// Any text without an expression of Argo.
fn plain() -> Value {
    json!({"type": "string", "not": {"pattern": r"\{\{"}})
}

/// The targets of `update-manifest`, where references to a build may stand.
fn targets() -> Value {
    let kind = Kind::UpdateManifest;
    let ValueForm::Map(table) = kind.spec().form else { return json!({}) };
    let Some(field) = table.fields.iter().find(|field| field.name == "targets") else { return json!({}) };
    let mut targets = SchemaWriter { kind, place: StepPlace::Entry }.value("targets", field.form);
    targets["type"] = json!("array");
    targets
}
