use std::sync::atomic::Ordering;

use super::fixture::{Fixture, git, login};
use crate::git::heads::Head;
use crate::git::{Credentials, GitError};
use crate::outcome::Fault;

fn head(name: &str, commit: &str) -> Head {
    Head { name: name.to_owned(), commit: commit.to_owned() }
}

async fn branches_and_tags(only_v0: bool) {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1"), ("a", "2")]);
    fixture.server.faults.only_v0.store(only_v0, Ordering::SeqCst);
    let (tip, below) = (git(&bare, &["rev-parse", "main"]), git(&bare, &["rev-parse", "main~1"]));
    git(&bare, &["tag", "light", "main"]);
    git(&bare, &["tag", "-a", "-m", "x", "v1", "main~1"]);
    git(&bare, &["tag", "-a", "-m", "a tag of a tag", "v2", "v1"]);
    git(&bare, &["update-ref", "refs/pull/1/head", "main"]);
    git(&bare, &["branch", "odd/{{x}}-$(id)-\"ü𝄞", "main~1"]);
    let url = fixture.url("shop.git");
    let all = fixture.git.heads(&url, &login(), &|_| true, 100).await.unwrap();
    let names = ["refs/heads/main", "refs/heads/odd/{{x}}-$(id)-\"ü𝄞", "refs/tags/light", "refs/tags/v1"];
    let mut want: Vec<_> =
        names.into_iter().zip([&tip, &below, &tip, &below]).map(|(n, c)| head(n, c)).collect();
    want.push(head("refs/tags/v2", &below));
    assert_eq!((all.found, all.left_out), (want.clone(), 0));
    let tags = |name: &str| name.starts_with("refs/tags/");
    let two = fixture.git.heads(&url, &login(), &tags, 2).await.unwrap();
    assert_eq!((two.found.as_slice(), two.left_out), (&want[2..4], 1));
    fixture.bare("empty.git");
    let none = fixture.git.heads(&fixture.url("empty.git"), &login(), &|_| true, 100).await.unwrap();
    assert_eq!((none.found.len(), none.left_out), (0, 0));
}

#[tokio::test]
async fn branches_and_tags_have_their_commits_over_v2() {
    branches_and_tags(false).await;
}

#[tokio::test]
async fn branches_and_tags_have_their_commits_over_v0() {
    branches_and_tags(true).await;
}

#[tokio::test]
async fn a_list_of_any_length_takes_one_request_and_a_short_outage_is_waited_for() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1")]);
    let tip = git(&bare, &["rev-parse", "main"]);
    let packed = (0..100_000).map(|n| format!("{tip} refs/tags/v{n:06}\n")).collect::<String>();
    std::fs::write(
        bare.join("packed-refs"),
        format!("# pack-refs with: peeled fully-peeled sorted \n{packed}"),
    )
    .unwrap();
    let last = |name: &str| name == "refs/heads/main" || name == "refs/tags/v099999";
    let want = [head("refs/heads/main", &tip), head("refs/tags/v099999", &tip)];
    let heads = fixture.git.heads(&fixture.url("shop.git"), &login(), &last, 10).await.unwrap();
    assert_eq!(heads.found, want);
    let seen = std::mem::take(&mut *fixture.server.faults.seen.lock().unwrap());
    assert_eq!(seen, ["/shop.git/git-upload-pack"]);
    fixture.server.faults.unavailable.store(2, Ordering::SeqCst);
    let heads = fixture.git.heads(&fixture.url("shop.git"), &login(), &last, 10).await.unwrap();
    assert_eq!(heads.found, want);
}

#[tokio::test]
async fn who_may_not_read_gets_no_list() {
    let fixture = Fixture::new().await;
    fixture.repo("shop.git", &[("a", "1")]);
    let list = |name: &str, login: Credentials| {
        let (git, url) = (fixture.git.clone(), fixture.url(name));
        async move { git.heads(&url, &login, &|_| true, 10).await.unwrap_err() }
    };
    let refused = list("shop.git", Credentials::Anonymous).await;
    assert!(matches!(refused, GitError::Login { .. }), "{refused}");
    let absent = list("none.git", login()).await;
    assert!(matches!(absent, GitError::NotFound { .. }) && absent.fault() == Fault::User, "{absent}");
}
