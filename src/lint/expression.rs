//! Argo's expressions in texts: `{{inputs.parameters.x}}`, `{{=inputs.parameters['x'] + '…'}}`.

use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

use crate::manifest::documents::child;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TextPart<'a> {
    Text(&'a str),
    /// The inside of `{{…}}`.
    Tag(&'a str),
}

/// The parts of `text`, found like Argo does (fasttemplate): the first `}}` ends a tag. A `{{` without an end is text.
pub(super) fn parts(text: &str) -> Vec<TextPart<'_>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, (tag, after))) =
        rest.split_once("{{").and_then(|(before, inside)| Some((before, inside.split_once("}}")?)))
    {
        parts.push(TextPart::Text(before));
        parts.push(TextPart::Tag(tag));
        rest = after;
    }
    parts.push(TextPart::Text(rest));
    parts
}

/// A name that a tag refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReferredName {
    /// `inputs.parameters.x`.
    Input(String),
    /// `workflow.parameters.x`.
    Workflow(String),
    /// `steps.x.outputs.parameters.y` or `tasks.…`: the list, the step, the output.
    Output(&'static str, String, String),
}

/// A reference, with the text of its name in the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameReference {
    pub(super) name: ReferredName,
    /// Whether the tag is an expression (`{{=…}}`), which may treat a missing name.
    pub(super) is_expression: bool,
    /// The name as written.
    pub(super) written: String,
}

/// `.name` or `['name']`. In an expression, `.a-b` is a subtraction.
fn field(letters: &str) -> String {
    format!(r#"(?:\.({letters}+)|\['([^']+)'\]|\["([^"]+)"\])"#)
}

fn pattern(letters: &str) -> Option<Regex> {
    let field = field(letters);
    let whole = format!(
        r"(^|[^\w.'\x22-])(?:(inputs|workflow)\.parameters{field}|(steps|tasks){field}\.outputs\.parameters{field})"
    );
    Regex::new(&whole).ok()
}

static SIMPLE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"[\w-]"));
static EXPRESSION: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\w"));

/// The references in a tag.
pub(super) fn references(tag: &str) -> Vec<NameReference> {
    let is_expression = tag.trim_start().starts_with('=');
    let pattern = if is_expression { &*EXPRESSION } else { &*SIMPLE };
    let found = pattern.iter().flat_map(|pattern| pattern.captures_iter(tag));
    let reference = |found: regex_lite::Captures<'_>| {
        let any = |groups: [usize; 3]| {
            groups.into_iter().find_map(|n| found.get(n)).map(|found| found.as_str().to_owned())
        };
        let name = match (found.get(2).map(|found| found.as_str()), any([3, 4, 5])) {
            (Some("inputs"), Some(name)) => ReferredName::Input(name),
            (Some(_), Some(name)) => ReferredName::Workflow(name),
            _ => {
                let list = if found.get(6)?.as_str() == "steps" { "steps" } else { "tasks" };
                ReferredName::Output(list, any([7, 8, 9])?, any([10, 11, 12])?)
            }
        };
        let written = found.get(0)?.as_str()[found.get(1)?.as_str().len()..].to_owned();
        Some(NameReference { name, is_expression, written })
    };
    found.filter_map(reference).collect()
}

/// The references in a text at `pointer`: those in its tags, or in the whole of an `expression`.
pub(super) fn referred(pointer: &str, text: &str) -> Vec<NameReference> {
    if pointer.ends_with("/expression") {
        return references(&format!("={text}"));
    }
    let tag = |part| match part {
        TextPart::Tag(tag) => references(tag),
        TextPart::Text(_) => Vec::new(),
    };
    parts(text).into_iter().flat_map(tag).collect()
}

/// All texts in `value` with their JSON pointers, except those below the keys `except`.
pub(super) fn texts<'a>(value: &'a Value, pointer: &str, except: &[&str]) -> Vec<(String, &'a str)> {
    match value {
        Value::String(text) => vec![(pointer.to_owned(), text)],
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.flat_map(|(n, item)| texts(item, &format!("{pointer}/{n}"), except)).collect()
        }
        Value::Object(map) => {
            let fields = map.iter().filter(|(key, _)| !except.contains(&key.as_str()));
            fields.flat_map(|(key, value)| texts(value, &child(pointer, key), except)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_as_argo_reads_them() {
        let names = |tag: &str| references(tag).into_iter().map(|found| found.written).collect::<Vec<_>>();
        for (tag, expected) in [
            ("inputs.parameters.git-ref", &["inputs.parameters.git-ref"][..]),
            (" workflow.parameters.x ", &["workflow.parameters.x"]),
            ("steps.a-b.outputs.parameters.c", &["steps.a-b.outputs.parameters.c"]),
            (
                "=inputs.parameters['git-ref'] + inputs.parameters.a",
                &["inputs.parameters['git-ref']", "inputs.parameters.a"],
            ),
            ("=tasks['a-b'].outputs.parameters.c", &["tasks['a-b'].outputs.parameters.c"]),
            ("=sprig.sha1sum(inputs.parameters.repo)", &["inputs.parameters.repo"]),
            ("steps.a.outputs.result", &[]),
            ("outputs.parameters.x", &[]),
            ("workflow.name", &[]),
            ("=my.inputs.parameters.x", &[]),
        ] {
            assert_eq!(names(tag), expected, "{tag}");
        }
        assert_eq!(
            parts("a{{b}}{{c}} {{"),
            [
                TextPart::Text("a"),
                TextPart::Tag("b"),
                TextPart::Text(""),
                TextPart::Tag("c"),
                TextPart::Text(" {{"),
            ]
        );
    }
}
