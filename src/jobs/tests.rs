#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::outcome::{Fault, StepError, Success};
use crate::progress::Progress;

mod tenants;

fn limits() -> JobLimits {
    JobLimits { running: 2, per_group: 2, kept: 3, kept_bytes: 1000, lease: Some(Duration::from_secs(60)) }
}

fn key(n: usize) -> JobKey {
    JobKey::derive("uid", &json!(n))
}

fn spec<F>(work: impl FnOnce(JobContext) -> F + Send + 'static) -> JobSpec
where
    F: Future<Output = Ending> + Send + 'static,
{
    JobSpec::new(Duration::from_secs(3600), work)
}

fn done(text: &str) -> Ending {
    Ok(Success { summary: text.to_owned(), ..Success::default() })
}

/// Waits until the job `n` has ended, and returns its ending.
async fn ending(table: &JobTable, n: usize) -> Arc<Ending> {
    let (mut state, _) = table.watch(&key(n)).unwrap();
    let state = state.wait_for(|s| matches!(s, JobState::Done(_))).await.unwrap().clone();
    let JobState::Done(ending) = state else { unreachable!() };
    ending
}

fn message(ending: &Ending) -> String {
    ending.as_ref().unwrap_err().message.clone()
}

#[tokio::test]
async fn concurrent_duplicates_see_one_job_and_a_late_poll_its_end() {
    let table = JobTable::new(limits());
    let started = Arc::new(AtomicUsize::new(0));
    for _ in 0..64 {
        let started = started.clone();
        let spec = spec(async move |_| {
            started.fetch_add(1, Ordering::SeqCst);
            done("once")
        });
        table.poll_or_start(&key(1), spec).unwrap();
    }
    assert_eq!(ending(&table, 1).await.as_ref().as_ref().unwrap().summary, "once");
    assert!(matches!(table.poll(&key(1)).unwrap().unwrap().phase, Phase::Done(_)));
    assert_eq!(started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn over_the_cap_jobs_queue_in_order_and_say_their_place() {
    let table = JobTable::new(limits());
    let release = CancellationToken::new();
    for n in 0..5 {
        let release = release.clone();
        let held = spec(async move |_| {
            release.cancelled().await;
            done("")
        });
        table.poll_or_start(&key(n), held).unwrap();
    }
    let (mut second, _) = table.watch(&key(1)).unwrap();
    second.wait_for(|s| matches!(s, JobState::Running)).await.unwrap();
    let places: Vec<_> = (0..5).map(|n| table.poll(&key(n)).unwrap().unwrap().phase).collect();
    assert!(
        matches!(
            places[..],
            [Phase::Running(_), Phase::Running(_), Phase::Queued(first), Phase::Queued(second), Phase::Queued(third)]
                if [first, second, third] == [1, 2, 3].map(|number| QueuePosition { number, of_group: false })
        ),
        "{places:?}"
    );
    assert_eq!(table.load(), (3, 2));
    release.cancel();
    ending(&table, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_job_names_what_it_did_and_stays_the_end() {
    let table = JobTable::new(limits());
    let slow = JobSpec::new(Duration::from_secs(30), async |context| {
        context.progress.send_replace(Progress::now("[3/7] RUN sleep"));
        std::future::pending().await
    });
    table.poll_or_start(&key(1), slow).unwrap();
    let error = ending(&table, 1).await;
    insta::assert_snapshot!(message(&error), @"the step took longer than its timeout of 30 s, during: [3/7] RUN sleep; raise the template's `timeout`, or see the log for what was slow");
    assert_eq!(error.as_ref().as_ref().unwrap_err().fault, Fault::User);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_before_buildkitd_answered_is_not_the_templates() {
    let table = JobTable::new(limits());
    let waiting = JobSpec::new(Duration::from_secs(30), async |context| {
        let doing = "waiting for buildkitd: cannot reach buildkitd at tcp://b:1: refused";
        context.progress.send_replace(Progress::now(doing));
        std::future::pending().await
    });
    table.poll_or_start(&key(1), waiting).unwrap();
    let error = ending(&table, 1).await;
    insta::assert_snapshot!(message(&error), @"the step's timeout of 30 s ended while it was waiting for buildkitd: cannot reach buildkitd at tcp://b:1: refused (nothing was built; a longer `timeout` alone does not help)");
    assert_eq!(error.as_ref().as_ref().unwrap_err().fault, Fault::Transient);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_nobody_asks_for_is_cancelled() {
    let table = JobTable::new(limits());
    let endless = spec(async |_| std::future::pending().await);
    table.poll_or_start(&key(1), endless).unwrap();
    insta::assert_snapshot!(message(&*ending(&table, 1).await), @"cancelled during: its start: Argo's agent did not ask for 60 s, so nobody waits for this step");
}

#[tokio::test]
async fn a_panic_is_our_error_and_the_table_goes_on() {
    let table = JobTable::new(limits());
    table.poll_or_start(&key(1), spec(async |_| panic!("index out of bounds"))).unwrap();
    let error = ending(&table, 1).await;
    assert_eq!(error.as_ref().as_ref().unwrap_err().fault, Fault::Ours);
    assert!(message(&error).contains("index out of bounds"));
    table.poll_or_start(&key(2), spec(async |_| done("fine"))).unwrap();
    assert!(ending(&table, 2).await.is_ok());
}

#[tokio::test]
async fn finished_jobs_are_kept_in_number_and_bytes_and_the_newest_always() {
    let table = JobTable::new(limits());
    for n in 0..5 {
        table.poll_or_start(&key(n), spec(async |_| done("small"))).unwrap();
        ending(&table, n).await;
    }
    assert!(table.poll(&key(1)).is_none() && table.poll(&key(2)).is_some());
    table.poll_or_start(&key(9), spec(async |_| done(&"x".repeat(5000)))).unwrap();
    ending(&table, 9).await;
    assert!(table.poll(&key(4)).is_none() && table.poll(&key(9)).is_some());
}

#[tokio::test]
async fn a_withdrawn_job_fails_once_and_others_go_on() {
    let table = JobTable::new(limits());
    for n in 0..2 {
        let endless = spec(async |job| {
            job.progress.send_replace(Progress::now("RUN sleep 600"));
            std::future::pending().await
        });
        table.poll_or_start(&key(n), endless).unwrap();
    }
    let (_, mut progress) = table.watch(&key(0)).unwrap();
    progress.wait_for(|progress| !progress.now.is_empty()).await.unwrap();
    assert!(table.withdraw(&key(0)));
    assert!(!table.withdraw(&key(0)), "it is being stopped");
    let ended = ending(&table, 0).await;
    assert_eq!(ended.as_ref().as_ref().unwrap_err().fault, Fault::User);
    insta::assert_snapshot!(message(&ended), @"cancelled during: RUN sleep 600: Argo no longer waits for this step; its workflow was stopped, terminated or deleted, or its node timed out");
    assert!(!table.withdraw(&key(0)) && !table.withdraw(&key(9)), "nothing to stop");
    assert!(matches!(table.poll(&key(1)).unwrap().unwrap().phase, Phase::Running(_)));
}

#[tokio::test]
async fn what_had_ended_before_a_drain_is_still_told() {
    let table = JobTable::new(limits());
    table.poll_or_start(&key(1), spec(async |_| done("landed"))).unwrap();
    ending(&table, 1).await;
    assert!(table.drain(Duration::from_secs(25)).await);
    assert!(matches!(table.poll(&key(1)).unwrap().unwrap().phase, Phase::Done(_)));
}

#[tokio::test]
async fn a_drain_takes_no_jobs_stops_those_there_are_and_reports_none_of_them() {
    let table = JobTable::new(limits());
    table.poll_or_start(&key(1), spec(async |_| std::future::pending().await)).unwrap();
    assert!(table.drain(Duration::from_secs(25)).await);
    assert_eq!(table.poll(&key(1)).unwrap().unwrap_err(), Draining);
    let error: Ending = Err(StepError::user(""));
    assert_eq!(table.poll_or_start(&key(2), spec(async |_| error)).unwrap_err(), Draining);
}
