//! Paths: those into an event (gjson), and those into the object that a trigger makes (sjson).

use serde_json::Value;

use super::fields;
use crate::step::hint;

/// The parts of a path. A `\` before a `.` makes it a part of the name.
pub(in crate::lint) fn parts(path: &str) -> Vec<String> {
    let (mut parts, mut part, mut letters) = (Vec::new(), String::new(), path.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => part.extend(letters.next()),
            '.' => parts.push(std::mem::take(&mut part)),
            letter => part.push(letter),
        }
    }
    parts.push(part);
    parts
}

/// Whether a path into an event reads the lists of changed files, which Gitea cuts and GitHub limits.
pub(in crate::lint) fn is_changed_files(path: &str) -> bool {
    let is_place = |part: &str| matches!(part, "commits" | "head_commit");
    let is_list = |part: &str| matches!(part, "added" | "removed" | "modified");
    let words: Vec<_> = path.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let place = words.iter().position(|word| is_place(word));
    place.is_some_and(|at| words[at..].iter().any(|word| is_list(word)))
}

/// The fields of a parameter of a Workflow.
const PARAMETER: [&str; 7] = ["name", "value", "valueFrom", "default", "enum", "globalName", "description"];

/// The fields of an object of Kubernetes itself.
const OBJECT: [&str; 9] =
    ["apiVersion", "kind", "metadata", "spec", "data", "stringData", "binaryData", "type", "status"];

/// What is wrong with the path of a parameter into `target`.
pub(in crate::lint) fn wrong_target(path: &str, target: &Value) -> Option<String> {
    let special = path.replace("\\*", "").replace("\\?", "").replace("\\#", "");
    if let Some(letter) = special.chars().find(|letter| matches!(letter, '*' | '?' | '#')) {
        return Some(format!("a path to a place cannot have `{letter}`"));
    }
    let parts = parts(path);
    let (mut value, mut shown) = (target, String::new());
    for (n, part) in parts.iter().enumerate() {
        let is_last = n + 1 == parts.len();
        let place = if shown.is_empty() { "the object".to_owned() } else { format!("`{shown}`") };
        let next = match value {
            Value::Object(map) if part.is_empty() => {
                Err(format!("there is no name after {place}{}", known(map.keys())))
            }
            Value::Object(map) => match map.get(part) {
                Some(next) => Ok(Some(next)),
                None => absent(part, map.keys().map(String::as_str).collect(), &shown, parts.get(n + 1))
                    .map(|()| None),
            },
            Value::Array(items) => item(part, items, &place, is_last),
            Value::Null => Ok(None),
            _ => Err(format!("{place} is no map or list, so it has no `{part}`")),
        };
        shown = if shown.is_empty() { part.clone() } else { format!("{shown}.{part}") };
        match next {
            Ok(Some(next)) => value = next,
            Ok(None) => return None,
            Err(problem) => return Some(problem),
        }
    }
    None
}

fn known<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    let keys = keys.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if keys.is_empty() { String::new() } else { format!(": it has {keys}") }
}

fn item<'a>(part: &str, items: &'a [Value], place: &str, is_last: bool) -> Result<Option<&'a Value>, String> {
    let number = match part {
        "-1" => items.len(),
        digits => digits
            .parse()
            .map_err(|_| format!("{place} is a list, so a number has to follow, not `{part}`"))?,
    };
    match items.get(number) {
        Some(next) => Ok(Some(next)),
        None if is_last && number == items.len() => Ok(None),
        None => Err(format!("{place} has no item {part}: its {} items begin with 0", items.len())),
    }
}

/// Judges a key that a map does not have: whether it can be meant.
fn absent(part: &str, keys: Vec<&str>, place: &str, next: Option<&String>) -> Result<(), String> {
    let is_number = |part: &str| part == "-1" || part.bytes().all(|byte| byte.is_ascii_digit());
    let shown = if place.is_empty() { "the object".to_owned() } else { format!("`{place}`") };
    let within: Vec<_> = place.split('.').collect();
    let known: Option<Vec<&str>> = match within.as_slice() {
        [""] => Some(OBJECT.to_vec()),
        ["metadata"] => Some(fields::names("ObjectMeta").collect()),
        [.., "parameters", number] if is_number(number) => Some(PARAMETER.to_vec()),
        _ => None,
    };
    let names = || known.iter().flatten().copied().chain(keys.iter().copied());
    if known.as_ref().is_some_and(|known| known.contains(&part)) && !next.is_some_and(|next| is_number(next))
    {
        return Ok(());
    }
    let near = hint(part, names());
    let is_list = next.is_some_and(|next| is_number(next));
    let is_free = within.len() == 2 && matches!(within[1], "labels" | "annotations") || within == ["data"];
    if is_free || (known.is_none() && !is_list && !is_number(part) && near.is_empty()) {
        return Ok(());
    }
    let what = if is_list { "list" } else { "field" };
    Err(format!("{shown} has no {what} `{part}`{near}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_of_a_parameter_is_one_that_the_object_has() {
        let target = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": "x", "labels": {"a": "b"}},
            "spec": {"arguments": {"parameters": [{"name": "repo", "value": ""}, {"name": "sha"}]}},
        });
        for path in [
            "metadata.name",
            "metadata.generateName",
            r"metadata.labels.argo-buildkit\.io/service",
            "metadata.labels.c",
            "metadata.annotations.c",
            "spec.arguments.parameters.0.value",
            "spec.arguments.parameters.1.value",
            "spec.arguments.parameters.-1",
            "spec.arguments.parameters.2",
            "spec.entrypoint",
            "spec",
        ] {
            assert_eq!(wrong_target(path, &target), None, "{path}");
        }
        for (path, problem) in [
            (
                "spec.arguments.parameters.2.value",
                "`spec.arguments.parameters` has no item 2: its 2 items begin with 0",
            ),
            (
                "spec.arguments.parameters.repo.value",
                "`spec.arguments.parameters` is a list, so a number has to follow, not `repo`",
            ),
            (
                "spec.arguments.paramters.0.value",
                "`spec.arguments` has no list `paramters` (did you mean `parameters`?)",
            ),
            (
                "spec.arguments.parameters.0.vale",
                "`spec.arguments.parameters.0` has no field `vale` (did you mean `value`?)",
            ),
            ("spec.parameters.0.value", "`spec` has no list `parameters`"),
            ("metadata.nmae", "`metadata` has no field `nmae` (did you mean `name`?)"),
            ("metadata.name.x", "`metadata.name` is no map or list, so it has no `x`"),
            ("arguments.parameters.0.value", "the object has no field `arguments`"),
            ("spec.arguments.parameters.#.value", "a path to a place cannot have `#`"),
            ("spec.argumets.x", "`spec` has no field `argumets` (did you mean `arguments`?)"),
        ] {
            assert_eq!(wrong_target(path, &target).as_deref(), Some(problem), "{path}");
        }
    }

    #[test]
    fn the_lists_of_changed_files_are_known_in_all_forms() {
        for path in [
            "body.commits.#.modified",
            "body.commits.0.added",
            "body.head_commit.removed",
            "body.commits.@this.#.added.0",
        ] {
            assert!(is_changed_files(path), "{path}");
        }
        for path in ["body.head_commit.message", "body.commits.#", "body.added", "body.head_commit.id"] {
            assert!(!is_changed_files(path), "{path}");
        }
    }
}
