use std::sync::atomic::Ordering;

use super::fixture::{Fixture, git, login};

async fn names(only_v0: bool) {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1"), ("a", "2")]);
    fixture.server.faults.only_v0.store(only_v0, Ordering::SeqCst);
    git(&bare, &["branch", "both", "main"]);
    git(&bare, &["tag", "both", "main~1"]);
    git(&bare, &["tag", "-a", "-m", "x", "v1", "main~1"]);
    git(&bare, &["update-ref", "refs/pull/1/head", "main~1"]);
    let url = fixture.url("shop.git");
    for (name, found) in [
        (None, None),
        (Some("main"), Some("refs/heads/main")),
        (Some("HEAD"), Some("refs/heads/main")),
        (Some("both"), Some("refs/heads/both")),
        (Some("refs/tags/both"), Some("refs/tags/both")),
        (Some("v1"), Some("refs/tags/v1")),
        (Some("pull/1/head"), Some("refs/pull/1/head")),
        (Some("refs/pull/1/head"), Some("refs/pull/1/head")),
        (Some("refs/pull/2/head"), None),
        (Some("mai"), None),
        (Some("a..b"), None),
    ] {
        let names = fixture.git.ref_names(&url, &login(), name).await.unwrap();
        assert_eq!(names.default_branch.as_deref(), Some("refs/heads/main"), "{name:?}");
        assert_eq!(names.found.as_ref().map(|found| found.name.as_str()), found, "{name:?}");
    }
    git(&bare, &["symbolic-ref", "HEAD", "refs/heads/both"]);
    let names = fixture.git.ref_names(&url, &login(), Some("main")).await.unwrap();
    assert_eq!(names.default_branch.as_deref(), Some("refs/heads/both"));
    assert_eq!(names.found.unwrap().id, git(&bare, &["rev-parse", "main"]));
}

#[tokio::test]
async fn names_become_full_over_v2() {
    names(false).await;
}

#[tokio::test]
async fn names_become_full_over_v0() {
    names(true).await;
}

#[tokio::test]
async fn one_request_answers_for_the_default_branch_and_a_name() {
    let fixture = Fixture::new().await;
    fixture.repo("shop.git", &[("a", "1")]);
    fixture.git.ref_names(&fixture.url("shop.git"), &login(), Some("main")).await.unwrap();
    let seen = std::mem::take(&mut *fixture.server.faults.seen.lock().unwrap());
    assert_eq!(seen, ["/shop.git/git-upload-pack"]);
}

#[tokio::test]
async fn a_branch_has_the_commits_of_its_history_and_no_others() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1"), ("a", "2"), ("a", "3")]);
    git(&bare, &["branch", "feature", "main~1"]);
    let feature = fixture.commit(&bare, "feature", "b", "not reviewed");
    let unrelated = fixture.commit(&bare, "unrelated", "c", "another root");
    let [main, below, first] = ["main", "main~1", "main~2"].map(|name| git(&bare, &["rev-parse", name]));
    let unknown = "0123456789012345678901234567890123456789".to_owned();
    for (tip, commit, has) in [
        (&main, &main, true),
        (&main, &below, true),
        (&main, &first, true),
        (&feature, &below, true),
        (&main, &feature, false),
        (&below, &main, false),
        (&feature, &main, false),
        (&main, &unrelated, false),
        (&unknown, &main, false),
    ] {
        let found = fixture.git.contains(&fixture.url("shop.git"), &login(), tip, commit).await.unwrap();
        assert_eq!(found, has, "{tip} has {commit}");
    }
}
