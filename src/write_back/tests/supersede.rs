//! An older source commit never overwrites a newer one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fixture::{Fixture, git, login};
use super::write_back::request;
use crate::git::{Credentials, GitError};
use crate::write_back::ancestry::{CommitOrder, compare_ancestry, compare_commits};
use crate::write_back::{
    EditFn, Edited, Files, Landed, Message, SourceCommit, WriteBack, WriteError, trailer,
};

pub(super) fn source(fixture: &Fixture, commit: &str) -> SourceCommit {
    SourceCommit { repo: fixture.url("src.git"), credentials: login(), commit: commit.to_owned() }
}

/// Sets the content of every file to the commit's id, with the trailer `manifest`.
pub(super) fn set(commit: &str, manifest: &str) -> EditFn {
    set_as(commit, manifest, "shop/api")
}

/// Like [`set`], with this name for the source repository.
fn set_as(commit: &str, manifest: &str, repo: &str) -> EditFn {
    let commit = commit.to_owned();
    let trailers = [
        (trailer::WORKFLOW, "ns/w"),
        (trailer::SOURCE_REPO, repo),
        (trailer::SOURCE_COMMIT, &commit),
        (trailer::MANIFEST, manifest),
    ];
    let trailers = trailers.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let message = Message { text: format!("Set {commit}"), trailers };
    Arc::new(move |files: &Files| {
        let files = files.keys().map(|path| (path.clone(), commit.clone().into_bytes())).collect();
        Ok(Edited { files, message: message.clone() })
    })
}

async fn write(fixture: &Fixture, commit: &str) -> Result<Landed, WriteError> {
    let request =
        WriteBack { source: Some(source(fixture, commit)), ..request(fixture, "ops.git", &["values"]) };
    fixture.pusher.write_back(request, set(commit, "values:tag")).await
}

/// Makes a source repository with a line of commits, oldest first, and a repository to write to.
pub(super) fn site(fixture: &Fixture, commits: usize) -> (PathBuf, Vec<String>) {
    let src = fixture.bare("src.git");
    let line = (0..commits).map(|n| fixture.commit(&src, "main", "file", &n.to_string())).collect();
    (fixture.repo("ops.git", &[("values", "none"), ("other", "none")]), line)
}

pub(super) fn shown(bare: &Path) -> String {
    git(bare, &["show", "main:values"])
}

#[tokio::test]
async fn older_after_newer_is_dropped_and_newer_after_older_is_not() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 3);
    assert!(write(&fixture, &line[1]).await.unwrap().changed);
    let tip = git(&ops, &["rev-parse", "main"]);
    let old = write(&fixture, &line[0]).await.unwrap();
    assert_eq!((old.changed, old.superseded_by.as_deref()), (false, Some(line[1].as_str())));
    assert_eq!((&old.commit, &old.base, old.files.len()), (&tip, &tip, 0));
    assert_eq!(git(&ops, &["rev-parse", "main"]), tip);
    let new = write(&fixture, &line[2]).await.unwrap();
    assert_eq!((new.changed, new.superseded_by), (true, None));
    assert_eq!(shown(&ops), line[2]);
    // The same build again, or a write to a new place, is not refused.
    assert!(!write(&fixture, &line[2]).await.unwrap().changed);
    let elsewhere =
        WriteBack { source: Some(source(&fixture, &line[0])), ..request(&fixture, "ops.git", &["other"]) };
    assert!(fixture.pusher.write_back(elsewhere, set(&line[0], "other:tag")).await.unwrap().changed);
}

#[tokio::test]
async fn a_write_below_many_commits_of_others_is_found() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    write(&fixture, &line[1]).await.unwrap();
    for _ in 0..70 {
        let tree = git(&ops, &["rev-parse", "main^{tree}"]);
        let next = git(&ops, &["commit-tree", "-p", "main", "-m", "theirs\n\nSource-Repo: shop/api", &tree]);
        git(&ops, &["update-ref", "refs/heads/main", &next]);
    }
    let old = write(&fixture, &line[0]).await.unwrap();
    assert_eq!(old.superseded_by.as_deref(), Some(line[1].as_str()));
}

#[tokio::test]
async fn in_one_commit_the_newer_wins_in_any_order() {
    for turned in [false, true] {
        let fixture = Fixture::new().await;
        let (ops, line) = site(&fixture, 3);
        let (one, two) = if turned { (&line[2], &line[1]) } else { (&line[1], &line[2]) };
        let (one, two) = tokio::join!(write(&fixture, one), write(&fixture, two));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(shown(&ops), line[2], "{turned}");
        assert_eq!(git(&ops, &["rev-list", "--count", "main"]), "3", "one commit");
        let newer = Some(line[2].clone());
        assert_eq!((one.changed, two.changed), (true, !turned));
        assert_eq!(two.superseded_by, newer.filter(|_| turned));
        assert_eq!(one.commit, two.commit);
        // The branch's history gives the same answer.
        let old = write(&fixture, &line[0]).await.unwrap();
        assert_eq!(old.superseded_by.as_deref(), Some(line[2].as_str()));
    }
}

#[tokio::test]
async fn it_is_looked_up_again_after_a_lost_race() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    let (first, there, src) = (AtomicBool::new(true), fixture.root().to_owned(), line.clone());
    let set_old = set(&line[0], "values:tag");
    // The newer build's commit lands while the older build's edit runs.
    let slow: EditFn = Arc::new(move |files: &Files| {
        if first.swap(false, Ordering::SeqCst) {
            let ops = there.join("ops.git");
            let message = format!(
                "x\n\nWorkflow: a/b\nSource-Repo: shop/api\nSource-Commit: {}\nManifest: values:tag\n\
                 Managed-By: argo-buildkit",
                src[1]
            );
            let tree = git(&ops, &["rev-parse", "main^{tree}"]);
            let next = git(&ops, &["commit-tree", "-p", "main", "-m", &message, &tree]);
            git(&ops, &["update-ref", "refs/heads/main", &next]);
        }
        set_old(files)
    });
    let old =
        WriteBack { source: Some(source(&fixture, &line[0])), ..request(&fixture, "ops.git", &["values"]) };
    let old = fixture.pusher.write_back(old, slow).await.unwrap();
    assert_eq!((old.changed, old.superseded_by.as_deref()), (false, Some(line[1].as_str())));
    assert_eq!((old.attempts, shown(&ops).as_str()), (2, "none"));
}

/// Two writers of one lane ask about the same commits, and one of them may not read the source.
#[tokio::test]
async fn what_one_login_is_not_shown_is_no_answer_to_another() {
    let fixture = Fixture::new().await;
    let (_, line) = site(&fixture, 2);
    let set_in = |file: &'static str, commit: &str, credentials| {
        let source = SourceCommit { credentials, ..source(&fixture, commit) };
        let request = WriteBack { source: Some(source), ..request(&fixture, "ops.git", &[file]) };
        fixture.pusher.write_back(request, set(commit, &format!("{file}:tag")))
    };
    for file in ["values", "other"] {
        set_in(file, &line[1], login()).await.unwrap();
    }
    let known = set_in("values", &line[0], login());
    let (known, stranger) = tokio::join!(known, set_in("other", &line[0], Credentials::Anonymous));
    assert_eq!(known.unwrap().superseded_by.as_deref(), Some(line[1].as_str()));
    assert!(stranger.unwrap().changed, "who cannot be told writes");
}

/// A commit made at `time` on `parents`.
fn commit_at(bare: &Path, parents: &[&str], time: u64) -> String {
    commit_with(bare, parents, time, "c")
}

fn commit_with(bare: &Path, parents: &[&str], time: u64, message: &str) -> String {
    let (tree, file) = (git(bare, &["mktree"]), bare.join("message"));
    std::fs::write(&file, message).unwrap();
    let mut command = Command::new("git");
    command.args(["commit-tree", "-F", file.to_str().unwrap(), &tree]).current_dir(bare);
    command.args(parents.iter().flat_map(|parent| ["-p", parent]));
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "n").env(format!("GIT_{who}_EMAIL"), "n@example.com");
        command.env(format!("GIT_{who}_DATE"), format!("{time} +0000"));
    }
    let output = command.output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Compares the result for every pair of commits with Git's own, in a history with merges whose times contradict it.
async fn every_pair(v0: bool, filter: &str) {
    let fixture = Fixture::new().await;
    let src = fixture.bare("src.git");
    git(&src, &["config", "uploadpack.allowFilter", filter]);
    git(&src, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    fixture.server.faults.only_v0.store(v0, Ordering::SeqCst);
    let parents: [&[usize]; 8] = [&[], &[0], &[0], &[1, 2], &[3], &[2], &[4, 5], &[]];
    let mut all: Vec<String> = Vec::new();
    for (n, parents) in parents.iter().enumerate() {
        let parents: Vec<_> = parents.iter().map(|p| all[*p].as_str()).collect();
        all.push(commit_at(&src, &parents, 2_000_000_000 - 100 * n as u64));
    }
    for (n, tip) in [6, 7].into_iter().enumerate() {
        git(&src, &["update-ref", &format!("refs/heads/b{n}"), &all[tip]]);
    }
    let below = |one: &str, other: &str| {
        let args = ["merge-base", "--is-ancestor", one, other];
        Command::new("git").args(args).current_dir(&src).status().unwrap().success()
    };
    for (n, ours) in all.iter().enumerate() {
        for (m, theirs) in all.iter().enumerate().filter(|(m, _)| *m != n) {
            let want = if below(ours, theirs) {
                CommitOrder::Older
            } else if below(theirs, ours) || n < m {
                CommitOrder::Newer
            } else {
                CommitOrder::Older
            };
            let got = compare_commits(&fixture.git, &source(&fixture, ours), theirs).await.unwrap();
            assert_eq!(got, want, "{n} {m} v0 {v0} filter {filter}");
        }
    }
}

#[tokio::test]
async fn every_pair_stands_as_git_has_it() {
    every_pair(false, "true").await;
}

#[tokio::test]
async fn every_pair_stands_as_git_has_it_without_filter_or_v2() {
    every_pair(false, "false").await;
    every_pair(true, "true").await;
}

#[tokio::test]
async fn what_cannot_be_told_does_not_stop_a_write() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    let unknown = "1".repeat(40);
    let told = |compare_commits| matches!(compare_commits, Ok(CommitOrder::Unknown(_)));
    assert!(told(compare_commits(&fixture.git, &source(&fixture, &line[1]), &unknown).await));
    assert!(told(compare_commits(&fixture.git, &source(&fixture, &unknown), &line[1]).await));
    let gone = SourceCommit { repo: fixture.url("gone.git"), ..source(&fixture, &line[1]) };
    assert!(told(compare_commits(&fixture.git, &gone, &line[0]).await));
    let wrong =
        SourceCommit { credentials: Credentials::basic("u", &"no".into()), ..source(&fixture, &line[1]) };
    assert!(told(compare_commits(&fixture.git, &wrong, &line[0]).await));
    // The same is true for a commit that a forced push removed from the source repository.
    write(&fixture, &line[1]).await.unwrap();
    git(&fixture.root().join("src.git"), &["update-ref", "refs/heads/main", &line[0]]);
    git(&fixture.root().join("src.git"), &["reflog", "expire", "--expire=now", "--all"]);
    git(&fixture.root().join("src.git"), &["gc", "-q", "--prune=now"]);
    let landed = write(&fixture, &line[0]).await.unwrap();
    assert_eq!((landed.changed, landed.assumed.len()), (true, 1));
    assert!(landed.assumed[0].contains(&format!("{} of", line[0])), "{:?}", landed.assumed);
    assert!(landed.assumed[0].contains(&format!("newer than {}", line[1])), "{:?}", landed.assumed);
    assert_eq!(shown(&ops), line[0]);
}

#[tokio::test]
async fn a_source_that_is_away_is_waited_for_and_then_said() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    write(&fixture, &line[1]).await.unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = SourceCommit {
        repo: format!("http://{nobody}/src.git").parse().unwrap(),
        ..source(&fixture, &line[0])
    };
    let away = WriteBack { source: Some(away), ..request(&fixture, "ops.git", &["values"]) };
    let error = fixture.pusher.write_back(away, set(&line[0], "values:tag")).await.unwrap_err();
    assert!(matches!(&error, WriteError::Git(GitError::Unavailable { .. })), "{error}");
    assert_eq!(shown(&ops), line[1]);
}

#[tokio::test]
async fn a_comparison_is_one_small_request() {
    let fixture = Fixture::new().await;
    let (_, line) = site(&fixture, 3);
    fixture.server.faults.seen.lock().unwrap().clear();
    let newer = compare_commits(&fixture.git, &source(&fixture, &line[2]), &line[0]).await.unwrap();
    assert_eq!(newer, CommitOrder::Newer);
    assert_eq!(*fixture.server.faults.seen.lock().unwrap(), ["/src.git/git-upload-pack"]);
}

#[tokio::test]
async fn many_writers_of_one_source_ask_it_once() {
    let fixture = Fixture::new().await;
    let src = fixture.bare("src.git");
    let line: Vec<_> = (0..2).map(|n| fixture.commit(&src, "main", "file", &n.to_string())).collect();
    let paths: Vec<_> = (0..20).map(|n| format!("v{n}")).collect();
    let ops = fixture.bare("ops.git");
    fixture.work(&ops, "main", |work| {
        paths.iter().for_each(|path| std::fs::write(work.join(path), "0").unwrap())
    });
    for commit in [&line[1], &line[0]] {
        fixture.server.faults.seen.lock().unwrap().clear();
        let write = |path: &String| {
            let source = Some(source(&fixture, commit));
            let request = WriteBack { source, ..request(&fixture, "ops.git", &[path]) };
            fixture.pusher.write_back(request, set(commit, path))
        };
        let landed = futures_util::future::join_all(paths.iter().map(write)).await;
        let older = commit == &line[0];
        for landed in landed {
            let newer = landed.unwrap().superseded_by;
            assert_eq!(newer.as_ref(), older.then_some(&line[1]));
        }
        let seen = fixture.server.faults.seen.lock().unwrap();
        let asked = seen.iter().filter(|path| path.contains("src.git")).count();
        assert_eq!(asked, usize::from(older), "{seen:?}");
    }
    assert_eq!(git(&ops, &["rev-list", "--count", "main"]), "2");
}

#[tokio::test]
async fn by_the_history_alone_another_line_is_neither_newer_nor_older() {
    let fixture = Fixture::new().await;
    let src = fixture.bare("src.git");
    let base = commit_at(&src, &[], 1_000_000_000);
    let (ours, other) = (commit_at(&src, &[&base], 1_000_000_100), commit_at(&src, &[&base], 1_000_000_200));
    for (branch, tip) in [("main", &ours), ("other", &other)] {
        git(&src, &["update-ref", &format!("refs/heads/{branch}"), tip]);
    }
    let order = async |ours: &str, theirs: &str| {
        compare_ancestry(&fixture.git, &source(&fixture, ours), theirs).await.unwrap()
    };
    assert_eq!(order(&base, &ours).await, CommitOrder::Older);
    assert_eq!(order(&ours, &base).await, CommitOrder::Newer);
    assert!(matches!(order(&ours, &other).await, CommitOrder::Unknown(_)));
    // The step that writes a commit asks otherwise: some order is better for it than none.
    let by_time = compare_commits(&fixture.git, &source(&fixture, &ours), &other).await.unwrap();
    assert_eq!(by_time, CommitOrder::Older);
}

#[tokio::test]
async fn beyond_the_bound_times_decide() {
    let fixture = Fixture::new().await;
    let src = fixture.bare("src.git");
    // The messages compress badly and are nearly 1 MiB each, the limit for a commit. So the history between the two
    // commits is larger than the read limit.
    let noise = |n: u64| -> String {
        let mut random = fastrand::Rng::with_seed(n);
        (0..1_045_000).map(|_| random.char('!'..='~')).collect()
    };
    let first = commit_at(&src, &[], 2_000_000_000);
    let line = (0..5).fold(vec![first], |mut line, n| {
        let next = commit_with(&src, &[line.last().unwrap()], 1_900_000_000 + n, &noise(n));
        line.push(next);
        line
    });
    git(&src, &["update-ref", "refs/heads/main", &line[5]]);
    let asked = compare_commits(&fixture.git, &source(&fixture, &line[5]), &line[0]).await.unwrap();
    assert_eq!(asked, CommitOrder::Older, "by its time, for the way from one to the other was too long");
    let near = compare_commits(&fixture.git, &source(&fixture, &line[1]), &line[0]).await.unwrap();
    assert_eq!(near, CommitOrder::Newer);
    // A history that is too long below the tip does no harm.
    let below = compare_commits(&fixture.git, &source(&fixture, &line[0]), &line[5]).await.unwrap();
    assert_eq!(below, CommitOrder::Older);
}

#[tokio::test]
async fn a_dry_run_is_told_that_it_would_be_dropped() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    write(&fixture, &line[1]).await.unwrap();
    let dry = WriteBack {
        source: Some(source(&fixture, &line[0])),
        dry_run: true,
        ..request(&fixture, "ops.git", &["values"])
    };
    let dry = fixture.pusher.write_back(dry, set(&line[0], "values:tag")).await.unwrap();
    assert_eq!((dry.changed, dry.superseded_by.as_deref()), (false, Some(line[1].as_str())));
    assert_eq!(shown(&ops), line[1]);
}

#[tokio::test]
async fn a_source_commit_has_all_its_digits_in_either_case() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    write(&fixture, &line[1].to_ascii_uppercase()).await.unwrap();
    let old = write(&fixture, &line[0].to_ascii_uppercase()).await.unwrap();
    assert_eq!(old.superseded_by.as_deref(), Some(line[1].as_str()));
    for short in ["", "main", &line[1][..12]] {
        let error = write(&fixture, short).await.unwrap_err();
        assert!(error.to_string().contains("give all 40 hex digits"), "{error}");
    }
    assert_eq!(shown(&ops), line[1].to_ascii_uppercase());
}

/// The trailer and the step spell one repository differently; commits of another repository are not compared.
#[tokio::test]
async fn a_trailer_may_spell_the_source_in_any_way() {
    let host = "127.0.0.1";
    let rows = [
        ("https://127.0.0.1/srcx".to_owned(), true),
        (format!("http://{host}:8080/%73rcx.git/"), true),
        (format!("ssh://deploy@{host}:2222/srcx.git"), true),
        (format!("git@{host}:SRCX"), true),
        (format!("https://{host}/srcy"), false),
        ("https://other.example/srcx".to_owned(), false),
        ("shop/api".to_owned(), false),
    ];
    for (named, same) in rows {
        let fixture = Fixture::new().await;
        let src = fixture.bare("srcx");
        let line: Vec<_> = (0..2).map(|n| fixture.commit(&src, "main", "file", &n.to_string())).collect();
        fixture.repo("ops.git", &[("values", "none")]);
        let write = |commit: &str, named: &str| {
            let source = SourceCommit { repo: fixture.url("srcx"), ..source(&fixture, commit) };
            let request = WriteBack { source: Some(source), ..request(&fixture, "ops.git", &["values"]) };
            fixture.pusher.write_back(request, set_as(commit, "values:tag", named))
        };
        assert!(write(&line[1], &named).await.unwrap().changed);
        let late = write(&line[0], &fixture.url("srcx/").to_string()).await.unwrap();
        assert_eq!(late.superseded_by.is_some(), same, "{named}");
    }
}
