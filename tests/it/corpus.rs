//! Runs every case of tests/corpus, byte for byte. tests/corpus/README.md describes the form of a case.

mod case;
mod leaf;
mod mutants;
mod readers;

use argo_buildkit::manifest::{Edit, apply};
use argo_buildkit::outcome::Fault;

use case::{Case, Expected, File};

/// The sizes of the corpus.
const LEAST: usize = 400;

#[test]
fn every_case_gives_its_bytes_or_its_refusal() {
    let files = case::corpus();
    let failures: Vec<_> =
        files.iter().flat_map(|file| file.cases.iter().filter_map(|c| check(file, c).err())).collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n\n{}",
        failures.len(),
        count(&files),
        failures.join("\n\n")
    );
    assert!(count(&files) >= LEAST, "{} cases", count(&files));
}

fn count(files: &[File]) -> usize {
    files.iter().map(|file| file.cases.len()).sum()
}

/// The difference between the editor's result and the expected result.
fn check(file: &File, case: &Case) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{}: {what}", case.name));
    match (apply(&file.input, &case.edits()), &case.expected) {
        (Ok(edited), Expected::Bytes(bytes)) if edited.bytes != *bytes => {
            wrong(format!("not the bytes:\n{}", difference(bytes, &edited.bytes)))
        }
        (Ok(edited), Expected::Bytes(bytes)) if edited.changed != (*bytes != file.input) => {
            wrong(format!("`changed` is {}", edited.changed))
        }
        (Ok(edited), Expected::Bytes(_)) => idle(&edited.bytes, case),
        (Ok(edited), Expected::Refused { .. }) => {
            wrong(format!("not refused:\n{}", difference(&file.input, &edited.bytes)))
        }
        (Err(error), Expected::Bytes(_)) => wrong(format!("refused: {error}")),
        (Err(error), Expected::Refused { .. }) if error.fault() != Fault::User => wrong(error.to_string()),
        (Err(error), Expected::Refused { place, words }) => {
            let said = error.to_string();
            let placed = place.as_ref().is_none_or(|place| said.starts_with(&format!("{place}: ")));
            if placed && said.contains(words) { Ok(()) } else { wrong(format!("refused otherwise: {said}")) }
        }
    }
}

/// A second run of the same edits changes nothing.
fn idle(bytes: &[u8], case: &Case) -> Result<(), String> {
    match apply(bytes, &case.edits()) {
        Ok(again) if !again.changed && again.bytes == bytes && again.changes.is_empty() => Ok(()),
        again => Err(format!("{}: the second run is not idle: {again:?}", case.name)),
    }
}

fn difference(expected: &[u8], got: &[u8]) -> String {
    argo_buildkit::manifest::unified_diff("expected", expected, got).replace('\r', "␍")
}

/// Files that are too large or too deep, with any edit.
#[test]
fn what_is_no_manifest_is_refused_for_every_kind() {
    let large = format!("kind: A\n{}", "# a line of a comment, and no data\n".repeat(400_000));
    let deep = format!("kind: A\nmetadata: {}1{}\n", "[".repeat(300), "]".repeat(300));
    for (input, words) in [(&large, "more than the 10 MiB"), (&deep, "more than 256 levels deep")] {
        for target in [
            "helm:kind",
            "image:image",
            "kustomize:shop/api:newTag",
            "object:A/a:kind",
            "container:A/a:web",
            "parameter:image.tag",
            "values:image.tag",
            "setter:flux-system:shop",
        ] {
            let edit = Edit { create: true, ..Edit::new(target.parse().unwrap(), "shop/api:1") };
            let error = apply(input.as_bytes(), &[edit]).unwrap_err();
            assert!(error.fault() == Fault::User && error.to_string().contains(words), "{target}: {error}");
        }
    }
}
