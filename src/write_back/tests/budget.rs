//! Tests the memory budget for edited files, which all requests of a client share.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::fixture::{Fixture, git};
use super::supersede::{set, site, source};
use super::write_back::{append, edit, git_error, request};
use crate::outcome::Fault;
use crate::write_back::{EditFn, Pusher, WriteBack};

/// Memory for one file of [`FILE`] bytes, but not for two.
const MEMORY: usize = 3 << 10;
const FILE: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_waits_until_others_have_given_their_memory_back() {
    let fixture = Fixture::new().await;
    let client = Pusher::new(fixture.git.clone(), MEMORY);
    let content = "x".repeat(FILE);
    for name in ["one.git", "two.git", "large.git"] {
        fixture.repo(name, &[("values.yaml", &content), ("large.yaml", &content.repeat(4))]);
    }
    let (begun, hears) = mpsc::channel();
    let (lets_go, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let slow = edit(move |bytes| {
        begun.send(()).unwrap();
        waits.lock().unwrap().recv().unwrap();
        [bytes, b"1"].concat()
    });
    let client = Arc::new(client);
    let write = |name: &str, edit: EditFn| {
        let (client, request) = (Arc::clone(&client), request(&fixture, name, &["values.yaml"]));
        tokio::spawn(async move { client.write_back(request, edit).await })
    };
    let first = write("one.git", slow);
    tokio::task::spawn_blocking(move || hears.recv().unwrap()).await.unwrap();
    let (ran, was_run) = mpsc::channel();
    let second = write(
        "two.git",
        edit(move |bytes| {
            ran.send(()).unwrap();
            [bytes, b"2"].concat()
        }),
    );
    // A request whose files can never fit fails at once and does not wait.
    let too_large = client.write_back(request(&fixture, "large.git", &["large.yaml"]), append("3")).await;
    let error = git_error(too_large);
    assert_eq!(error.fault(), Fault::User);
    assert!(error.to_string().contains("are allowed for all steps"), "{error}");
    assert!(was_run.try_recv().is_err(), "two edits were at work in the memory of one");
    lets_go.send(()).unwrap();
    assert!(first.await.unwrap().unwrap().changed);
    assert!(second.await.unwrap().unwrap().changed);
    // All memory has been given back.
    drop(client.budget.take(MEMORY).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_whose_server_is_slow_keep_no_other_tenant_waiting() {
    let fixture = Fixture::new().await;
    let content = "x".repeat(FILE);
    let (_, line) = site(&fixture, 1);
    fixture.repo("slow-a.git", &[("values", &content)]);
    fixture.repo("slow-b.git", &[("values", &content)]);
    let quick = fixture.repo("quick.git", &[("values", &content)]);
    // Half of the memory fits one file, so two tenants use all of it.
    let mut client = Pusher::new(fixture.git.clone(), 2 * MEMORY);
    client.hold = Duration::from_millis(50);
    // Their server sends the branch and its files, but no history.
    *fixture.server.faults.silent.lock().unwrap() = Some(("slow-", "filter tree:0"));
    let write = |tenant: &str, repo: &str| {
        let request =
            WriteBack { source: Some(source(&fixture, &line[0])), ..request(&fixture, repo, &["values"]) };
        let (client, edit) = (client.of(Some(tenant)), set(&line[0], "values:tag"));
        async move { client.write_back(request, edit).await }
    };
    let slow = [tokio::spawn(write("a", "slow-a.git")), tokio::spawn(write("b", "slow-b.git"))];
    let full = async || {
        while client.budget.try_take(MEMORY).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    full().await;
    assert!(write("c", "quick.git").await.unwrap().changed);
    assert_eq!(git(&quick, &["show", "main:values"]), line[0]);
    assert!(slow.iter().all(|writer| !writer.is_finished()), "they try again for as long as they may");
}

#[tokio::test]
async fn a_writer_whose_files_are_too_large_fails_alone() {
    let fixture = Fixture::new().await;
    let content = "x".repeat(FILE);
    fixture.repo("ops.git", &[("values", &content), ("large", &content.repeat(4)), ("other", &content)]);
    let client = Pusher::new(fixture.git.clone(), MEMORY);
    let write = |path: &str| client.write_back(request(&fixture, "ops.git", &[path]), append("1"));
    let (large, small, other) = tokio::join!(write("large"), write("values"), write("other"));
    let error = git_error(large);
    assert!(error.to_string().contains("are allowed for all steps"), "{error}");
    assert!(small.unwrap().changed && other.unwrap().changed);
}
