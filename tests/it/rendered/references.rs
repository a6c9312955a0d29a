//! Image references for edits, and the expected rendered images.

use argo_buildkit::manifest::{Edit, apply};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

pub(super) const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// Every form of a reference, with names of every depth. It is the same in each run.
pub(super) fn references(count: usize) -> Vec<String> {
    let part = "[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?";
    let host = prop_oneof![
        Just("docker.io/"),
        Just("quay.io/"),
        Just("r.example:5000/"),
        Just("localhost/"),
        Just("")
    ];
    let name = (host, prop::collection::vec(part, 1..4))
        .prop_map(|(host, parts)| format!("{host}{}", parts.join("/")));
    let tag = prop_oneof![2 => "v[0-9]\\.[0-9]{1,2}", 1 => "[0-9]\\.[0-9]{2}", 1 => "[0-9]{1,8}", 1 => "[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}"];
    let digest = "[0-9a-f]{64}".prop_map(|hex| format!("@sha256:{hex}"));
    let version = prop_oneof![
        3 => (tag.clone(), prop::option::of(digest.clone())).prop_map(|(tag, digest)| format!(":{tag}{}", digest.unwrap_or_default())),
        1 => digest,
        1 => tag.prop_map(|tag| format!(":{tag}@")),
    ];
    let reference =
        (prop::option::of(name), version).prop_map(|(name, version)| name.unwrap_or_default() + &version);
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| reference.new_tree(&mut runner).unwrap().current()).collect()
}

/// What an edit may do beside setting a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Set,
    Create,
    Shared,
}

pub(super) const MODES: [Mode; 3] = [Mode::Set, Mode::Create, Mode::Shared];

/// The file after `TARGET=VALUE`; `None` if the edit was refused.
pub(super) fn edited(file: &str, target: &str, value: &str, mode: Mode) -> Option<String> {
    let edit = Edit::new(target.parse().unwrap(), value);
    let edit = Edit { create: mode == Mode::Create, shared: mode == Mode::Shared, ..edit };
    let edited = apply(file.as_bytes(), &[edit]).ok()?;
    Some(String::from_utf8(edited.bytes).unwrap())
}

/// Whether `image` is the result of setting `wanted` on the image `old`.
pub(super) fn is_asked_for(image: &str, wanted: &str, old: &str) -> bool {
    let ([name, tag, digest], [old_name, old_tag, old_digest]) = (parts(wanted), parts(old));
    let is_removal = wanted.ends_with('@');
    let name = if name.is_empty() { old_name } else { name };
    let tag = if tag.is_empty() { old_tag.clone() } else { tag };
    // A whole reference replaces a string completely.
    let digest = if digest.is_empty() && !is_removal && tag == old_tag { old_digest } else { digest };
    let exactly = [plain(&name), tag, digest];
    let [is_name, is_tag, is_digest] = parts(image);
    let whole = parts(wanted).map(|part| part.trim_end_matches('@').to_owned());
    [plain(&is_name), is_tag.clone(), is_digest.clone()] == exactly || [is_name, is_tag, is_digest] == whole
}

/// Name, tag and digest; a missing part is empty.
fn parts(reference: &str) -> [String; 3] {
    let (rest, digest) = reference.split_once('@').unwrap_or((reference, ""));
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) =
        rest[slash..].find(':').map_or((rest, ""), |at| (&rest[..slash + at], &rest[slash + at + 1..]));
    [name.to_owned(), tag.to_owned(), digest.to_owned()]
}

/// The name of Docker's own registry is optional.
fn plain(name: &str) -> String {
    name.strip_prefix("docker.io/").unwrap_or(name).to_owned()
}
