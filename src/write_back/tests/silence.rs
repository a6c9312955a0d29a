//! Tests which writers wait for a source that does not answer, and which do not.

use std::process::Command;
use std::time::Duration;

use tokio::net::TcpListener;

use super::fixture::{Fixture, git, login, pusher};
use super::supersede::{set, shown, site, source};
use super::write_back::request;
use crate::git::tests::server::TOKEN;
use crate::git::{Credentials, GitError, GitOptions, RepoUrl};
use crate::write_back::{Landed, SourceCommit, WriteBack, WriteError};

/// A source that accepts connections and sends nothing. Each connection is reported on the channel.
async fn silent(scheme: &str) -> (RepoUrl, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}/src.git", listener.local_addr().unwrap());
    let (told, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            kept.push(connection);
            let _ = told.send(());
        }
    });
    (url.parse().unwrap(), asked)
}

/// A client that waits long enough for the other servers, and stops asking before the test ends.
fn client(fixture: &mut Fixture, limit: u64) {
    let limits = Duration::from_secs(limit);
    let options = GitOptions { resolve_timeout: limits, connect_timeout: limits, ..GitOptions::default() };
    fixture.pusher = pusher(options);
}

/// A client key. Its `known_hosts` lists 127.0.0.1 with that same key, because no server in these tests gets as far
/// as showing its own.
fn key(fixture: &Fixture) -> Credentials {
    let path = fixture.root().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    let known = format!("127.0.0.1 {}", std::fs::read_to_string(path.with_extension("pub")).unwrap());
    Credentials::ssh(&std::fs::read_to_string(path).unwrap().into(), Some(known))
}

async fn write(
    fixture: &Fixture,
    credentials: Credentials,
    source: Option<SourceCommit>,
    commit: &str,
    file: &str,
) -> Result<Landed, WriteError> {
    let request = WriteBack { credentials, source, ..request(fixture, "ops.git", &[file]) };
    fixture.pusher.write_back(request, set(commit, &format!("{file}:tag"))).await
}

#[tokio::test]
async fn others_commits_land_while_one_waits_for_its_source() {
    for scheme in ["http", "ssh"] {
        let mut fixture = Fixture::new().await;
        client(&mut fixture, 3600);
        let (ops, line) = site(&fixture, 2);
        write(&fixture, login(), Some(source(&fixture, &line[1])), &line[1], "values").await.unwrap();
        let (repo, mut asked) = silent(scheme).await;
        let credentials = if scheme == "ssh" { key(&fixture) } else { login() };
        let away = SourceCommit { repo, credentials, ..source(&fixture, &line[0]) };
        let waits = write(&fixture, login(), Some(away), &line[0], "values");
        let others = async {
            asked.recv().await.unwrap();
            let logins = [Credentials::basic("other", &TOKEN.into()), login()];
            for (n, login) in logins.into_iter().enumerate() {
                let landed = write(&fixture, login, None, &format!("{n}"), "other").await.unwrap();
                assert!(landed.changed);
            }
        };
        tokio::select! {
            biased;
            ended = waits => panic!("{scheme}: it cannot have been told: {ended:?}"),
            () = others => {}
        }
        assert_eq!(shown(&ops), line[1]);
    }
}

#[tokio::test]
async fn a_question_has_a_limit_and_the_branch_stays_as_it_is() {
    let mut fixture = Fixture::new().await;
    client(&mut fixture, 1);
    let (ops, line) = site(&fixture, 2);
    write(&fixture, login(), Some(source(&fixture, &line[1])), &line[1], "values").await.unwrap();
    let away = SourceCommit { repo: silent("http").await.0, ..source(&fixture, &line[0]) };
    let error = write(&fixture, login(), Some(away), &line[0], "values").await.unwrap_err();
    assert!(matches!(&error, WriteError::Git(GitError::Unavailable { .. })), "{error}");
    assert!(error.to_string().contains("which of"), "{error}");
    assert_eq!(shown(&ops), line[1]);
    // The source is asked again for the next writer.
    let next = write(&fixture, login(), Some(source(&fixture, &line[0])), &line[0], "values").await.unwrap();
    assert_eq!(next.superseded_by.as_deref(), Some(line[1].as_str()));
}

#[tokio::test]
async fn who_gives_up_leaves_nothing_behind() {
    let mut fixture = Fixture::new().await;
    client(&mut fixture, 3600);
    let (ops, line) = site(&fixture, 2);
    write(&fixture, login(), Some(source(&fixture, &line[1])), &line[1], "values").await.unwrap();
    let (repo, mut asked) = silent("http").await;
    let away = SourceCommit { repo, ..source(&fixture, &line[0]) };
    {
        let waits = write(&fixture, login(), Some(away), &line[0], "values");
        tokio::select! {
            _ = waits => panic!("it cannot have been told"),
            _ = asked.recv() => {}
        }
    }
    assert!(write(&fixture, login(), None, "x", "other").await.unwrap().changed);
    assert_eq!(git(&ops, &["show", "main:other"]), "x");
    assert_eq!(shown(&ops), line[1]);
}
