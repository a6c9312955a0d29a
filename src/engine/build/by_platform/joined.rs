//! What several solves say, as that of one build.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::imports::LeftOut;
use super::super::solve::Built;
use crate::buildkit::Solved;
use crate::oci::PlatformIndex;
use crate::step::Build;

/// The most bytes of the last output of all solves: as many as one has.
const TAIL: usize = 8 << 10;

/// The result of `built`, whose platforms and digests are `children`, and whose index is `index`.
pub(super) fn solved(
    build: &Build,
    index: &PlatformIndex,
    children: &[(String, String)],
    built: &[Built],
) -> Solved {
    let each = || built.iter().map(|built| &built.solved);
    let tails = children.iter().zip(each()).map(|((platform, _), solved)| (&**platform, &*solved.log_tail));
    Solved {
        digest: Some(index.digest().to_owned()),
        descriptor: Some(json!(index.descriptor()).to_string()),
        cached_steps: each().map(|solved| solved.cached_steps).sum(),
        total_steps: each().map(|solved| solved.total_steps).sum(),
        vertices: each().flat_map(|solved| &solved.vertices).cloned().collect(),
        log_tail: log_tail(&tails.collect::<Vec<_>>()),
        warnings: once(each().flat_map(|solved| &solved.warnings)),
        pulled_bytes: each().map(|solved| solved.pulled_bytes).sum(),
        pulled_layers: each().map(|solved| solved.pulled_layers).sum(),
        cache_exported: false,
        metadata: metadata(build, index),
    }
}

/// The lines about caches that solves left out, each once.
pub(super) fn left_out(built: &[Built]) -> Vec<String> {
    let mut all = LeftOut::default();
    built.iter().for_each(|built| all.add(built.left_out.clone()));
    all.lines
}

/// Each text once, in their order. The platforms of a Dockerfile have the same warnings.
fn once<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(*text)).cloned().collect()
}

/// The last lines of each platform that has any.
fn log_tail(tails: &[(&str, &str)]) -> String {
    let share = TAIL / tails.len().max(1);
    let shown = tails.iter().filter(|(_, tail)| !tail.is_empty());
    let shown = shown.map(|(platform, tail)| format!("{platform}:\n{}", last_lines(tail, share)));
    shown.collect::<Vec<_>>().join("\n")
}

/// The whole lines in the last `limit` bytes.
fn last_lines(text: &str, limit: usize) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(limit));
    let rest = &text[from..];
    match rest.split_once('\n') {
        Some((_, whole)) if from > 0 => whole,
        _ => rest,
    }
}

/// What the exporters of one solve would answer.
fn metadata(build: &Build, index: &PlatformIndex) -> BTreeMap<String, serde_json::Value> {
    let names = build.tags.iter().map(|tag| tag.image.to_string()).collect::<Vec<_>>().join(",");
    let answers = [
        ("containerimage.descriptor", json!(index.descriptor())),
        ("containerimage.digest", json!(index.digest())),
        ("image.name", json!(names)),
    ];
    answers.map(|(name, value)| (name.to_owned(), value)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_its_share_of_the_last_output() {
        let short = [("linux/amd64", "one\ntwo"), ("linux/arm64", ""), ("linux/arm/v7", "three")];
        assert_eq!(log_tail(&short), "linux/amd64:\none\ntwo\nlinux/arm/v7:\nthree");
        let long = format!("{}last", "a line of this program\n".repeat(1000));
        let both = log_tail(&[("linux/amd64", &long), ("linux/arm64", &long)]);
        assert!(both.len() <= TAIL + 40 && both.len() > TAIL / 2, "{}", both.len());
        assert!(both.starts_with("linux/amd64:\na line") && both.ends_with("\nlast"), "{both}");
        assert_eq!(last_lines("äöü", 3), "ü");
    }

    #[test]
    fn equal_warnings_are_told_once() {
        let warnings = ["a", "b", "a"].map(str::to_owned);
        assert_eq!(once(warnings.iter()), ["a", "b"]);
    }
}
