//! Regular expressions of filters: those that Go refuses, and those that match more than they name.

use serde_json::Value;

use super::super::super::events::sensor::{self, items};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::{error, warning};
use crate::go::regex;

/// The last part of paths whose values are names as a whole.
const NAMES: [&str; 13] = [
    "ref",
    "base_ref",
    "ref_name",
    "default_branch",
    "login",
    "username",
    "full_name",
    "clone_url",
    "action",
    "after",
    "before",
    "x-github-event",
    "x-gitea-event",
];

/// A value of a filter that is a regular expression.
struct Pattern<'a> {
    sensor: &'a ArgoObject<'a>,
    pointer: String,
    path: &'a str,
    is_negative: bool,
    text: &'a str,
}

fn all<'a>(given: &'a Given<'a>) -> Vec<Pattern<'a>> {
    let mut found = Vec::new();
    for sensor in given.of_events("Sensor") {
        for dependency in sensor::dependencies(sensor) {
            let place = format!("{}/filters/data", dependency.pointer);
            for (pointer, filter) in items(&dependency.value["filters"]["data"], &place) {
                let values = items(&filter["value"], &format!("{pointer}/value"));
                let texts = values.filter(|_| filter["type"] == "string");
                found.extend(texts.filter_map(|(pointer, value)| {
                    let (path, is_negative) = (filter["path"].as_str()?, filter["comparator"] == "!=");
                    Some(Pattern {
                        sensor,
                        pointer,
                        path,
                        is_negative,
                        text: value.as_str().filter(|text| !text.is_empty())?,
                    })
                }));
            }
        }
    }
    found
}

/// Regular expressions that Go does not compile.
pub(in super::super) fn refused<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    let filters = all(given).into_iter().map(|pattern| (pattern.sensor, pattern.pointer, pattern.text));
    let expressions = given.of_events("Sensor").flat_map(|sensor| {
        sensor::dependencies(sensor).into_iter().flat_map(move |dependency| {
            let place = format!("{}/filters/exprs", dependency.pointer);
            let texts =
                items(&dependency.value["filters"]["exprs"], &place).filter_map(move |(pointer, filter)| {
                    Some((sensor, format!("{pointer}/expr"), matched(filter)?))
                });
            texts.collect::<Vec<_>>()
        })
    });
    for (sensor, pointer, text) in filters.chain(expressions) {
        let Err(wrong) = regex::parse(text) else { continue };
        let problem = format!("Go cannot read this regular expression: {}: `{}`", wrong.problem, wrong.part);
        let help = "each event is dropped, and only the Sensor's log says why; Go has no look-around and no back-references".to_owned();
        found.push(error(sensor, pointer, At::Text(wrong.part), problem, help));
    }
}

/// The text behind `=~` or `!~` in an expression.
fn matched(filter: &Value) -> Option<&str> {
    let text = filter["expr"].as_str()?;
    let (_, after) = text.split_once("=~").or_else(|| text.split_once("!~"))?;
    let after = after.trim_start();
    let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    after[1..].split(quote).next().filter(|inside| !inside.contains('\\'))
}

/// Regular expressions of names that are not anchored.
pub(in super::super) fn open<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for pattern in all(given) {
        let last = pattern.path.rsplit('.').next().unwrap_or_default().to_lowercase();
        let Ok(anchors) = regex::parse(pattern.text) else { continue };
        if !NAMES.contains(&last.as_str()) || (anchors.start && anchors.end) {
            continue;
        }
        let (Pattern { sensor, pointer, text, .. }, effect) =
            (&pattern, if pattern.is_negative { "drops" } else { "lets through" });
        let where_ = match (anchors.start, anchors.end) {
            (false, false) => "anywhere in it",
            (true, false) => "at its beginning",
            _ => "at its end",
        };
        let problem = format!("the filter {effect} every `{last}` that has `{text}` {where_}");
        found.push(warning(
            sensor,
            pointer.clone(),
            At::Value,
            problem,
            format!("write `{}` to match it as a whole", whole(&last, text)),
        ));
    }
}

/// The expression that matches a name as a whole.
fn whole(last: &str, text: &str) -> String {
    let plain = text.trim_start_matches('^').trim_end_matches('$');
    let is_branch = last == "ref" && !plain.contains('/');
    let plain =
        if plain.contains('|') && !plain.ends_with(')') { format!("({plain})") } else { plain.to_owned() };
    if is_branch { format!("^refs/heads/{plain}$") } else { format!("^{plain}$") }
}
