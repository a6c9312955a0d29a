#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::git::Credentials;
use crate::manifest;

const VALUES: &str = "image:\n  repository: r/a\n  tag: v1\nother: {tag: v1}\n";
const OURS: &str = "1111111111111111111111111111111111111111";
const THEIRS: &str = "2222222222222222222222222222222222222222";

fn group(commit: &str, manifests: &[&str], places: &[&str]) -> Group {
    let own = [(SOURCE_REPO, "https://g.example/a"), (SOURCE_COMMIT, commit)];
    let all = own.into_iter().chain(manifests.iter().map(|m| (MANIFEST, *m)));
    all.chain(places.iter().map(|p| (PLACE, *p))).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn means(files: &Files, text: &str) -> BTreeSet<String> {
    let (file, target) = text.split_once(' ').unwrap();
    let Some(bytes) = files.get(file) else { return BTreeSet::new() };
    let Ok(target) = target.parse() else { return BTreeSet::new() };
    manifest::addresses(bytes, &target).into_iter().map(|address| format!("{file} {address}")).collect()
}

/// The last writers that are found in `history` for a writer with these trailers, newest first.
async fn found(manifests: &[&str], places: &[&str], history: &[Group]) -> Vec<String> {
    let repo: RepoUrl = "https://g.example/a.git/".parse().unwrap();
    let source = SourceCommit { repo, credentials: Credentials::Anonymous, commit: OURS.to_owned() };
    let message = Message { text: "x".to_owned(), trailers: group(OURS, manifests, places) };
    let files = Files::from([("v.yaml".to_owned(), VALUES.as_bytes().to_vec())]);
    let means = Some((Places::new(means), Arc::new(files)));
    let mut planned = PlannedWrite::new(Some(&source), &message, means).unwrap();
    planned.learn(history).await;
    planned.last_writers(history.iter())
}

#[tokio::test]
async fn what_was_set_is_compared_and_not_what_it_was_called() {
    type Row = (&'static [&'static str], &'static [&'static str]);
    let tag: &[Row] = &[
        (&["v.yaml helm:image.tag"], &[]),
        (&["v.yaml image:image"], &["v.yaml image.tag"]),
        (&["v.yaml image:image"], &["v.yaml image.repository", "v.yaml image.tag"]),
        (&["v.yaml setter:flux:api"], &["v.yaml image.tag"]),
        // The trailers of commits from before `Place` existed.
        (&["v.yaml image:image"], &[]),
    ];
    // Current commits always contain the place of such a target.
    for (manifests, places) in tag.iter().take(4) {
        for (theirs, at) in tag {
            let history = [group(THEIRS, theirs, at)];
            assert_eq!(found(manifests, places, &history).await, [THEIRS], "{manifests:?} {theirs:?} {at:?}");
        }
        for (theirs, at) in [
            (&["v.yaml helm:other.tag"][..], &[][..]),
            (&["v.yaml image:image"], &["v.yaml image.digest"]),
            (&["v.yaml image:other"], &[]),
            (&["w.yaml image:image"], &[]),
            (&["w.yaml helm:image.tag"], &[]),
            (&["v.yaml setter:gone:gone"], &[]),
            (&["v.yaml no target"], &[]),
        ] {
            assert!(
                found(manifests, places, &[group(THEIRS, theirs, at)]).await.is_empty(),
                "{theirs:?} {at:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_target_that_means_nothing_any_more_is_compared_by_its_text() {
    let ours = (&["v.yaml setter:gone:gone"][..], &["v.yaml image.tag"][..]);
    assert_eq!(found(ours.0, ours.1, &[group(THEIRS, ours.0, &[])]).await, [THEIRS]);
}

#[tokio::test]
async fn each_place_has_its_own_last_writer() {
    let third = "3".repeat(40);
    let history = [
        group(THEIRS, &["v.yaml helm:image.tag"], &[]),
        group(&third, &["v.yaml image:image"], &["v.yaml image.repository", "v.yaml image.tag"]),
        group("4444444444444444444444444444444444444444", &["v.yaml helm:image.repository"], &[]),
    ];
    let both =
        found(&["v.yaml image:image"], &["v.yaml image.repository", "v.yaml image.tag"], &history).await;
    assert_eq!(both, [THEIRS.to_owned(), third]);
    assert_eq!(found(&["v.yaml image:image"], &["v.yaml image.tag"], &history).await, [THEIRS]);
}
