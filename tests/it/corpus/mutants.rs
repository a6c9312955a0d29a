//! Damaged inputs of the corpus. The editor must not panic, and must do only what was requested.

use std::collections::BTreeMap;

use argo_buildkit::manifest::{Edit, EditError, apply};
use serde_json::Value;

use super::case::{File, corpus};
use super::leaf;

const ROUNDS: u64 = 8;
/// The texts that a mutation inserts.
const PIECES: &[&str] =
    &["\n", "\t", ": ", "- ", "\"", "'", "{", "}", "[", "&a ", "*a", "#", "|", "---\n", "\r", "é", "  "];

#[test]
fn damaged_files_are_edited_rightly_or_refused() {
    let mut made = BTreeMap::new();
    for (number, file) in corpus().iter().enumerate() {
        for round in 0..ROUNDS {
            let mut dice = Dice(number as u64 * ROUNDS + round + 1);
            let text = mutant(file, &mut dice);
            for edit in file.cases.iter().flat_map(|case| case.edits()) {
                // If missing keys may be added, those that the damage removed are added.
                for create in [false, true] {
                    let edit = Edit { create, ..edit.clone() };
                    *made.entry(kind(&edit)).or_insert(0) += usize::from(holds(&text, &edit));
                }
            }
        }
    }
    assert!(made.len() == 16 && made.values().all(|made| *made > 20), "made of each kind: {made:?}");
}

/// The target's kind, and whether missing keys are added.
fn kind(edit: &Edit) -> (String, bool) {
    let target = edit.target.to_string();
    (target.split(':').next().unwrap_or_default().to_owned(), edit.create)
}

/// Whether `edit` was applied. Panics if it was applied wrongly.
fn holds(text: &[u8], edit: &Edit) -> bool {
    match apply(text, std::slice::from_ref(edit)) {
        Ok(edited) => {
            let shown = String::from_utf8_lossy(&edited.bytes);
            assert_eq!(edited.changed, edited.bytes != text, "{edit:?} on {text:?}");
            assert!(found(&edited.bytes, edit), "{edit:?} gives {shown:?}");
            let again = apply(&edited.bytes, std::slice::from_ref(edit));
            assert!(again.is_ok_and(|again| !again.changed), "{edit:?} is not idle on {shown:?}");
            true
        }
        Err(error @ EditError::Unproven { .. }) => panic!("{error}: {edit:?} on {text:?}"),
        Err(_) => false,
    }
}

/// Whether another parser, if it accepts the file, finds a leaf that `edit` may have written.
fn found(bytes: &[u8], edit: &Edit) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(text);
    let target = edit.target.to_string();
    documents.is_err() || documents.is_ok_and(|all| all.iter().any(|d| contains(d, &target, &edit.value)))
}

fn contains(node: &Value, target: &str, value: &str) -> bool {
    match node {
        // The values in an Argo CD Application, and other YAML inside YAML.
        Value::String(text)
            if text.contains('\n') && (target.starts_with("values:") || target.contains('|')) =>
        {
            serde_saphyr::from_str(text).map_or(true, |inner: Value| contains(&inner, target, value))
        }
        Value::Array(items) => items.iter().any(|item| contains(item, target, value)),
        Value::Object(fields) => fields.values().any(|field| contains(field, target, value)),
        _ => leaf::is_of(target, value, node),
    }
}

/// The input with one or two pieces inserted, removed or doubled.
fn mutant(file: &File, dice: &mut Dice) -> Vec<u8> {
    let mut text = String::from_utf8(file.input.clone()).unwrap();
    for _ in 0..=dice.below(2) {
        let at = text.floor_char_boundary(dice.below(text.len() + 1));
        let end = text.ceil_char_boundary((at + dice.below(4)).min(text.len()));
        match dice.below(3) {
            0 => text.insert_str(at, PIECES[dice.below(PIECES.len())]),
            1 => text.replace_range(at..end, ""),
            _ => text = [&text[..end], &text[at..]].concat(),
        }
    }
    text.into_bytes()
}

/// A small random generator, which makes the same mutants in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (self.0 >> 29);
        (self.0 >> 11) as usize % end.max(1)
    }
}
