use std::sync::atomic::Ordering;

use super::fixture::{Fixture, git, login};
use crate::git::{Credentials, GitError, Resolved};
use crate::outcome::Fault;

fn resolved(sha: &str, reference: Option<&str>) -> Resolved {
    Resolved { sha: sha.to_owned(), reference: reference.map(str::to_owned) }
}

/// A repository with a branch, both kinds of tag, and a commit that no ref names.
async fn shop() -> (Fixture, [String; 2]) {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1"), ("a", "2")]);
    let tip = git(&bare, &["rev-parse", "main"]);
    let below = git(&bare, &["rev-parse", "main~1"]);
    git(&bare, &["tag", "light", "main~1"]);
    git(&bare, &["-c", "user.name=x", "-c", "user.email=x@x", "tag", "-a", "-m", "x", "v1", "main~1"]);
    git(&bare, &["branch", "both", "main"]);
    git(&bare, &["tag", "both", "main~1"]);
    git(&bare, &["branch", "feature/x", "main~1"]);
    (fixture, [tip, below])
}

async fn names_and_shas(only_v0: bool) {
    let (fixture, [tip, below]) = shop().await;
    fixture.server.faults.only_v0.store(only_v0, Ordering::SeqCst);
    let url = fixture.url("shop.git");
    let table = [
        ("main", resolved(&tip, Some("refs/heads/main"))),
        ("HEAD", resolved(&tip, Some("refs/heads/main"))),
        ("refs/heads/main", resolved(&tip, Some("refs/heads/main"))),
        ("feature/x", resolved(&below, Some("refs/heads/feature/x"))),
        ("light", resolved(&below, Some("refs/tags/light"))),
        ("v1", resolved(&below, Some("refs/tags/v1"))),
        ("refs/tags/both", resolved(&below, Some("refs/tags/both"))),
        ("both", resolved(&tip, Some("refs/heads/both"))),
        (&tip, resolved(&tip, None)),
        (&below, resolved(&below, None)),
        (&tip.to_uppercase(), resolved(&tip, None)),
    ];
    for (revision, want) in table {
        assert_eq!(fixture.git.resolve(&url, &login(), revision).await.unwrap(), want, "{revision}");
    }
}

#[tokio::test]
async fn names_and_shas_are_pinned_over_v2() {
    names_and_shas(false).await;
}

#[tokio::test]
async fn names_and_shas_are_pinned_over_v0() {
    names_and_shas(true).await;
}

#[tokio::test]
async fn a_commit_below_the_tips_is_proven_with_and_without_filter() {
    let (fixture, _) = shop().await;
    let bare = fixture.root().join("shop.git");
    let deep = git(&bare, &["rev-parse", "main~1"]);
    for name in ["branch=feature/x", "tag=light", "tag=v1", "tag=both"] {
        let (kind, name) = name.split_once('=').unwrap();
        git(&bare, &[kind, "-d", name].map(|a| if a == "-d" && kind == "branch" { "-D" } else { a }));
    }
    for filter in ["true", "false"] {
        git(&bare, &["config", "uploadpack.allowFilter", filter]);
        let got = fixture.git.resolve(&fixture.url("shop.git"), &login(), &deep).await.unwrap();
        assert_eq!(got, resolved(&deep, None), "filter {filter}");
    }
}

/// Like GitHub, which supports the filter that leaves out all trees but no other tree filter.
#[tokio::test]
async fn a_server_that_refuses_the_filter_is_asked_for_all_trees() {
    let (fixture, [tip, below]) = shop().await;
    let bare = fixture.root().join("shop.git");
    for setting in [["uploadpackfilter.tree.maxDepth", "0"], ["uploadpackfilter.tree.allow", "false"]] {
        git(&bare, &["config", setting[0], setting[1]]);
        for only_v0 in [false, true] {
            fixture.server.faults.only_v0.store(only_v0, Ordering::SeqCst);
            for (revision, commit) in [("main", &tip), ("v1", &below), (&*tip, &tip)] {
                let got = fixture.git.resolve(&fixture.url("shop.git"), &login(), revision).await.unwrap();
                assert_eq!(&got.sha, commit, "{setting:?} v0 {only_v0} {revision}");
            }
        }
    }
}

#[tokio::test]
async fn only_the_right_login_may_read() {
    let (fixture, [tip, ..]) = shop().await;
    let url = fixture.url("shop.git");
    let logins = [
        (Credentials::Anonymous, "no login was given"),
        (Credentials::basic("u", &"wrong".into()), "expired"),
    ];
    for (credentials, hint) in logins {
        for revision in ["main", tip.as_str()] {
            let error = fixture.git.resolve(&url, &credentials, revision).await.unwrap_err();
            assert!(matches!(error, GitError::Login { .. }) && error.to_string().contains(hint), "{error}");
            assert_eq!(error.fault(), Fault::User);
        }
    }
    fixture.server.faults.public.lock().unwrap().insert("shop.git".into());
    fixture.git.resolve(&url, &Credentials::Anonymous, "main").await.unwrap();
}

#[tokio::test]
async fn another_repositorys_commit_is_not_served() {
    let (fixture, _) = shop().await;
    let other = fixture.repo("other.git", &[("secret", "x")]);
    let foreign = git(&other, &["rev-parse", "main"]);
    for revision in [foreign.as_str(), "0123456789012345678901234567890123456789"] {
        let error = fixture.git.resolve(&fixture.url("shop.git"), &login(), revision).await.unwrap_err();
        assert!(error.to_string().contains("does not show this commit"), "{error}");
    }
}

#[tokio::test]
async fn a_blob_or_tree_is_not_a_commit() {
    let (fixture, _) = shop().await;
    let bare = fixture.root().join("shop.git");
    for object in ["main:a", "main^{tree}"] {
        let sha = git(&bare, &["rev-parse", object]);
        let error = fixture.git.resolve(&fixture.url("shop.git"), &login(), &sha).await.unwrap_err();
        assert!(matches!(error, GitError::Revision { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_said_clearly() {
    let (fixture, [tip, ..]) = shop().await;
    fixture.bare("empty.git");
    let shop = fixture.url("shop.git");
    let table = [
        (&shop, "mian", "did you mean `main`"),
        (&shop, &tip[..10], "all 40 hex digits"),
        (&shop, "main~1", "not a name"),
        (&shop, "a\nb", "not a name"),
        (&fixture.url("empty.git"), "main", "is empty"),
        (&fixture.url("none.git"), "main", "was not found"),
    ];
    for (url, revision, want) in table {
        let error = fixture.git.resolve(url, &login(), revision).await.unwrap_err();
        assert!(error.to_string().contains(want), "{revision}: {error}");
        assert_eq!(error.fault(), Fault::User, "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_passing_outage_is_waited_out() {
    let (fixture, [tip, ..]) = shop().await;
    fixture.server.faults.unavailable.store(2, Ordering::SeqCst);
    let got = fixture.git.resolve(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    assert_eq!(got.sha, tip);
}

#[tokio::test]
async fn refusals_have_their_own_words() {
    let (fixture, _) = shop().await;
    let table = [
        (403, "Forbidden", "read:repository", Fault::User),
        (
            302,
            "https://user:pw@elsewhere.example/x?t=s",
            "redirects to `https://elsewhere.example`",
            Fault::User,
        ),
        (307, "/again", "redirects to itself again and again", Fault::User),
        (418, "tea", "418", Fault::User),
        (200, "<html>", "check that the URL is a repository's", Fault::User),
        (502, "gateway", "502", Fault::Transient),
    ];
    for (status, body, want, fault) in table {
        *fixture.server.faults.refuse.lock().unwrap() = Some((status, body.to_owned()));
        let error = fixture.git.resolve(&fixture.url("shop.git"), &login(), "main").await.unwrap_err();
        assert!(error.to_string().contains(want), "{status}: {error}");
        assert!(!error.to_string().contains("pw"), "{error}");
        assert_eq!(error.fault(), fault, "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_transient() {
    let fixture = Fixture::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/a.git").parse().unwrap();
    let error = fixture.git.resolve(&url, &login(), "main").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("no connection"), "{error}");
}

/// Writes the files of the ref that `revision` names into an empty repository, and asks git about it.
async fn kept(fixture: &Fixture, revision: &str, ask: &[&str]) -> String {
    let snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), revision).await.unwrap();
    let empty = tempfile::tempdir().unwrap();
    git(empty.path(), &["init", "-q", "--bare", "."]);
    for (path, bytes) in snapshot.reference.unwrap().files() {
        let path = empty.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    git(empty.path(), ask)
}

#[tokio::test]
async fn a_ref_is_files_of_a_git_directory_with_all_its_tag_objects() {
    let (fixture, [tip, below]) = shop().await;
    let bare = fixture.root().join("shop.git");
    let notes = "what is new\n".repeat(2000);
    git(&bare, &["tag", "-a", "-m", &notes, "notes/v2", "main"]);
    git(&bare, &["tag", "-a", "-m", "twice", "twice", "notes/v2"]);
    for only_v0 in [false, true] {
        fixture.server.faults.only_v0.store(only_v0, Ordering::SeqCst);
        for (revision, name, id) in [
            ("light", "refs/tags/light", &below),
            ("main", "refs/heads/main", &tip),
            ("HEAD", "refs/heads/main", &tip),
        ] {
            assert_eq!(kept(&fixture, revision, &["rev-parse", name]).await, *id, "{revision}");
        }
        for tag in ["v1", "notes/v2", "twice"] {
            let object = git(&bare, &["cat-file", "-p", tag]);
            assert_eq!(kept(&fixture, tag, &["cat-file", "-p", tag]).await, object);
        }
        let inner = git(&bare, &["rev-parse", "notes/v2"]);
        assert_eq!(kept(&fixture, "twice", &["cat-file", "-t", &inner]).await, "tag");
    }
}

/// The commit is proven, and the build has it without the tag.
#[tokio::test]
async fn a_tag_object_that_is_too_large_is_no_ref() {
    let (fixture, [tip, _]) = shop().await;
    let bare = fixture.root().join("shop.git");
    let path = fixture.root().join("message");
    std::fs::write(&path, "what is new\n".repeat(10_000)).unwrap();
    git(&bare, &["tag", "-a", "-F", path.to_str().unwrap(), "large", "main"]);
    let snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), "large").await.unwrap();
    assert_eq!((snapshot.sha, snapshot.reference), (tip, None));
}
