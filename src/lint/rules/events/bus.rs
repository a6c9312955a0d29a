//! EventBuses: the size of a message, and how a full stream behaves.

use serde_json::Value;

use super::super::super::events::{bus, source};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::hooks::{LARGEST_POST, largest};
use super::{error, warning};
use crate::manifest::documents::documents;
use crate::step::hint;

/// The settings of a stream that Argo Events reads, without case (argo-events `pkg/eventbus/jetstream/base`).
const STREAM: [&str; 7] = ["maxMsgs", "maxAge", "maxBytes", "replicas", "duplicates", "retention", "discard"];

/// How many copies a stream has, and how many servers a bus has, unless said.
const COPIES: u64 = 3;

/// Sources that take larger posts than their bus.
pub(in super::super) fn too_large<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in given.of_events("EventSource") {
        let name = bus(object.spec);
        let Some(server) = given.of_events("EventBus").find(|server| server.name == name) else { continue };
        for kind in ["jetstream", "nats"] {
            let settings = if kind == "nats" { &server.spec["nats"]["native"] } else { &server.spec[kind] };
            if !settings.is_object() {
                continue;
            }
            let written = settings["maxPayload"].as_str();
            let Some(limit) = written.map_or(Some(LARGEST_POST), bytes) else { continue };
            for (pointer, size) in
                source::events(object).iter().filter_map(largest).filter(|(_, size)| *size > limit)
            {
                let shown = written.unwrap_or("1MB, its default");
                let problem =
                    format!("the source takes {size} bytes, but its EventBus `{name}` takes {shown}");
                let help = format!(
                    "write `maxPayload` under `spec.{kind}` of the EventBus, a little larger than {size} bytes; otherwise a larger push ends with `failed to record event`, and is lost"
                );
                found.push(warning(object, pointer, At::Value, problem, help));
            }
        }
    }
}

/// A size as NATS reads it, such as `8MB`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" => 1000,
        "KB" | "KI" | "KIB" => 1 << 10,
        "M" => 1_000_000,
        "MB" | "MI" | "MIB" => 1 << 20,
        "G" => 1_000_000_000,
        "GB" | "GI" | "GIB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Streams that lose messages, or are not made.
pub(in super::super) fn streams<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in given.of_events("EventBus") {
        for kind in ["jetstream", "jetstreamExotic"] {
            let (bus, place) = (&object.spec[kind], format!("{}/{kind}", object.spec_pointer));
            if !bus.is_object() {
                continue;
            }
            let written = bus["streamConfig"].as_str().unwrap_or_default();
            match documents(written.as_bytes()) {
                Ok((_, inside)) => {
                    let config = inside.into_iter().next().map_or(Value::Null, |document| document.value);
                    judge(object, (kind, place), bus, &config, found);
                }
                Err(wrong) => {
                    let problem = format!("`streamConfig` is no YAML: {wrong}");
                    let help = "the pods of the EventSource and the Sensor do not start".to_owned();
                    found.push(error(object, format!("{place}/streamConfig"), At::Key, problem, help));
                }
            }
        }
    }
}

fn judge<'a>(
    object: &'a ArgoObject<'a>,
    (kind, place): (&str, String),
    bus: &Value,
    config: &Value,
    found: &mut Vec<RuleMatch<'a>>,
) {
    let settings = config.as_object().into_iter().flatten();
    let setting =
        |name: &str| settings.clone().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let at = if bus["streamConfig"].is_string() { format!("{place}/streamConfig") } else { place };
    for (key, _) in
        settings.clone().filter(|(key, _)| !STREAM.iter().any(|known| key.eq_ignore_ascii_case(known)))
    {
        let problem = format!("a stream has no `{key}`{}", hint(key, STREAM));
        let help = format!("it is ignored without a message; known: `{}`", STREAM.join("`, `"));
        found.push(error(object, at.clone(), At::Text(key.clone()), problem, help));
    }
    // A stream of a server of one's own has no limits but those that are written.
    let has_limit = kind == "jetstream" || ["maxMsgs", "maxBytes"].iter().any(|name| setting(name).is_some());
    found.extend(discard(setting("discard"), has_limit).map(|(is_error, problem)| {
        let help = "write `discard: 1` in `streamConfig`: a full stream then refuses a new event, which the sender sees".to_owned();
        let make = if is_error { error } else { warning };
        make(object, at.clone(), At::Text("discard".to_owned()), problem, help)
    }));
    let copies = setting("replicas").map_or((kind == "jetstream").then_some(COPIES), Value::as_u64);
    let servers = bus["replicas"].as_u64().unwrap_or(COPIES);
    if let Some(copies) = copies.filter(|copies| kind == "jetstream" && *copies > servers) {
        let problem = format!(
            "the stream wants {copies} copies, and the bus has {servers} server(s), so it is never made"
        );
        let help = format!("write `replicas: {servers}` in `streamConfig` too");
        found.push(error(object, at, At::Text("replicas".to_owned()), problem, help));
    }
}

/// What is wrong with `discard`, and whether it is an error.
fn discard(written: Option<&Value>, has_limit: bool) -> Option<(bool, String)> {
    match written {
        Some(Value::String(word)) if word.parse::<u8>().is_err() => Some((
            true,
            format!(
                "`discard: {word}` counts as 0, so a full stream drops the oldest events without a message"
            ),
        )),
        Some(value) if value.as_u64().or_else(|| value.as_str()?.parse().ok()) == Some(1) => None,
        Some(value) if value.as_u64() == Some(0) => Some((
            false,
            "with `discard: 0`, a full stream drops the oldest events without a message".to_owned(),
        )),
        None if has_limit => Some((
            false,
            "without `discard`, a full stream drops the oldest events without a message".to_owned(),
        )),
        None => None,
        Some(value) => Some((true, format!("`discard: {value}` is neither 0 nor 1"))),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_those_of_nats() {
        assert_eq!(
            ["8MB", "1mb", "1048576", "2 MB", "1GB"].map(bytes),
            [8 << 20, 1 << 20, 1 << 20, 2 << 20, 1 << 30].map(Some)
        );
        assert_eq!(["", "large", "1TBX"].map(bytes), [None; 3]);
    }
}
