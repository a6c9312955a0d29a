//! Tests that the final answer states what is known.

use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;

use super::fixture::{Fixture, git, login};
use super::supersede::{set, shown, site, source};
use super::write_back::{append, git_error, request};
use crate::git::GitError;
use crate::outcome::Fault;
use crate::write_back::WriteBack;

const TROUBLE: &str = "fatal: unable to create thread: Resource temporarily unavailable";

fn trouble(fixture: &Fixture, repo: &str, times: u32) {
    *fixture.server.faults.trouble.lock().unwrap() = Some((repo.to_owned(), times, TROUBLE.to_owned()));
}

#[tokio::test]
async fn a_server_that_says_it_is_in_trouble_is_asked_again() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("src.git", &[("file", "1")]);
    trouble(&fixture, "src.git", 2);
    let resolved = fixture.git.resolve(&fixture.url("src.git"), &login(), "main").await.unwrap();
    assert_eq!(resolved.sha, git(&bare, &["rev-parse", "main"]));
    trouble(&fixture, "src.git", u32::MAX);
    let error = fixture.git.resolve(&fixture.url("src.git"), &login(), "main").await.unwrap_err();
    assert_eq!(error.fault(), Fault::Transient, "{error}");
    assert!(error.to_string().contains("unable to create thread"), "{error}");
}

#[tokio::test]
async fn an_order_that_a_source_in_trouble_does_not_tell_is_not_assumed() {
    let fixture = Fixture::new().await;
    let (ops, line) = site(&fixture, 2);
    let write = async |commit: &str| {
        let request =
            WriteBack { source: Some(source(&fixture, commit)), ..request(&fixture, "ops.git", &["values"]) };
        fixture.pusher.write_back(request, set(commit, "values:tag")).await
    };
    write(&line[1]).await.unwrap();
    trouble(&fixture, "src.git", u32::MAX);
    let error = git_error(write(&line[0]).await);
    assert_eq!(error.fault(), Fault::Transient, "{error}");
    assert_eq!(shown(&ops), line[1], "an older build must not overwrite a newer one");
    // Once the source answers, the writer gets the true answer.
    trouble(&fixture, "src.git", 0);
    assert_eq!(write(&line[0]).await.unwrap().superseded_by.as_deref(), Some(line[1].as_str()));
}

#[tokio::test]
async fn what_became_of_a_push_is_waited_for_and_else_said_to_be_unknown() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    fixture.server.faults.lose_push_reply.store(true, Ordering::SeqCst);
    fixture.server.faults.away_after_push.store(true, Ordering::SeqCst);
    let request = request(&fixture, "ops.git", &["values.yaml"]);
    let gate = request.push_gate.clone();
    let mut writing = Box::pin(fixture.pusher.write_back(request, append("x")));
    let landed = || git(&bare, &["show", "main:values.yaml"]) == "v1x";
    while !landed() {
        assert!((&mut writing).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    gate.close();
    tokio::select! {
        biased;
        ended = &mut writing => {
            let error = git_error(ended);
            assert_eq!(error.fault(), Fault::Transient);
            let GitError::Unknown { commit, branch, .. } = &error else { panic!("{error}") };
            assert_eq!(*commit, format!("commit {}", git(&bare, &["rev-parse", "main"])));
            assert_eq!(branch, "main");
            assert!(error.to_string().contains("look at the branch"), "{error}");
        }
        () = gate.idle() => panic!("the gate is idle while it is unknown whether the push landed"),
    }
    gate.idle().await;
}
