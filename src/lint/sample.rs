//! A step with sample values in place of the expressions whose values are not known.
//!
//! A sample is a text that the field accepts. The candidates are tried one after the other, so a field is only judged by
//! what is written in the file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scope::KnownParameters;
use crate::manifest::documents::child;
use crate::step::{self, InvalidStep, Step, child_path};

/// Values of the types that fields have. After them come the names that the parser proposes, and an absent field.
const CANDIDATES: &[&str] = &[
    "sample",
    "true",
    "1",
    "30m",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "https://git.example.com/sample/sample.git",
    "registry.example.com/sample/sample:sample",
    "linux/amd64",
    "{}",
    "[]",
    r#"[{"file": "sample.yaml", "helm": {"image.tag": "sample"}}]"#,
];

/// The most times that a step is parsed. Real steps with a dozen expressions need some twenty.
const ATTEMPTS: usize = 10_000;

/// A text with a value that is not known.
#[derive(Debug, Clone)]
struct Sample {
    /// The path in the parser's errors, and the JSON pointer from the body.
    path: String,
    pointer: String,
    parts: Vec<Option<String>>,
    candidate: usize,
    /// The names that the field may have, once the parser has said them.
    names: Vec<String>,
}

impl Sample {
    /// The text with the candidate in place of each value that is not known, or of the first one only.
    fn text(&self) -> String {
        let names = self.names.iter().map(String::as_str);
        let number = self.candidate / self.forms();
        let candidate = CANDIDATES.iter().copied().chain(names).nth(number).unwrap_or_default();
        let is_single = !self.candidate.is_multiple_of(self.forms());
        let mut is_first = true;
        let part = |part: &Option<String>| match part {
            Some(known) => known.clone(),
            None if is_single && !std::mem::take(&mut is_first) => String::new(),
            None => candidate.to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// In how many forms each candidate is tried.
    fn forms(&self) -> usize {
        if self.parts.iter().filter(|part| part.is_none()).count() > 1 { 2 } else { 1 }
    }

    /// The number of candidates, in all forms.
    fn count(&self) -> usize {
        (CANDIDATES.len() + self.names.len() + 1) * self.forms()
    }

    /// Whether an error is about this text, or about a value around it.
    fn concerns(&self, wrong: &InvalidStep) -> bool {
        is_within(&wrong.field, &self.path) || is_within(&self.path, &wrong.field)
    }

    /// Learns the names from an error such as ``"x" is not one of `a`, `b` ``.
    fn learn(&mut self, problem: &str) {
        if let (true, Some((_, names))) = (self.names.is_empty(), problem.split_once(" is not one of ")) {
            self.names = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        }
    }

    fn is_free(&self) -> bool {
        self.parts.iter().any(Option::is_none)
    }
}

/// Whether the path `inner` is `outer`, or a field or item of it.
fn is_within(inner: &str, outer: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What the parser says of a step.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The mistakes, each with the JSON pointer from the body.
    pub(super) wrong: Vec<(String, InvalidStep)>,
    /// The step, if there is no mistake.
    pub(super) step: Option<Step>,
}

/// Parses the step `body` with the values that `scope` knows, and samples of the others.
pub(super) fn judge(body: &Value, scope: &KnownParameters) -> Judged {
    let mut attempt = StepTrial::new(body, scope);
    let mut judged = Judged::default();
    while let Some(parsed) = attempt.parse() {
        match parsed {
            Ok(step) => {
                judged.step = judged.wrong.is_empty().then_some(step);
                return judged;
            }
            Err(wrong) => match attempt.next(&wrong) {
                Next::Again => {}
                Next::Mistake { go_on } => {
                    judged.wrong.push((attempt.pointer(&wrong.field), wrong.clone()));
                    if !go_on || !attempt.mend(&wrong) {
                        return judged;
                    }
                }
                Next::Unknown => return judged,
            },
        }
    }
    judged
}

/// The conditions of the entries of a step, as far as they are written out.
fn conditions(body: &Value) -> Vec<String> {
    let entries = body["steps"].as_array().into_iter().flatten();
    let written = entries.filter_map(|entry| entry["when"].as_str()).filter(|text| !text.contains("{{"));
    written.map(str::to_owned).collect()
}

enum Next {
    /// Another sample is in place.
    Again,
    /// The file has a mistake. With `go_on`, the rest can be judged too.
    Mistake { go_on: bool },
    /// Nobody can say without the expression's value.
    Unknown,
}

struct StepTrial {
    body: Value,
    samples: Vec<Sample>,
    /// The JSON pointers of all values, by path.
    pointers: BTreeMap<String, String>,
    /// Fields whose samples are used up.
    given_up: Vec<String>,
    /// The errors so far.
    seen: Vec<InvalidStep>,
    /// How often the step may still be parsed.
    left: usize,
}

impl StepTrial {
    fn new(body: &Value, scope: &KnownParameters) -> Self {
        let mut new = Self {
            body: body.clone(),
            samples: Vec::new(),
            pointers: BTreeMap::new(),
            given_up: Vec::new(),
            seen: Vec::new(),
            left: ATTEMPTS,
        };
        new.walk(body, scope, String::new(), String::new());
        new.samples.sort_by(|a, b| a.path.cmp(&b.path));
        // Entries that refer to each other need the same condition, so that of another entry is tried too.
        let conditions = conditions(body);
        for sample in new.samples.iter_mut().filter(|sample| sample.path.ends_with(".when")) {
            sample.names.clone_from(&conditions);
        }
        for n in 0..new.samples.len() {
            new.place(n);
        }
        new
    }

    fn walk(&mut self, value: &Value, scope: &KnownParameters, path: String, pointer: String) {
        match value {
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.walk(item, scope, format!("{path}[{n}]"), format!("{pointer}/{n}"));
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.walk(value, scope, child_path(&path, key), child(&pointer, key));
                }
            }
            Value::String(text) if text.contains("{{") => {
                let parts = scope.fill(text);
                self.samples.push(Sample {
                    path: path.clone(),
                    pointer: pointer.clone(),
                    parts,
                    candidate: 0,
                    names: Vec::new(),
                });
            }
            _ => {}
        }
        self.pointers.insert(path, pointer);
    }

    fn parse(&mut self) -> Option<Result<Step, InvalidStep>> {
        self.left = self.left.checked_sub(1)?;
        Some(step::parse(&self.body))
    }

    /// Writes the text of a sample into the body.
    fn place(&mut self, sample: usize) {
        let sample = &self.samples[sample];
        if let Some(value) = self.body.pointer_mut(&sample.pointer) {
            *value = Value::from(sample.text());
        }
    }

    /// What to do about an error of the parser.
    fn next(&mut self, wrong: &InvalidStep) -> Next {
        let field = &wrong.field;
        if self.given_up.iter().any(|path| is_within(path, field) || is_within(field, path)) {
            return Next::Unknown;
        }
        self.seen.push(wrong.clone());
        let own = self.samples.iter().position(|sample| sample.is_free() && is_within(field, &sample.path));
        match own {
            Some(own) => self.advance(own, wrong),
            None => self.elsewhere(wrong),
        }
    }

    /// Puts the next candidate in place. After the last, the field is removed.
    fn advance(&mut self, sample: usize, wrong: &InvalidStep) -> Next {
        self.samples[sample].learn(&wrong.problem);
        let was = self.samples[sample].candidate;
        // A candidate that the field accepts, though not the value around it.
        let mut accepted = None;
        for candidate in was + 1..self.samples[sample].count() {
            self.samples[sample].candidate = candidate;
            self.place(sample);
            match self.parse() {
                None => return Next::Unknown,
                Some(Err(next)) if self.samples[sample].concerns(&next) => {
                    self.samples[sample].learn(&next.problem);
                    let is_own = is_within(&next.field, &self.samples[sample].path);
                    accepted = accepted.or((!is_own).then_some(candidate));
                }
                Some(_) => return Next::Again,
            }
        }
        if let Some(candidate) = accepted {
            self.samples[sample].candidate = candidate;
            self.place(sample);
            return Next::Again;
        }
        let Sample { path, pointer, .. } = self.samples.remove(sample);
        self.given_up.push(path);
        if remove(&mut self.body, &pointer).is_some() { Next::Again } else { Next::Unknown }
    }

    /// Judges an error at a field without a sample of its own. It is the file's mistake if no other sample ends it.
    fn elsewhere(&mut self, wrong: &InvalidStep) -> Next {
        let mut depends = false;
        for sample in (0..self.samples.len()).filter(|&n| self.samples[n].is_free()).collect::<Vec<_>>() {
            let was = self.samples[sample].candidate;
            for candidate in (0..self.samples[sample].count()).filter(|n| *n != was) {
                self.samples[sample].candidate = candidate;
                self.place(sample);
                match self.parse() {
                    None => return Next::Unknown,
                    Some(Err(next)) if next != *wrong && self.samples[sample].concerns(&next) => {}
                    Some(Err(next)) if self.seen.contains(&next) => depends |= next != *wrong,
                    Some(_) => return Next::Again,
                }
            }
            self.samples[sample].candidate = was;
            self.place(sample);
        }
        match depends {
            true => Next::Unknown,
            false => Next::Mistake { go_on: wrong.problem.starts_with("unknown field") },
        }
    }

    /// The JSON pointer of the value at `path`, or of the nearest value around it.
    fn pointer(&self, path: &str) -> String {
        let mut shorter = path;
        loop {
            if let Some(pointer) = self.pointers.get(shorter) {
                return pointer.clone();
            }
            let Some(at) = shorter.rfind(['.', '[']) else { return String::new() };
            shorter = &shorter[..at];
        }
    }

    /// Renames an unknown field to the one that was probably meant, or removes it. Returns whether that worked.
    fn mend(&mut self, wrong: &InvalidStep) -> bool {
        let Some(pointer) = self.pointers.get(&wrong.field).cloned() else { return false };
        let Some(value) = remove(&mut self.body, &pointer) else { return false };
        let Some((parent, _)) = pointer.rsplit_once('/') else { return false };
        self.samples.retain(|sample| !sample.pointer.starts_with(&pointer));
        let meant = wrong.problem.split_once("(did you mean `").and_then(|(_, rest)| rest.split_once('`'));
        if let (Some((meant, _)), Some(Value::Object(map))) = (meant, self.body.pointer_mut(parent))
            && !map.contains_key(meant)
        {
            map.insert(meant.to_owned(), value);
            self.rename(&wrong.field, &pointer, meant);
        }
        true
    }

    /// Lets the paths below the new name lead to the places of the old one.
    fn rename(&mut self, path: &str, pointer: &str, meant: &str) {
        let parent = path.rfind(['.', '[']).map_or("", |at| &path[..at]);
        let new = child_path(parent, meant);
        let old: Vec<_> = self.pointers.iter().filter(|(_, old)| old.starts_with(pointer)).collect();
        let renamed = old.into_iter().filter_map(|(old, pointer)| {
            Some((format!("{new}{}", old.strip_prefix(path)?), pointer.clone()))
        });
        let renamed: Vec<_> = renamed.collect();
        self.pointers.extend(renamed);
    }
}

fn remove(body: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, last) = pointer.rsplit_once('/')?;
    match body.pointer_mut(parent)? {
        Value::Object(map) => map.remove(&last.replace("~1", "/").replace("~0", "~")),
        Value::Array(items) => {
            let n = last.parse::<usize>().ok().filter(|n| *n < items.len())?;
            Some(std::mem::replace(&mut items[n], Value::Null))
        }
        _ => None,
    }
}
