//! Checks that a test shows every message of the editor as a user reads it.

use std::fs;
use std::path::Path;

use super::errors::Errors;

/// Messages that only a fault of ours would cause.
const OURS: &[&str] = &["EditError::Unproven"];

/// The longest part of a message between its `{placeholders}`.
fn longest(text: &str) -> String {
    let text = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    let longest = parts.max_by_key(|part| part.len()).unwrap_or_default();
    longest.replace('\u{1}', "{").replace('\u{2}', "}")
}

/// The text of every test of the editor.
fn tests() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for tests in ["src/manifest/tests", "tests/it/edit.rs", "tests/it/corpus", "tests/it/update_manifest"] {
        super::sources(&root.join(tests), &mut files);
    }
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn a_test_shows_every_message_of_the_editor() {
    let (shown, errors) = (tests(), Errors::below("manifest"));
    let messages: Vec<_> = errors.texts().map(|(name, text)| (name, longest(text))).collect();
    assert!(messages.len() > 40, "{}", messages.len());
    let hidden: Vec<_> = messages
        .iter()
        .filter(|(name, part)| !shown.contains(part.as_str()) && !OURS.contains(name))
        .collect();
    assert!(hidden.is_empty(), "no test shows these: {hidden:#?}");
}
