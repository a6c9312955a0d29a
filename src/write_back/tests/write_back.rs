use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::fixture::{Fixture, git, login, pusher};
use crate::git::{Credentials, GitError, GitOptions, Identity};
use crate::outcome::{Fault, StepError};
use crate::push_gate::PushGate;
use crate::write_back::{
    EditFn, Edited, Files, Landed, Message, Pusher, SourceCommit, WriteBack, WriteError,
};

pub(super) fn request(fixture: &Fixture, repo: &str, paths: &[&str]) -> WriteBack {
    let who = Identity { name: "argo-buildkit".into(), email: "ci@example.com".into() };
    WriteBack {
        repo: fixture.url(repo),
        credentials: login(),
        branch: "main".into(),
        files: paths.iter().map(|p| p.parse().unwrap()).collect(),
        author: who.clone(),
        committer: who,
        signing_key: None,
        source: None,
        places: None,
        head: None,
        dry_run: false,
        publish: None,
        deadline: Instant::now() + Duration::from_secs(60),
        push_gate: Arc::new(PushGate::new()),
    }
}

/// An edit that applies `change` to every file's bytes.
pub(super) fn edit(change: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> EditFn {
    let trailers = vec![("Image-Digest".to_owned(), "sha256:x".to_owned())];
    let message = Message { text: "Set the tag".into(), trailers };
    Arc::new(move |files: &Files| {
        let files = files.iter().map(|(path, bytes)| (path.clone(), change(bytes))).collect();
        Ok(Edited { files, message: message.clone() })
    })
}

/// Replaces `from` with `to` in every file.
pub(super) fn replace(from: &str, to: &str) -> EditFn {
    let (from, to) = (from.to_owned(), to.to_owned());
    edit(move |bytes| String::from_utf8(bytes.to_vec()).unwrap().replace(&from, &to).into_bytes())
}

/// Adds `line` at the end of every file.
pub(super) fn append(line: &str) -> EditFn {
    let line = line.to_owned();
    edit(move |bytes| [bytes, line.as_bytes()].concat())
}

pub(super) fn git_error(result: Result<Landed, WriteError>) -> GitError {
    match result {
        Err(WriteError::Git(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub(super) fn hook(bare: &Path, name: &str, script: &str) {
    let path = bare.join("hooks").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn one_commit_with(v0: bool, filter: &str) {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("README", "r"), ("apps/shop/values.yaml", "tag: v1\r\nx: y")]);
    git(&bare, &["config", "uploadpack.allowFilter", filter]);
    fixture.server.faults.only_v0.store(v0, Ordering::SeqCst);
    let before = git(&bare, &["rev-parse", "main"]);
    let request = request(&fixture, "ops.git", &["apps/shop/values.yaml"]);
    let landed = fixture.pusher.write_back(request.clone(), replace("v1", "v2")).await.unwrap();
    assert_eq!((landed.changed, landed.attempts), (true, 1));
    assert_eq!(landed.commit, git(&bare, &["rev-parse", "main"]));
    assert_eq!(git(&bare, &["rev-parse", "main~1"]), before);
    assert_eq!(git(&bare, &["diff", "--name-only", "main~1", "main"]), "apps/shop/values.yaml");
    // The carriage return is kept, and no final newline is added.
    assert_eq!(git(&bare, &["cat-file", "-p", "main:apps/shop/values.yaml"]), "tag: v2\r\nx: y");
    let log = git(&bare, &["log", "-1", "--format=%an <%ae> %B", "main"]);
    assert_eq!(
        log,
        "argo-buildkit <ci@example.com> Set the tag\n\nImage-Digest: sha256:x\nManaged-By: argo-buildkit"
    );
    git(&bare, &["fsck", "--strict", "--no-dangling"]);
    let [file] = &landed.files[..] else { panic!("{landed:?}") };
    assert_eq!((&file.old[..], &file.new[..]), (&b"tag: v1\r\nx: y"[..], &b"tag: v2\r\nx: y"[..]));

    let again = fixture.pusher.write_back(request.clone(), replace("v1", "v2")).await.unwrap();
    assert_eq!((again.changed, again.commit, again.files.len()), (false, landed.commit, 0));
}

#[tokio::test]
async fn one_commit_then_none() {
    one_commit_with(false, "true").await;
}

#[tokio::test]
async fn one_commit_where_the_server_cannot_filter() {
    one_commit_with(false, "false").await;
}

#[tokio::test]
async fn one_commit_over_v0() {
    one_commit_with(true, "true").await;
}

#[tokio::test]
async fn an_executable_stays_one_and_several_files_are_one_commit() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    fixture.work(&bare, "main", |work| {
        std::fs::create_dir_all(work.join("a/b")).unwrap();
        std::fs::write(work.join("a/b/run.sh"), "v1").unwrap();
        std::fs::set_permissions(work.join("a/b/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(work.join("a/values.yaml"), "v1").unwrap();
    });
    let request = request(&fixture, "ops.git", &["a/b/run.sh", "a/values.yaml"]);
    let landed = fixture.pusher.write_back(request.clone(), replace("v1", "v2")).await.unwrap();
    assert_eq!(landed.files.len(), 2);
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), "2");
    assert!(git(&bare, &["ls-tree", "main", "a/b/run.sh"]).starts_with("100755 blob"));
    assert!(git(&bare, &["ls-tree", "main", "a/values.yaml"]).starts_with("100644 blob"));
    assert_eq!(git(&bare, &["show", "main:a/b/run.sh"]), "v2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_many_clients_all_land_in_few_tries() {
    let fixture = Arc::new(Fixture::new().await);
    let bare = fixture.repo("ops.git", &[("log", "start\n"), ("other", "x")]);
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..32 {
        let fixture = Arc::clone(&fixture);
        writers.spawn(async move {
            // The test counts attempts, not time: a machine with ten tasks at once may be slow.
            let deadline = Instant::now() + Duration::from_secs(600);
            let request = WriteBack { deadline, ..request(&fixture, "ops.git", &["log"]) };
            // Each writer has its own client, as pods have, so that they race.
            let client = pusher(GitOptions::default());
            client.write_back(request, append(&format!("writer {n}\n"))).await.unwrap()
        });
    }
    let landed = writers.join_all().await;
    let log = git(&bare, &["show", "main:log"]);
    let mut lines: Vec<_> = log.lines().skip(1).collect();
    lines.sort_unstable();
    let mut want: Vec<_> = (0..32).map(|n| format!("writer {n}")).collect();
    want.sort_unstable();
    assert_eq!(lines, want);
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), "34");
    for one in &landed {
        git(&bare, &["merge-base", "--is-ancestor", &one.commit, "main"]);
    }
    // Without growing pauses the last writer would need up to 32 attempts, and all together hundreds.
    let tries: Vec<_> = landed.iter().map(|one| one.attempts).collect();
    assert!(tries.iter().all(|n| *n <= 24) && tries.iter().sum::<u32>() <= 320, "{tries:?}");
}

#[tokio::test]
async fn writers_of_one_client_take_turns() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("log", "start\n")]);
    let (one, two) = (request(&fixture, "ops.git", &["log"]), request(&fixture, "ops.git", &["log"]));
    let two = WriteBack { branch: "refs/heads/main".into(), ..two };
    let (first, second) = (append("1\n"), append("2\n"));
    let (one, two) =
        tokio::join!(fixture.pusher.write_back(one, first), fixture.pusher.write_back(two, second));
    assert_eq!((one.unwrap().attempts, two.unwrap().attempts), (1, 1));
}

#[tokio::test]
async fn a_declined_push_says_what_the_hook_said() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    hook(&bare, "pre-receive", "printf 'tickets are \\033[31mneeded\\n' >&2; exit 1");
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let error = git_error(fixture.pusher.write_back(request.clone(), replace("v1", "v2")).await);
    assert_eq!(error.fault(), Fault::User);
    let text = error.to_string();
    assert!(text.contains("pre-receive hook declined") && text.contains("tickets are needed"), "{text}");
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), "1");
}

#[tokio::test]
async fn a_lost_reply_is_settled_by_the_ref() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    fixture.server.faults.lose_push_reply.store(true, Ordering::SeqCst);
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let landed = fixture.pusher.write_back(request.clone(), append("x")).await.unwrap();
    assert_eq!((landed.changed, landed.attempts), (true, 1));
    assert_eq!(landed.commit, git(&bare, &["rev-parse", "main"]));
    assert_eq!(git(&bare, &["show", "main:values.yaml"]), "v1x");
}

#[tokio::test]
async fn a_lost_reply_is_settled_by_history_when_others_pushed_on_top() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    // The next commit lands before the reply could arrive, so the client reads a tip that is not its own commit.
    let script = "tree=$(git rev-parse refs/heads/main^{tree}); \
                  export GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o@o GIT_COMMITTER_NAME=o GIT_COMMITTER_EMAIL=o@o; \
                  git update-ref refs/heads/main $(git commit-tree -p refs/heads/main -m other $tree)";
    hook(&bare, "post-receive", script);
    for lose in [true, false] {
        fixture.server.faults.lose_push_reply.store(lose, Ordering::SeqCst);
        let request = request(&fixture, "ops.git", &["values.yaml"]);
        let landed = fixture.pusher.write_back(request.clone(), append("x")).await.unwrap();
        assert_eq!((landed.changed, landed.attempts), (true, 1));
        assert_eq!(landed.commit, git(&bare, &["rev-parse", "main~1"]), "lost {lose}");
    }
    assert_eq!(git(&bare, &["show", "main:values.yaml"]), "v1xx");
}

#[tokio::test]
async fn a_push_that_never_arrived_is_made_again() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    // The server takes the pack, updates nothing and says nothing.
    hook(&bare, "pre-receive", "test -e hooks/once && exit 0; touch hooks/once; exit 1");
    fixture.server.faults.lose_push_reply.store(true, Ordering::SeqCst);
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let landed = fixture.pusher.write_back(request.clone(), append("x")).await.unwrap();
    assert_eq!((landed.changed, landed.attempts), (true, 2));
    assert_eq!(git(&bare, &["show", "main:values.yaml"]), "v1x");
}

#[tokio::test]
async fn what_cannot_be_edited_is_refused() {
    let fixture = Fixture::new().await;
    fixture.bare("empty.git");
    let bare = fixture.bare("ops.git");
    fixture.work(&bare, "main", |work| {
        std::fs::create_dir_all(work.join("apps/shop")).unwrap();
        std::fs::write(work.join("apps/shop/values.yaml"), "v1").unwrap();
        std::fs::write(work.join("lfs.yaml"), "version https://git-lfs.github.com/spec/v1\noid x\n").unwrap();
        symlink("apps/shop/values.yaml", work.join("link.yaml")).unwrap();
        symlink("apps", work.join("linked")).unwrap();
    });
    let table = [
        ("ops.git", "apps/shop/value.yaml", "did you mean `values.yaml`"),
        ("ops.git", "app/shop/values.yaml", "did you mean `apps`"),
        ("ops.git", "apps/shop", "is a directory"),
        ("ops.git", "lfs.yaml/x", "is a file, not a directory"),
        ("ops.git", "link.yaml", "symbolic link"),
        ("ops.git", "linked/shop/values.yaml", "symbolic link"),
        ("ops.git", "lfs.yaml", "Git LFS"),
        ("empty.git", "values.yaml", "is empty"),
        ("none.git", "values.yaml", "was not found"),
    ];
    for (repo, path, want) in table {
        let error = git_error(fixture.pusher.write_back(request(&fixture, repo, &[path]), append("x")).await);
        assert!(error.to_string().contains(want), "{path}: {error}");
        assert_eq!(error.fault(), Fault::User, "{error}");
    }
    let branch = WriteBack { branch: "mian".into(), ..request(&fixture, "ops.git", &["lfs.yaml"]) };
    let error = git_error(fixture.pusher.write_back(branch.clone(), append("x")).await);
    assert!(error.to_string().contains("did you mean `main`"), "{error}");
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), "1");
}

#[tokio::test]
async fn a_submodule_is_refused() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    fixture.work(&bare, "main", |work| {
        let entry = format!("160000,{},lib", "1".repeat(40));
        git(work, &["update-index", "--add", "--cacheinfo", &entry]);
        git(work, &["commit", "-q", "-m", "sub"]);
        std::fs::create_dir(work.join("lib")).unwrap();
        std::fs::write(work.join("x"), "x").unwrap();
    });
    let error =
        git_error(fixture.pusher.write_back(request(&fixture, "ops.git", &["lib/x"]), append("x")).await);
    assert!(error.to_string().contains("submodule"), "{error}");
}

#[tokio::test]
async fn an_edits_own_error_is_handed_back() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("values.yaml", "v1")]);
    let edit: EditFn = Arc::new(|_: &Files| Err(StepError::user("no such key")));
    let error =
        fixture.pusher.write_back(request(&fixture, "ops.git", &["values.yaml"]), edit).await.unwrap_err();
    assert!(matches!(&error, WriteError::Edit(e) if e.message == "no such key"), "{error}");
}

#[tokio::test]
async fn a_closed_gate_lets_no_push_start() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    request.push_gate.close();
    let error = git_error(fixture.pusher.write_back(request.clone(), append("x")).await);
    assert!(matches!(error, GitError::Stopped { .. }) && error.fault() == Fault::Transient, "{error}");
    // A shutdown, a stop of the workflow and the end of its time all close it.
    assert!(error.to_string().contains("the step was stopped, or its time was over"), "{error}");
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]), "1");
}

#[tokio::test]
async fn a_push_in_flight_outlives_its_caller_and_is_waited_for() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    hook(&bare, "pre-receive", "touch hooks/begun; while ! test -e hooks/go; do sleep 0.05; done");
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let edit = append("x");
    {
        let mut writing = std::pin::pin!(fixture.pusher.write_back(request.clone(), edit));
        while !bare.join("hooks/begun").exists() {
            tokio::select! {
                done = &mut writing => panic!("{done:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    }
    request.push_gate.close();
    std::fs::write(bare.join("hooks/go"), "").unwrap();
    request.push_gate.idle().await;
    assert_eq!(git(&bare, &["show", "main:values.yaml"]), "v1x");
}

#[tokio::test]
async fn endless_conflicts_end_at_the_deadline() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    // Every push loses its race, because the ref stays locked.
    std::fs::write(bare.join("refs/heads/main.lock"), "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(6);
    let request = WriteBack { deadline, ..request(&fixture, "ops.git", &["values.yaml"]) };
    let error = git_error(fixture.pusher.write_back(request.clone(), append("x")).await);
    assert!(matches!(&error, GitError::Conflict { last, .. } if last.contains("update ref")), "{error}");
    assert_eq!(error.fault(), Fault::Transient);
}

#[tokio::test]
async fn outages_are_sat_out_and_refusals_are_told_apart() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("values.yaml", "v1")]);
    fixture.server.faults.unavailable.store(3, Ordering::SeqCst);
    let landed = fixture.pusher.write_back(request(&fixture, "ops.git", &["values.yaml"]), append("x")).await;
    assert!(landed.unwrap().changed);
    let wrong = WriteBack {
        credentials: Credentials::basic("u", &"wrong".into()),
        ..request(&fixture, "ops.git", &["values.yaml"])
    };
    let error = git_error(fixture.pusher.write_back(wrong.clone(), append("x")).await);
    assert!(matches!(error, GitError::Login { .. }), "{error}");
    let archived = "This repo is archived. You can view files and clone it, but cannot push";
    *fixture.server.faults.refuse.lock().unwrap() = Some((403, archived.into()));
    let error = git_error(
        fixture.pusher.write_back(request(&fixture, "ops.git", &["values.yaml"]), append("x")).await,
    );
    assert!(matches!(error, GitError::Archived { .. }), "{error}");
}

#[tokio::test]
async fn the_temporary_directory_is_left_empty() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("values.yaml", "v1")]);
    let temp = tempfile::tempdir().unwrap();
    let options = GitOptions { temp_dir: Some(temp.path().to_owned()), ..GitOptions::default() };
    let client = pusher(options);
    client.write_back(request(&fixture, "ops.git", &["values.yaml"]), append("x")).await.unwrap();
    drop(client);
    let left = async {
        while std::fs::read_dir(temp.path()).unwrap().count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    // The lane's task ends shortly after its answer.
    tokio::time::timeout(Duration::from_secs(60), left).await.unwrap();
    // A directory that is not writable is skipped.
    let options = GitOptions { temp_dir: Some("/proc/none".into()), ..GitOptions::default() };
    let client = pusher(options);
    client.write_back(request(&fixture, "ops.git", &["values.yaml"]), append("y")).await.unwrap();
}

#[test]
fn futures_may_be_spawned() {
    fn spawnable<T: Send>(_: &T) {}
    let spawn = |pusher: &Pusher, request: &WriteBack| {
        spawnable(&pusher.write_back(request.clone(), append("x")));
        spawnable(&pusher.git.resolve(&request.repo, &request.credentials, "main"));
    };
    let _: &dyn Fn(&Pusher, &WriteBack) = &spawn;
}

#[tokio::test]
async fn a_dry_run_pushes_nothing() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    let tip = git(&bare, &["rev-parse", "main"]);
    let dry = WriteBack { dry_run: true, ..request(&fixture, "ops.git", &["values.yaml"]) };
    let landed = fixture.pusher.write_back(dry, replace("v1", "v2")).await.unwrap();
    assert!(landed.changed && landed.commit == tip && landed.base == tip, "{landed:?}");
    let [file] = &landed.files[..] else { panic!("{landed:?}") };
    assert_eq!((&file.old[..], &file.new[..]), (&b"v1"[..], &b"v2"[..]));
    assert_eq!(git(&bare, &["rev-parse", "main"]), tip);
}

#[tokio::test]
async fn a_renamed_repository_is_followed_on_its_own_server() {
    for status in [301, 302, 307, 308] {
        for v0 in [false, true] {
            let fixture = Fixture::new().await;
            let bare = fixture.repo("new.git", &[("values.yaml", "v1")]);
            fixture.server.faults.only_v0.store(v0, Ordering::SeqCst);
            let renamed = ("old.git".to_owned(), "new.git".to_owned(), status);
            *fixture.server.faults.renamed.lock().unwrap() = Some(renamed);
            let tip = git(&bare, &["rev-parse", "main"]);
            let found = fixture.git.resolve(&fixture.url("old.git"), &login(), "main").await.unwrap();
            assert_eq!(found.sha, tip, "{status}");
            let source =
                SourceCommit { repo: fixture.url("old.git"), credentials: login(), commit: tip.clone() };
            let request =
                WriteBack { source: Some(source), ..request(&fixture, "old.git", &["values.yaml"]) };
            let landed = fixture.pusher.write_back(request, replace("v1", "v2")).await.unwrap();
            assert_eq!((landed.commit, landed.base), (git(&bare, &["rev-parse", "main"]), tip), "{status}");
        }
    }
}

#[tokio::test]
async fn a_repository_that_moved_to_another_server_is_not_followed() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("values.yaml", "v1")]);
    let to = "http://git.example.com:3000/acme/ops.git/info/refs";
    *fixture.server.faults.refuse.lock().unwrap() = Some((307, to.to_owned()));
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let error = git_error(fixture.pusher.write_back(request, replace("v1", "v2")).await);
    assert!(matches!(&error, GitError::Redirected { .. }), "{error}");
    assert!(error.to_string().contains("http://git.example.com:3000"), "{error}");
}

#[tokio::test]
async fn a_sha256_repository_is_refused() {
    let fixture = Fixture::new().await;
    git(fixture.root(), &["init", "-q", "--bare", "-b", "main", "--object-format=sha256", "ops.git"]);
    let bare = fixture.root().join("ops.git");
    git(&bare, &["config", "http.receivepack", "true"]);
    let tree = git(&bare, &["mktree"]);
    let commit = git(&bare, &["commit-tree", "-m", "first", &tree]);
    git(&bare, &["update-ref", "refs/heads/main", &commit]);
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let error = git_error(fixture.pusher.write_back(request, replace("v1", "v2")).await);
    assert!(error.to_string().contains("SHA-256") && error.fault() == Fault::User, "{error}");
}
