//! The policy file, parsed strictly: a misspelt key would allow less than the author intended, or nothing.

use serde_json::{Map, Value};

use super::lists::Lists;
use super::pattern::{Namespaces, Pattern};
use crate::step::{MentionKind, hint};

const NAMESPACES: &str = "namespaces";

/// Why a policy file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// The file cannot be read.
    #[error("the policy {file} cannot be read: {reason}; correct the file, or `--policy`")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's error message.
        reason: String,
    },
    /// The content of the file is not valid.
    #[error("the policy {file}: {place}: {problem}")]
    Problem {
        /// The file.
        file: String,
        /// The position, such as `namespaces.builds.push[0]`.
        place: String,
        /// The problem, and what to write.
        problem: String,
    },
}

impl BadPolicy {
    pub(super) fn unreadable(file: &str, error: &dyn std::error::Error) -> Self {
        Self::Unreadable { file: file.to_owned(), reason: error.to_string() }
    }
}

/// A position in the file, and the problem there.
struct Problem(String, String);

/// The entries of the file `file`, in any order.
pub(super) fn entries(file: &str, text: &str) -> Result<Vec<(Namespaces, Lists)>, BadPolicy> {
    let not_yaml = |e: serde_saphyr::Error| BadPolicy::unreadable(file, &e);
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(not_yaml)?;
    let root = documents.pop().unwrap_or_default();
    if !documents.is_empty() {
        let reason = "it has several YAML documents; write one".to_owned();
        return Err(BadPolicy::Unreadable { file: file.to_owned(), reason });
    }
    let wrong = |Problem(place, problem)| BadPolicy::Problem { file: file.to_owned(), place, problem };
    read(&root).map_err(wrong)
}

fn read(root: &Value) -> Result<Vec<(Namespaces, Lists)>, Problem> {
    let root = map(root, "its top level", &[NAMESPACES])?;
    let named = root.get(NAMESPACES).ok_or_else(|| {
        Problem(
            "its top level".to_owned(),
            "`namespaces` is missing; write a map by namespace under it".to_owned(),
        )
    })?;
    let named = any_map(named, NAMESPACES)?;
    named.iter().map(|(name, value)| entry(name, value)).collect()
}

fn entry(name: &str, value: &Value) -> Result<(Namespaces, Lists), Problem> {
    let place = format!("{NAMESPACES}.{name}");
    let namespaces = Namespaces::parse(name).map_err(|problem| Problem(place.clone(), problem))?;
    let keys: Vec<_> = super::lists().chain(super::switches()).collect();
    let fields = map(value, &place, &keys)?;
    let mut lists = Lists::default();
    for kind in MentionKind::LISTED {
        if let Some(value) = fields.get(kind.key()) {
            lists.set(kind, patterns(kind, value, &format!("{place}.{}", kind.key()))?);
        }
    }
    for kind in MentionKind::SWITCHES {
        if let Some(value) = fields.get(kind.key()) {
            let problem = "is neither `true` nor `false`; write one of them";
            let problem = || Problem(format!("{place}.{}", kind.key()), problem.to_owned());
            lists.switch(kind, value.as_bool().ok_or_else(problem)?);
        }
    }
    Ok((namespaces, lists))
}

fn patterns(kind: MentionKind, value: &Value, place: &str) -> Result<Vec<Pattern>, Problem> {
    let items = value.as_array().ok_or_else(|| {
        Problem(place.to_owned(), "is not a list; write [PATTERN, …], or [\"**\"] for anything".to_owned())
    })?;
    let pattern = |(n, item): (usize, &Value)| {
        let wrong = |problem| Problem(format!("{place}[{n}]"), problem);
        let text =
            item.as_str().ok_or_else(|| wrong("is not a text; write a pattern in quotes".to_owned()))?;
        let parsed = Pattern::parse(text, |text| kind.canonical(text));
        parsed.map_err(|problem| wrong(format!("`{}`: {problem}", text.escape_debug())))
    };
    items.iter().enumerate().map(pattern).collect()
}

fn any_map<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, Problem> {
    value
        .as_object()
        .ok_or_else(|| Problem(place.to_owned(), "is not a map; write `{}` for an empty one".to_owned()))
}

/// Reads a map that may only have the keys `known`.
fn map<'a>(value: &'a Value, place: &str, known: &[&str]) -> Result<&'a Map<String, Value>, Problem> {
    let map = any_map(value, place)?;
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(map),
        Some(key) => {
            let near = hint(key, known.iter().copied());
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let problem = format!("unknown key `{}`{near}; known: {known}", key.escape_debug());
            Err(Problem(place.to_owned(), problem))
        }
    }
}
