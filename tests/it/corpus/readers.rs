//! Reads the results of edits with other YAML readers: the value must be at its place, and the other data must be the
//! same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use super::case::{Case, Expected, File, Set, corpus};
use super::leaf;
use crate::support::bin::testbed;

/// The result of one reader for a text.
#[derive(Deserialize)]
struct Answer {
    documents: Option<Vec<Value>>,
    error: Option<String>,
}

/// Files that a reader is known to reject, with the reason. No other file is skipped.
const LIMITS: &[(&str, &str, &str)] = &[
    ("kustomize", "bad-duplicate", "refuses a file with a key twice"),
    ("goccy", "bad-duplicate", "refuses a file with a key twice"),
    ("goccy", "bytes-bom-crlf", "takes a byte order mark for a key"),
    ("goccy", "yaml-empty-item", "takes the keys behind an empty last item for its own"),
    ("helm", "yaml-directive", "splits documents at `---` first, so that `%YAML` stands alone"),
];

#[test]
fn other_readers_see_the_edit_and_nothing_else() {
    let files = corpus();
    let edits: Vec<(&File, &Case, &[u8])> = files.iter().flat_map(edited).collect();
    let texts = edits.iter().flat_map(|(file, _, new)| [&file.input[..], new]);
    let answers = ask(&texts.map(|text| std::str::from_utf8(text).unwrap()).collect::<Vec<_>>());
    assert_eq!(answers.len(), 2 * edits.len());
    let judged = edits.iter().zip(answers.chunks(2));
    let wrong: Vec<_> = judged.flat_map(|((_, case, _), pair)| judge(case, &pair[0], &pair[1])).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The cases whose result is compared byte for byte.
fn edited(file: &File) -> impl Iterator<Item = (&File, &Case, &[u8])> {
    file.cases.iter().filter_map(move |case| match &case.expected {
        Expected::Bytes(bytes) if *bytes != file.input => Some((file, case, &bytes[..])),
        _ => None,
    })
}

/// One process for all texts.
fn ask(texts: &[&str]) -> Vec<BTreeMap<String, Answer>> {
    let mut input = tempfile::tempfile().unwrap();
    serde_json::to_writer(&mut input, texts).unwrap();
    input.flush().unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let output =
        Command::new(testbed("yaml-readers")).stdin(input).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn judge(case: &Case, old: &BTreeMap<String, Answer>, new: &BTreeMap<String, Answer>) -> Vec<String> {
    let judged = old.iter().map(|(reader, old)| (reader, one(case, old, &new[reader])));
    let wrong = judged.filter_map(|(reader, result)| Some((reader, result.err()?)));
    let known = |reader: &str| {
        let directory = case.name.split('/').next().unwrap();
        LIMITS.iter().any(|(name, file, _)| *name == reader && *file == directory)
    };
    wrong.filter(|(r, _)| !known(r)).map(|(r, why)| format!("{}: {r}: {why}", case.name)).collect()
}

fn one(case: &Case, old: &Answer, new: &Answer) -> Result<(), String> {
    let data = |answer: &Answer| match (&answer.documents, &answer.error) {
        (_, Some(error)) => Err(error.clone()),
        (documents, None) => Ok(Value::Array(documents.clone().unwrap_or_default())),
    };
    let mut differ = Vec::new();
    compare("", &data(old)?, &data(new)?, &mut differ);
    let is_of = |set: &Set, (place, leaf): &(String, Value)| {
        // Aliases may stand anywhere.
        (set.shared || leaf::is_at(&set.target, place)) && leaf::is_of(&set.target, &set.value, leaf)
    };
    let asked = differ.iter().all(|leaf| case.sets.iter().any(|set| is_of(set, leaf)));
    let made = case.sets.iter().all(|set| differ.iter().any(|leaf| is_of(set, leaf)));
    let several = |set: &Set| {
        let kind = set.target.split(':').next();
        ["image", "setter", "parameter", "kustomize"].map(Some).contains(&kind)
            || set.target.contains("[image=")
            || set.shared
    };
    let as_many = differ.len() == case.sets.len() || case.sets.iter().any(several);
    if asked && made && as_many { Ok(()) } else { Err(format!("differs in {differ:?}")) }
}

/// Every place where `new` differs from `old`, with its value. For a new mapping or list, the leaves.
fn compare(place: &str, old: &Value, new: &Value, differ: &mut Vec<(String, Value)>) {
    let null = &Value::Null;
    let mut below = |step: &str, [old, new]: [Option<&Value>; 2]| {
        compare(&format!("{place}/{step}"), old.unwrap_or(null), new.unwrap_or(null), differ);
    };
    match (old, new) {
        (before, after) if before == after => {}
        (Value::Object(_) | Value::Null, Value::Object(after)) if !after.is_empty() => {
            let before = old.as_object().cloned().unwrap_or_default();
            let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            keys.into_iter().for_each(|key| below(key, [before.get(key), after.get(key)]));
        }
        (Value::Array(_) | Value::Null, Value::Array(after)) if !after.is_empty() => {
            let before = old.as_array().map_or(&[][..], Vec::as_slice);
            let length = before.len().max(after.len());
            (0..length).for_each(|at| below(&at.to_string(), [before.get(at), after.get(at)]));
        }
        (_, after) => differ.push((place.to_owned(), after.clone())),
    }
}
