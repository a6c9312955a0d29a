//! Tests the proof alone: it must refuse every result that is not the edit, whatever produced it.

use super::super::KustomizeField::Digest;
use super::super::file::File;
use super::super::splice::{Expect, join};
use super::super::stream::Stream;
use super::super::{Edit, EditError, Refusal, plan, proof};
use super::{NEW, helm, image};
use crate::outcome::Fault;

/// Makes `edit` in `input`, and gives each of `forged` to the proof instead of the result.
#[track_caller]
fn refuses(input: &str, edit: Edit, forged: impl Fn(&str) -> Vec<String>) {
    let file = File::new(input, Stream::parse(input).unwrap(), false);
    let splices = plan::plan(&file, &edit, &[]).unwrap();
    assert_eq!(splices.len(), 1);
    let right = join(input, &splices);
    proof::verify(&file, &right, &splices).unwrap();
    for body in forged(&right) {
        let Err(error) = proof::verify(&file, &body, &splices) else { panic!("proven: {body:?}") };
        let is_addition = !matches!(splices[0].expect, Expect::Set { .. });
        let fits = match error {
            EditError::Unproven { .. } => !is_addition && error.fault() == Fault::Ours,
            EditError::Refused { refusal: Refusal::CannotAdd { .. }, .. } => is_addition,
            _ => false,
        };
        assert!(fits, "{body:?}: {error}");
    }
}

#[test]
fn a_forged_edit_is_refused() {
    let input = "a: &x 1\nimage: {tag: v1, b: *x}\nc: |\n  text\n---\nd: [e]\n";
    refuses(input, helm("image.tag", "1.20"), |right| {
        let forged = |from: &str, to: &str| {
            assert_eq!(right.matches(from).count(), 1, "{from}");
            right.replace(from, to)
        };
        vec![
            input.to_owned(),
            String::new(),
            forged("\"1.20\"", "1.20"),
            forged("\"1.20\"", "\"1.21\""),
            forged("\"1.20\"", "&y \"1.20\""),
            forged("\"1.20\"", "!!str \"1.20\""),
            forged("\"1.20\"", "[\"1.20\"]"),
            forged("tag:", "tga:"),
            forged("b: *x", "b: *x, f: g"),
            forged(", b: *x", ""),
            forged("*x", "1"),
            forged("&x ", ""),
            forged("  text", "  texts"),
            forged("|", ">"),
            forged("\n---\nd: [e]\n", "\n"),
            forged("---\n", ""),
            forged("[e]", "[e, f]"),
            forged("[e]", "['e']"),
            forged("[e]", "[e"),
            format!("{right}---\nmore: 1\n"),
            format!("{right}f: 1\n"),
        ]
    });
}

#[test]
fn a_forged_addition_is_refused() {
    let input = "images:\n- name: app\n  newTag: v1\n- name: b\n";
    refuses(input, image("app", Digest, NEW), |right| {
        let pair = format!("  digest: {NEW}\n");
        assert!(right.contains(&pair));
        vec![
            input.to_owned(),
            right.replace(&pair, &pair.replace("digest", "digset")),
            right.replace(&pair, &pair.replace(NEW, "sha256:0")),
            right.replace(&pair, &pair.repeat(2)),
            right.replace("- name: b", "- name: c"),
            format!("{input}{pair}"),
            input.replace("  newTag", &format!("{pair}  newTag")),
        ]
    });
}
