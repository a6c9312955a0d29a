//! The schema of a step: the value under `plugin.buildkit`.

use serde_json::{Map, Value, json};

use super::form::SchemaWriter;
use super::text::StepPlace;
use super::{extend, whole};
use crate::step::Kind;

/// The schema of a step, as the plugin gets it: Argo has replaced every `{{…}}`.
#[must_use]
pub fn step() -> Value {
    let mut schema = body(StepPlace::Alone);
    schema["$defs"] = defs(StepPlace::Alone);
    whole("A step of argo-buildkit: what stands under `plugin.buildkit`", schema)
}

/// The definitions `step` and `entry`, and one of each kind for both.
pub(super) fn defs(place: StepPlace) -> Value {
    let mut defs = json!({"entry": entry(within(place))});
    for place in [place, within(place)] {
        for &kind in Kind::ALL {
            defs[name(kind, place)] = SchemaWriter { kind, place }.value("", kind.spec().form);
        }
    }
    defs
}

/// A map of one kind, or a string with it.
pub(super) fn body(place: StepPlace) -> Value {
    let mut schema = place.json('{');
    schema["type"] = json!(["object", "string"]);
    let kinds = Kind::ALL.iter().map(|&kind| (kind.name().to_owned(), refer(kind, place)));
    extend(
        &mut schema,
        json!({
            "properties": kinds.collect::<Map<_, _>>(),
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        }),
    );
    schema
}

/// A whole reference, as in `when`.
const REFERENCE: &str = r"\$\([a-z0-9-]{1,63}\.[a-z0-9-]{1,63}\)";

/// An entry of `steps`: a map of one kind, with an optional name and an optional `when`.
fn entry(place: StepPlace) -> Value {
    let nested = || Kind::ALL.iter().copied().filter(|kind| kind.spec().nests);
    let mut fields: Map<_, _> = nested().map(|kind| (kind.name().to_owned(), refer(kind, place))).collect();
    let mut named = place.string(Some("^[a-z0-9-]{0,63}$"));
    named["type"] = json!(["string", "null"]);
    named["description"] = json!(
        "The entry's name, for references and outputs: lower-case letters, digits and `-`. Default: the kind."
    );
    fields.insert("name".into(), named);
    let mut when = place.string(Some(&format!(r"^(?:|\s*(?:true|false|{REFERENCE})\s*)$")));
    when["type"] = json!(["boolean", "string", "null"]);
    when["description"] = json!(
        "Whether the entry runs: a bool, or one reference to an output that is one, such as `$(select.selected)`."
    );
    fields.insert("when".into(), when);
    let one: Vec<_> = nested().map(|kind| json!({"required": [kind.name()]})).collect();
    let mut schema = place.json('{');
    schema["type"] = json!(["object", "string"]);
    extend(
        &mut schema,
        json!({
            "properties": fields,
            "additionalProperties": false,
            "if": {"type": "object"},
            "then": {"oneOf": one},
        }),
    );
    schema
}

/// The place of an entry of a step at `place`.
fn within(place: StepPlace) -> StepPlace {
    match place {
        StepPlace::Alone | StepPlace::Entry => StepPlace::Entry,
        StepPlace::File => StepPlace::File,
    }
}

fn name(kind: Kind, place: StepPlace) -> String {
    if place == StepPlace::Entry { format!("{kind}-entry") } else { kind.to_string() }
}

fn refer(kind: Kind, place: StepPlace) -> Value {
    json!({"$ref": format!("#/$defs/{}", name(kind, place))})
}
