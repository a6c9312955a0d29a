//! Writers of one process that share commits.

use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::fixture::{Fixture, git};
use super::write_back::{append, edit, git_error, hook, request};
use crate::git::{Credentials, GitError, Identity};
use crate::outcome::{Fault, StepError};
use crate::write_back::{EditFn, Edited, Files, Landed, Message, WriteBack, WriteError};

/// Adds `line`, with a trailer for it.
fn line(n: usize) -> EditFn {
    let trailers = vec![("Image".to_owned(), format!("i{n}")), ("Workflow".to_owned(), format!("ns/w{n}"))];
    let message = Message { text: format!("Set {n}\n\nbody {n}"), trailers };
    Arc::new(move |files: &Files| {
        let add = |bytes: &Vec<u8>| [bytes, format!("{n}\n").as_bytes()].concat();
        let files = files.iter().map(|(path, bytes)| (path.clone(), add(bytes))).collect();
        Ok(Edited { files, message: message.clone() })
    })
}

fn count(bare: &std::path::Path) -> usize {
    git(bare, &["rev-list", "--count", "main"]).parse().unwrap()
}

#[tokio::test]
async fn a_hundred_writers_are_one_commit() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n"), ("other", "start\n")]);
    let one = |n: usize| {
        let path = if n.is_multiple_of(2) { "log" } else { "other" };
        fixture.pusher.write_back(request(&fixture, "ops.git", &[path]), line(n))
    };
    let landed = futures_util::future::join_all((0..100).map(one)).await;
    assert_eq!(count(&bare), 3);
    let tip = git(&bare, &["rev-parse", "main"]);
    for (n, landed) in landed.into_iter().enumerate() {
        let Landed { commit, changed, attempts, files, batched, base, superseded_by, assumed: _ } =
            landed.unwrap();
        assert_eq!(
            (commit.as_str(), changed, attempts, batched, superseded_by),
            (tip.as_str(), true, 1, 100, None)
        );
        assert_eq!(base, git(&bare, &["rev-parse", "main~1"]));
        let [file] = &files[..] else { panic!("{files:?}") };
        // The change contains only this writer's edit, on top of those before it.
        assert_eq!(file.new, [&file.old[..], format!("{n}\n").as_bytes()].concat());
    }
    let log: Vec<_> = (0..100).filter(|n| n % 2 == 0).map(|n: usize| n.to_string()).collect();
    assert_eq!(git(&bare, &["show", "main:log"]), format!("start\n{}", log.join("\n")));
    let message = git(&bare, &["log", "-1", "--format=%B", "main"]);
    assert!(message.starts_with("Update manifests for 100 workflows\n\n- Set 0\n- Set 1\n"), "{message}");
    let trailers = git(&bare, &["log", "-1", "--format=%(trailers:only)", "main"]);
    let groups: String = (0..100).map(|n| format!("Workflow: ns/w{n}\nImage: i{n}\n")).collect();
    assert_eq!(trailers, format!("{groups}Managed-By: argo-buildkit"));
}

#[tokio::test]
async fn who_fails_fails_alone() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n")]);
    let bad: EditFn = Arc::new(|_: &Files| Err(StepError::user("no such key")));
    let panics: EditFn = Arc::new(|_: &Files| panic!("a bug"));
    let stray: EditFn = Arc::new(|_: &Files| {
        Ok(Edited { files: Files::from([("x".to_owned(), Vec::new())]), message: Message::new("x") })
    });
    let mute: EditFn = Arc::new(|files: &Files| {
        let files = files.keys().map(|path| (path.clone(), b"x".to_vec())).collect();
        Ok(Edited { files, message: Message::new(" ") })
    });
    let write = |path: &str, edit| fixture.pusher.write_back(request(&fixture, "ops.git", &[path]), edit);
    let (one, bad, panics, stray, mute, nowhere, same, two) = tokio::join!(
        write("log", append("1\n")),
        write("log", bad),
        write("log", panics),
        write("log", stray),
        write("log", mute),
        write("logs", append("never")),
        write("log", edit(<[u8]>::to_vec)),
        write("log", append("2\n")),
    );
    assert!(matches!(bad, Err(WriteError::Edit(e)) if e.message == "no such key" && e.fault == Fault::User));
    assert!(matches!(panics, Err(WriteError::Edit(e)) if e.fault == Fault::Ours));
    assert!(matches!(git_error(stray), GitError::Local { .. }));
    assert!(git_error(mute).to_string().contains("message is empty"));
    assert!(git_error(nowhere).to_string().contains("did you mean `log`"));
    let (one, two, same) = (one.unwrap(), two.unwrap(), same.unwrap());
    assert_eq!((one.batched, two.batched, same.changed), (2, 2, false));
    // The file already had the wanted content, so the answer is that of the commit that made it so.
    assert!(one.commit == two.commit && same.commit == one.commit, "{same:?}");
    assert_eq!(git(&bare, &["show", "main:log"]), "start\n1\n2");
    assert_eq!(count(&bare), 2);
}

#[tokio::test]
async fn who_leaves_takes_nothing_along() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n")]);
    let mut gone =
        Box::pin(fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), append("gone\n")));
    let mut stays =
        Box::pin(fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), append("stays\n")));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(gone.as_mut().poll(&mut cx).is_pending() && stays.as_mut().poll(&mut cx).is_pending());
    drop(gone);
    assert_eq!(stays.await.unwrap().batched, 1);
    assert_eq!(git(&bare, &["show", "main:log"]), "start\nstays");
}

#[tokio::test]
async fn who_leaves_during_the_edits_is_left_out() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n")]);
    let (reached, at) = tokio::sync::oneshot::channel();
    let (go, held) = std::sync::mpsc::channel::<()>();
    let (reached, held) = (std::sync::Mutex::new(Some(reached)), std::sync::Mutex::new(held));
    let add = append("stays\n");
    // The second edit waits until the first writer has left, after its edit was applied.
    let waits: EditFn = Arc::new(move |files: &Files| {
        if let Some(reached) = reached.lock().unwrap().take() {
            reached.send(()).unwrap();
            held.lock().unwrap().recv().unwrap();
        }
        add(files)
    });
    let mut gone =
        Box::pin(fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), append("gone\n")));
    assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let stays = fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), waits);
    let leave = async {
        at.await.unwrap();
        drop(gone);
        go.send(()).unwrap();
    };
    let (stays, ()) = tokio::join!(stays, leave);
    assert_eq!(stays.unwrap().batched, 1);
    assert_eq!(git(&bare, &["show", "main:log"]), "start\nstays");
}

#[tokio::test]
async fn writers_that_differ_are_not_mixed() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n")]);
    let base = || request(&fixture, "ops.git", &["log"]);
    let other = Identity { name: "other".into(), email: "o@example.com".into() };
    let token = crate::git::tests::server::TOKEN;
    let requests = [
        base(),
        base(),
        WriteBack { credentials: Credentials::basic("somebody", &token.into()), ..base() },
        WriteBack { author: other.clone(), ..base() },
        WriteBack { committer: other, ..base() },
        WriteBack { branch: "refs/heads/main".into(), ..base() },
    ];
    let write = |(n, request)| fixture.pusher.write_back(request, append(&format!("{n}\n")));
    let landed = futures_util::future::join_all(requests.into_iter().enumerate().map(write)).await;
    let batched: Vec<_> = landed.into_iter().map(|landed| landed.unwrap().batched).collect();
    assert_eq!(batched, [3, 3, 1, 1, 1, 3]);
    assert_eq!(count(&bare), 5);
    let log = git(&bare, &["show", "main:log"]);
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["0", "1", "2", "3", "4", "5", "start"]);
}

#[tokio::test]
async fn each_deadline_is_its_own() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n")]);
    let lock = bare.join("refs/heads/main.lock");
    std::fs::write(&lock, "").unwrap();
    let soon = async {
        let error = out_of_time(&fixture).await;
        std::fs::remove_file(&lock).unwrap();
        error
    };
    let later = fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), append("later\n"));
    let (soon, later) = tokio::join!(soon, later);
    assert!(matches!(&soon, GitError::Conflict { attempts, .. } if *attempts > 0), "{soon}");
    assert!(later.unwrap().attempts > 1);
    assert_eq!(git(&bare, &["show", "main:log"]), "start\nlater");
}

/// The error of a write-back that had time for a push, however slow the machine is, and whose deadline has passed.
async fn out_of_time(fixture: &Fixture) -> GitError {
    let mut time = Duration::from_millis(900);
    loop {
        let request = WriteBack { deadline: Instant::now() + time, ..request(fixture, "ops.git", &["log"]) };
        match git_error(fixture.pusher.write_back(request, append("soon\n")).await) {
            GitError::Conflict { attempts: 0, .. } | GitError::Unavailable { .. } => time *= 2,
            error => return error,
        }
    }
}

#[tokio::test]
async fn a_lost_race_applies_all_edits_again() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n"), ("other", "x")]);
    // Somebody else's commit lands between our first read and our first push.
    let first = AtomicU32::new(0);
    let (root, there) = (fixture.root().to_owned(), bare.clone());
    let add = append("1\n");
    let slow: EditFn = Arc::new(move |files: &Files| {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            let work = tempfile::tempdir_in(&root).unwrap();
            git(work.path(), &["clone", "-q", there.to_str().unwrap(), "."]);
            std::fs::write(work.path().join("log"), "start\ntheirs\n").unwrap();
            git(work.path(), &["commit", "-qam", "theirs"]);
            git(work.path(), &["push", "-q", "origin", "main"]);
        }
        add(files)
    });
    let write = |edit| fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), edit);
    let (one, two) = tokio::join!(write(slow), write(append("2\n")));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.attempts, two.attempts, one.batched), (2, 2, 2));
    assert_eq!(git(&bare, &["show", "main:log"]), "start\ntheirs\n1\n2");
    assert_eq!(one.files[0].old, b"start\ntheirs\n");
}

#[tokio::test]
async fn a_rule_against_one_file_stops_one_writer() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("a", "0"), ("b", "0"), ("c", "0"), ("d", "0"), ("e", "0")]);
    hook(
        &bare,
        "update",
        "git diff --name-only $2 $3 | grep -qx c && { echo 'c is protected' >&2; exit 1; }; exit 0",
    );
    let write = |path: &str| fixture.pusher.write_back(request(&fixture, "ops.git", &[path]), append("x"));
    let landed = futures_util::future::join_all(["a", "b", "c", "d", "e"].map(write)).await;
    for (path, landed) in ["a", "b", "c", "d", "e"].into_iter().zip(landed) {
        if path == "c" {
            assert!(
                matches!(git_error(landed), GitError::Refused { said, .. } if said.contains("protected"))
            );
        } else {
            assert!(landed.unwrap().changed);
        }
        let want = if path == "c" { "0" } else { "0x" };
        assert_eq!(git(&bare, &["show", &format!("main:{path}")]), want);
    }
}

#[tokio::test]
async fn a_dry_run_sees_the_branch_and_not_its_company() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("log", "start\n")]);
    let dry = WriteBack { dry_run: true, ..request(&fixture, "ops.git", &["log"]) };
    let write = fixture.pusher.write_back(request(&fixture, "ops.git", &["log"]), append("1\n"));
    let (real, dry) = tokio::join!(write, fixture.pusher.write_back(dry, append("dry\n")));
    let (real, dry) = (real.unwrap(), dry.unwrap());
    assert_eq!((real.batched, dry.changed, &dry.commit), (1, true, &real.base));
    assert_eq!(dry.files[0].new, b"start\ndry\n");
}

#[tokio::test]
async fn a_lane_is_gone_when_its_work_is_done() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("log", "start\n")]);
    for n in 0..3 {
        fixture
            .pusher
            .write_back(request(&fixture, "ops.git", &["log"]), append(&format!("{n}\n")))
            .await
            .unwrap();
    }
    assert_eq!(count(&bare), 4);
    while format!("{:?}", fixture.git).contains("Lanes(1)") {
        tokio::task::yield_now().await;
    }
}

/// Loses a race in a tree of many directories: somebody else's commit lands between our read and our push.
async fn bytes_of_a_lost_race(v0: bool) -> (usize, usize) {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("ops.git");
    fixture.server.faults.only_v0.store(v0, Ordering::SeqCst);
    fixture.work(&bare, "main", |work| {
        for n in 0..400 {
            std::fs::create_dir_all(work.join(format!("apps/a{n}"))).unwrap();
            std::fs::write(work.join(format!("apps/a{n}/values")), format!("{n}")).unwrap();
        }
    });
    let (first, there, faults) = (AtomicU32::new(0), bare.clone(), Arc::clone(&fixture.server.faults));
    let add = append("x");
    let slow: EditFn = Arc::new(move |files: &Files| {
        if first.fetch_add(1, Ordering::SeqCst) == 0 {
            let work = tempfile::tempdir().unwrap();
            git(work.path(), &["clone", "-q", there.to_str().unwrap(), "."]);
            std::fs::write(work.path().join("apps/a7/values"), "theirs").unwrap();
            git(work.path(), &["commit", "-qam", "theirs"]);
            git(work.path(), &["push", "-q", "origin", "main"]);
            faults.sent.lock().unwrap().push(0);
        }
        add(files)
    });
    let landed =
        fixture.pusher.write_back(request(&fixture, "ops.git", &["apps/a7/values"]), slow).await.unwrap();
    assert_eq!(landed.attempts, 2);
    assert_eq!(git(&bare, &["show", "main:apps/a7/values"]), "theirsx");
    git(&bare, &["fsck", "--strict", "--no-dangling"]);
    let sent = fixture.server.faults.sent.lock().unwrap();
    let at = sent.iter().position(|n| *n == 0).unwrap();
    (*sent[..at].iter().max().unwrap(), *sent[at..].iter().max().unwrap())
}

#[tokio::test]
async fn after_a_lost_race_only_the_difference_is_read() {
    for v0 in [false, true] {
        let (before, after) = bytes_of_a_lost_race(v0).await;
        assert!(before > 10_000 && after < before / 10, "v0 {v0}: {before} bytes, then {after}");
    }
}
