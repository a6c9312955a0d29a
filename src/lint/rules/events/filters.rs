//! Filters of dependencies that are refused, or that hold back other events than they say.

use serde_json::Value;

use super::super::super::events::{paths, sensor, sensor::Dependency, sensor::items, source};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::error;
use crate::step::hint;

/// The comparators of numbers. A text has the first two, a bool none.
const COMPARATORS: [&str; 6] = ["=", "!=", ">=", ">", "<=", "<"];

/// The types of a filter's value.
const TYPES: [&str; 3] = ["string", "number", "bool"];

/// Where a filter says how its parts count together.
const OPERATORS: [&str; 3] =
    ["filtersLogicalOperator", "filters/dataLogicalOperator", "filters/exprLogicalOperator"];

/// What is wrong with a filter: the pointer below it, the problem, what to do.
type Wrong = (String, String, String);

/// Filters that drop all events, or none.
pub(in super::super) fn wrong<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for sensor in given.of_events("Sensor") {
        for dependency in sensor::dependencies(sensor) {
            let place = format!("{}/filters", dependency.pointer);
            let mut wrong: Vec<Wrong> = Vec::new();
            for (pointer, filter) in items(&dependency.value["filters"]["data"], &format!("{place}/data")) {
                wrong.extend(
                    data(filter).map(|(key, problem, help)| (format!("{pointer}/{key}"), problem, help)),
                );
            }
            for (pointer, filter) in items(&dependency.value["filters"]["exprs"], &format!("{place}/exprs")) {
                wrong.extend(
                    expression(filter)
                        .map(|(key, problem, help)| (format!("{pointer}/{key}"), problem, help)),
                );
            }
            wrong.extend(operators(&dependency));
            found.extend(
                wrong
                    .into_iter()
                    .map(|(pointer, problem, help)| error(sensor, pointer, At::Value, problem, help)),
            );
        }
    }
}

fn operators(dependency: &Dependency<'_>) -> Vec<Wrong> {
    let wrong = OPERATORS.into_iter().filter_map(|key| {
        let written = dependency.value.pointer(&format!("/{key}"))?.as_str()?;
        let problem = format!("`{written}` is no operator");
        let help = "write `and` or `or`; otherwise the Sensor's controller refuses it".to_owned();
        (!["", "and", "or"].contains(&written))
            .then(|| (format!("{}/{key}", dependency.pointer), problem, help))
    });
    wrong.collect()
}

/// What is wrong with a filter of data (argo-events `pkg/sensors/dependencies/filter.go`).
fn data(filter: &Value) -> Option<Wrong> {
    let dropped = "each event is dropped, and only the Sensor's log says why";
    let kind = filter["type"].as_str().filter(|kind| !kind.is_empty())?;
    if !TYPES.contains(&kind) {
        let problem = format!("`{kind}` is no type{}", hint(kind, TYPES));
        return Some((
            "type".to_owned(),
            problem,
            format!("known: `string`, `number`, `bool`; otherwise {dropped}"),
        ));
    }
    let comparator = filter["comparator"].as_str().unwrap_or_default();
    if !comparator.is_empty() && !COMPARATORS.contains(&comparator) {
        let problem = format!("`{comparator}` is no comparator");
        return Some(("comparator".to_owned(), problem, "known: `=`, `!=`, `>=`, `>`, `<=`, `<`".to_owned()));
    }
    let values: Vec<_> = filter["value"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let misread = values.iter().enumerate().find_map(|(n, value)| Some((n, value, misread(kind, value)?)));
    if let Some((n, value, wanted)) = misread {
        return Some((
            format!("value/{n}"),
            format!("`{value}` is no {wanted}"),
            format!("otherwise {dropped}"),
        ));
    }
    comparison(kind, comparator, values.len())
        .map(|(problem, help)| ("comparator".to_owned(), problem, help.to_owned()))
}

/// What a value of this type has to be, if it is none.
fn misread(kind: &str, value: &str) -> Option<&'static str> {
    match kind {
        // What Go's `strconv.ParseBool` takes.
        "bool"
            if !["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"]
                .contains(&value) =>
        {
            Some("bool: write `true` or `false`")
        }
        "number" if value.replace('_', "").parse::<f64>().is_err() => Some("number"),
        _ if value.is_empty() => Some("value"),
        _ => None,
    }
}

fn comparison(kind: &str, comparator: &str, values: usize) -> Option<(String, &'static str)> {
    match (kind, comparator) {
        ("string", ">=" | ">" | "<=" | "<") => Some((
            format!("`{comparator}` never holds for a text"),
            "write `=` or `!=` with a regular expression, or `type: number`",
        )),
        ("bool", "!=" | ">=" | ">" | "<=" | "<") => Some((
            format!("a bool is only compared with `=`: `{comparator}` counts as `=`"),
            "leave it out, and write the other value",
        )),
        (_, "!=") if values > 1 => Some((
            "`!=` with several values holds if any of them differs, so nearly always".to_owned(),
            "write one regular expression, such as `^(a|b)$`, or a filter for each value",
        )),
        _ => None,
    }
}

/// What is wrong with a filter that is an expression: names that are none of its fields.
fn expression(filter: &Value) -> Option<Wrong> {
    let fields: Vec<_> =
        filter["fields"].as_array()?.iter().filter_map(|field| field["name"].as_str()).collect();
    let missing = names(filter["expr"].as_str()?).into_iter().find(|name| !fields.contains(name))?;
    let problem =
        format!("the expression names `{missing}`, which is none of its `fields`{}", hint(missing, fields));
    Some(("expr".to_owned(), problem, "each event is dropped, and only the Sensor's log says why".to_owned()))
}

/// The names of variables in an expression of govaluate.
fn names(text: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' | '\'' | '`' => rest[1..].find(next).map_or(rest.len(), |end| end + 2),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        let is_name = next.is_alphabetic() || next == '_';
        // A `.` reads a field, a `(` calls a function, a `\` belongs to a name.
        if is_name && !["true", "false", "in"].contains(&word) && !after.starts_with(['.', '(', '\\']) {
            names.push(word);
        } else if is_name && after.starts_with(['.', '\\']) {
            return Vec::new();
        }
        rest = after;
    }
    names
}

/// Paths to the lists of changed files.
pub(in super::super) fn changed_files<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for sensor in given.of_events("Sensor") {
        for dependency in sensor::dependencies(sensor) {
            for (pointer, path) in
                filter_paths(&dependency).into_iter().filter(|(_, path)| paths::is_changed_files(path))
            {
                let problem = "Gitea lists only the newest five commits of a push, and `head_commit` is the newest one, so this filter misses files".to_owned();
                let help = "filter by nothing that names files: the step `select` compares the trees of both ends (docs/events.md)".to_owned();
                let path =
                    path.lines().find(|line| paths::is_changed_files(line)).unwrap_or(path).trim().to_owned();
                found.push(error(sensor, pointer, At::Text(path), problem, help));
            }
        }
    }
}

/// The paths, and the script, that a dependency's filters read.
pub(super) fn filter_paths<'a>(dependency: &Dependency<'a>) -> Vec<(String, &'a str)> {
    let filters = &dependency.value["filters"];
    let place = format!("{}/filters", dependency.pointer);
    let mut all: Vec<(String, &'a Value)> = items(&filters["data"], &format!("{place}/data")).collect();
    for (pointer, filter) in items(&filters["exprs"], &format!("{place}/exprs")) {
        all.extend(items(&filter["fields"], &format!("{pointer}/fields")));
    }
    let paths = all
        .into_iter()
        .filter_map(|(pointer, filter)| Some((format!("{pointer}/path"), filter["path"].as_str()?)));
    let script = filters["script"].as_str().map(|script| (format!("{place}/script"), script));
    paths.chain(script).collect()
}

/// The parts of an event's data, by the kind of its source.
const PARTS: [(&str, &[&str]); 2] =
    [("github", &["headers", "body", "metadata"]), ("webhook", &["header", "body", "metadata"])];

/// Paths that begin with a part that the event does not have.
pub(in super::super) fn unknown_parts<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for sensor in given.of_events("Sensor") {
        for dependency in
            sensor::dependencies(sensor).into_iter().filter(|one| one.value.get("transform").is_none())
        {
            let Some(parts) = parts(given, &dependency) else { continue };
            let mut paths = filter_paths(&dependency);
            paths.retain(|(pointer, _)| !pointer.ends_with("/script"));
            paths.extend(data_keys(sensor, dependency.name));
            for (pointer, path) in paths {
                let first = path.split(['.', '|', '#', '@']).next().unwrap_or_default();
                if !first.is_empty() && !parts.contains(&first) {
                    let problem = format!("the event has no `{first}`{}", hint(first, parts.iter().copied()));
                    let known = parts.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(", ");
                    let help = format!(
                        "an event of this source has {known}; without the value, the event is dropped or the trigger fails"
                    );
                    found.push(error(sensor, pointer, At::Text(first.to_owned()), problem, help));
                }
            }
        }
    }
}

/// The parts of the events of a dependency whose EventSource is among the files.
fn parts<'a>(given: &'a Given<'a>, dependency: &Dependency<'a>) -> Option<&'static [&'static str]> {
    let name = dependency.value["eventSourceName"].as_str()?;
    let source = given.of_events("EventSource").find(|source| source.name == name)?;
    let events = source::events(source);
    let event = events.iter().find(|event| dependency.value["eventName"] == event.name)?;
    PARTS.iter().find(|(kind, _)| *kind == event.kind).map(|(_, parts)| *parts)
}

/// The paths into the event of a dependency in parameters.
fn data_keys<'a>(sensor: &'a ArgoObject<'a>, dependency: &str) -> Vec<(String, &'a str)> {
    let parameters = sensor::triggers(sensor).into_iter().flat_map(|trigger| trigger.parameters());
    let own = parameters.filter(|(_, parameter)| parameter["src"]["dependencyName"] == dependency);
    own.filter_map(|(pointer, parameter)| {
        Some((format!("{pointer}/src/dataKey"), parameter["src"]["dataKey"].as_str()?))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn the_names_of_an_expression_are_its_variables() {
        for (text, expected) in [
            (r#"after != "000" && pusher != 'manifest-bot'"#, &["after", "pusher"][..]),
            (r#"ref =~ "^refs/heads/(main|master)$" && !deleted"#, &["ref", "deleted"]),
            ("a in (1, 2) || true", &["a"]),
            ("[any name] == 1", &[]),
            ("a1 > 1.5 && b_c", &["a1", "b_c"]),
            ("foo.bar == 1", &[]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }
}
