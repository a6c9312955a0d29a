//! One value of the user's input and its path, with the functions that parse it into the types of the kinds.
//!
//! Argo substitutes strings only. So a string is accepted for a bool, a number, a list or a map, if it parses as one
//! (contracts: argo-workflows `workflow/common/util.go`).

mod checks;
mod fields;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::Value;

use super::limits::{ITEMS, LINE, LINES, too_many};
use super::nearest::{hint, listed};
use super::reference::{Scope, refers};
use super::{FieldTable, InvalidStep};
pub(super) use fields::Fields;

use crate::text;

/// A value, its path, and the scope of the references in it.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    path: String,
    value: Value,
    scope: Scope<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn new(path: &str, value: &Value, scope: Scope<'a>) -> Self {
        Self { path: path.to_owned(), value: value.clone(), scope }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    /// The error `problem` at this value.
    pub(super) fn refuse(&self, problem: impl Display) -> InvalidStep {
        InvalidStep::new(self.path.clone(), problem)
    }

    /// The error `problem`. If the value came from a string with a reference, the message shows the sample value.
    fn misfit(&self, problem: impl Display) -> InvalidStep {
        let example = matches!(self.scope, Scope::Checking(_)) && self.value.as_str().is_some_and(refers);
        let note = if example { " (checked with an example value for the reference)" } else { "" };
        self.refuse(format!("{problem}{note}"))
    }

    /// Whether the value is absent: Argo's parameters default to the empty string.
    pub(super) fn is_absent(&self) -> bool {
        matches!(&self.value, Value::Null) || self.value.as_str() == Some("")
    }

    /// Reads a line of text, which may be empty.
    pub(super) fn text(self) -> Result<String, InvalidStep> {
        let text = self.string()?;
        self.check_length(&text, LINE)?;
        self.check_characters(&text, |_| false)?;
        Ok(text)
    }

    /// Reads text that may have line breaks and tabs.
    pub(super) fn lines(self) -> Result<String, InvalidStep> {
        let text = self.string()?;
        self.check_length(&text, LINES)?;
        self.check_characters(&text, |c| matches!(c, '\n' | '\t'))?;
        Ok(text)
    }

    /// Reads text that is passed on unchanged, with tabs and any line breaks: a certificate, a script.
    pub(super) fn verbatim(self) -> Result<String, InvalidStep> {
        let text = self.string()?;
        self.check_length(&text, LINES)?;
        self.check_characters(&text, |c| matches!(c, '\n' | '\r' | '\t'))?;
        Ok(text)
    }

    /// Reads a line of text that is not empty.
    pub(super) fn word(self) -> Result<String, InvalidStep> {
        let empty = self.refuse("is empty");
        let text = self.text()?;
        if text.trim().is_empty() { Err(empty) } else { Ok(text) }
    }

    /// Reads a word that parses as a `T`.
    pub(super) fn parsed<T: FromStr<Err: Display>>(self) -> Result<T, InvalidStep> {
        self.checked(|word| word.parse().map_err(|bad: T::Err| bad.to_string()))
    }

    /// Reads a word that `check` converts to a `T`, or refuses with a message.
    pub(super) fn checked<T>(self, check: impl Fn(&str) -> Result<T, String>) -> Result<T, InvalidStep> {
        let here = self.clone();
        let word = self.word()?;
        check(&word).map_err(|problem| here.misfit(problem))
    }

    /// Reads a word that passes `check`. `None` for the empty text that a reference can give.
    pub(super) fn checked_unless_empty<T>(
        self,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, InvalidStep> {
        let here = self.clone();
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        check(&text).map(Some).map_err(|problem| here.misfit(problem))
    }

    /// Reads `true`, `false`, or a string that is one of them.
    pub(super) fn bool(self) -> Result<bool, InvalidStep> {
        if let Value::Bool(value) = self.value {
            return Ok(value);
        }
        let text = self.string_or("true or false")?;
        text.trim().parse().map_err(|_| self.misfit(format!("expected true or false, got {}", quoted(&text))))
    }

    /// Reads a whole number within `range`.
    pub(super) fn number(self, range: RangeInclusive<u32>) -> Result<u32, InvalidStep> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let text = match &self.value {
            Value::Number(number) => number.to_string(),
            _ => self.string_or(&expected)?,
        };
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.misfit(format!("expected {expected}, got {}", quoted(&text))))
    }

    /// Reads one of a few names.
    pub(super) fn one_of<T: Copy>(self, names: &[(&str, T)]) -> Result<T, InvalidStep> {
        let known = || names.iter().map(|(name, _)| *name);
        self.checked(|word| {
            let found = names.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
            let problem =
                || format!("{} is not one of {}{}", quoted(word), listed(known()), hint(word, known()));
            found.ok_or_else(problem)
        })
    }

    /// Reads a list, or a string with a list as JSON.
    pub(super) fn list(self) -> Result<Vec<Node<'a>>, InvalidStep> {
        let node = self.unwrap_json('[')?;
        match node.value {
            Value::Array(ref items) if items.len() > ITEMS => {
                Err(node.refuse(too_many(items.len(), "items", ITEMS)))
            }
            Value::Array(items) => Ok(items
                .into_iter()
                .enumerate()
                .map(|(index, value)| Node {
                    path: format!("{}[{index}]", node.path),
                    value,
                    scope: node.scope,
                })
                .collect()),
            _ => Err(node.wrong("a list")),
        }
    }

    /// Reads a list, a string with a list as JSON, or a string of items separated by commas. No item may contain a comma.
    pub(super) fn words(self) -> Result<Vec<Node<'a>>, InvalidStep> {
        let list = self.clone().unwrap_json('[')?;
        let (Value::String(_), Value::String(items)) = (&list.value, &self.value) else { return list.list() };
        let items: Vec<_> = items.split(',').map(|item| Value::from(item.trim())).collect();
        Node { value: Value::Array(items), ..self }.list()
    }

    /// Reads a map, or a string with a map as JSON.
    pub(super) fn map(self) -> Result<BTreeMap<String, Node<'a>>, InvalidStep> {
        let node = self.unwrap_json('{')?;
        let Value::Object(map) = node.value else { return Err(node.wrong("a map")) };
        if map.len() > ITEMS {
            return Err(InvalidStep::new(node.path, too_many(map.len(), "keys", ITEMS)));
        }
        let mut children = BTreeMap::new();
        for (key, value) in map {
            let child = Node { path: child_path(&node.path, &key), value, scope: node.scope };
            child.check_key(&key)?;
            children.insert(key, child);
        }
        Ok(children)
    }

    /// Reads a map of texts that are passed on unchanged.
    pub(super) fn texts(self) -> Result<BTreeMap<String, String>, InvalidStep> {
        self.map()?.into_iter().map(|(key, node)| Ok((key, node.verbatim()?))).collect()
    }

    /// Reads a map whose keys are all in `table`.
    pub(super) fn fields(self, table: &'static FieldTable) -> Result<Fields<'a>, InvalidStep> {
        let path = self.path.clone();
        let values = self.map()?;
        let unknown = values.iter().find(|(key, _)| !table.names().any(|known| known == *key));
        if let Some((key, node)) = unknown {
            let (near, known) = (hint(key, table.names()), listed(table.names()));
            return Err(node.refuse(format!("unknown field{near}; known: {known}")));
        }
        Ok(Fields { path, values })
    }

    /// Parses JSON inside a string, which is used as the value. In other strings, references are replaced.
    fn unwrap_json(self, opening: char) -> Result<Self, InvalidStep> {
        let Value::String(raw) = &self.value else { return Ok(self) };
        self.check_substituted(raw)?;
        let (text, scope) = if raw.trim_start().starts_with(opening) {
            (raw.clone(), self.scope)
        } else {
            (self.expand(raw)?, Scope::Literal)
        };
        let value = if text.trim_start().starts_with(opening) {
            let json = serde_json::from_str(&text);
            json.map_err(|error| {
                self.refuse(format!("is no valid JSON: {}", text::brief(&error.to_string(), 200)))
            })?
        } else {
            Value::String(text)
        };
        Ok(Self { path: self.path, value, scope })
    }

    fn string(&self) -> Result<String, InvalidStep> {
        self.string_or("a string")
    }

    fn string_or(&self, expected: &str) -> Result<String, InvalidStep> {
        let Value::String(raw) = &self.value else { return Err(self.wrong(expected)) };
        self.check_substituted(raw)?;
        self.expand(raw)
    }

    fn expand(&self, raw: &str) -> Result<String, InvalidStep> {
        self.scope.expand(raw).map_err(|problem| self.refuse(problem))
    }

    fn wrong(&self, expected: &str) -> InvalidStep {
        let quote =
            if expected == "a string" && self.value.is_number() { "; write it in quotes" } else { "" };
        let got = match &self.value {
            Value::Null => "nothing (null)".to_owned(),
            Value::Bool(value) => format!("the bool {value}"),
            Value::Number(number) => format!("the number {number}"),
            Value::String(_) => "a string".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a map".to_owned(),
        };
        self.refuse(format!("expected {expected}, got {got}{quote}"))
    }
}

/// The path of a field in errors: `parent.key`, or `parent["odd key"]`.
pub(crate) fn child_path(parent: &str, key: &str) -> String {
    let simple = (1..=LONGEST).contains(&key.len())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    match (parent, simple) {
        ("", true) => key.to_owned(),
        (_, true) => format!("{parent}.{key}"),
        (_, false) => format!("{parent}[{}]", quoted(key)),
    }
}

/// The most characters of the user's input that a message repeats.
const LONGEST: usize = 60;

/// The text in quotes, escaped and short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(LONGEST).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", short.escape_debug())
}
