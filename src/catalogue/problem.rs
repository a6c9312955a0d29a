//! A mistake in a catalogue.

use crate::text;

/// The most bytes of a message. It repeats what the user wrote.
const LONGEST: usize = 1000;

/// What of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemPlace {
    /// Its key.
    Key,
    /// The value.
    Value,
}

/// A mistake in a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueProblem {
    /// The JSON pointer of the value.
    pub pointer: String,
    /// What of the value is shown.
    pub place: ProblemPlace,
    /// What is wrong, with the path of the field.
    pub problem: String,
    /// What to do; may be empty.
    pub help: String,
}

impl CatalogueProblem {
    /// The problem `problem` with the value at `pointer`.
    pub(super) fn at(pointer: &str, problem: String, help: &str) -> Self {
        let path = path(pointer);
        let problem = if path.is_empty() { problem } else { format!("{path}: {problem}") };
        let (problem, help) = (text::line(&problem), text::line(help));
        Self {
            pointer: pointer.to_owned(),
            place: ProblemPlace::Value,
            problem: text::cut(problem, LONGEST),
            help: text::cut(help, LONGEST),
        }
    }

    /// The problem with the value at `pointer` that `wrong` tells, and after `; ` what to do.
    pub(super) fn said(pointer: &str, wrong: &str) -> Self {
        let (problem, help) = wrong.split_once("; ").unwrap_or((wrong, ""));
        Self::at(pointer, problem.to_owned(), help)
    }

    /// The problem of a file with several documents.
    pub(crate) fn several() -> Self {
        let problem = "the file has several documents, and one catalogue is expected".to_owned();
        Self::at("", problem, "write each into a file of its own")
    }

    /// The same problem; it is the key's.
    pub(super) fn of_key(self) -> Self {
        Self { place: ProblemPlace::Key, ..self }
    }
}

/// `services[1].cache.registry` for `/services/1/cache/registry`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            path = crate::step::child_path(&path, &part);
        }
    }
    path
}

/// A text of the user in quotes, short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", text::brief(text, 80))
}

/// `` `a`, `b` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
