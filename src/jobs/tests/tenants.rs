//! Many tenants of one table, and jobs that are forgotten.

use tokio::sync::mpsc;

use super::*;

/// A job that reports that it is running, and then runs until `until`.
fn held(
    group: &str,
    name: &'static str,
    says: &mpsc::UnboundedSender<&'static str>,
    until: &CancellationToken,
) -> JobSpec {
    let (says, until) = (says.clone(), until.clone());
    let work = async move |_| {
        says.send(name).unwrap();
        until.cancelled().await;
        done(name)
    };
    spec(work).of_group(group)
}

fn phase(table: &JobTable, n: usize) -> Phase {
    table.poll(&key(n)).unwrap().unwrap().phase
}

#[tokio::test]
async fn a_group_at_its_cap_waits_for_itself_and_others_pass_it() {
    let metrics = Arc::new(crate::metrics::Metrics::new());
    let table = JobTable::counted(JobLimits { running: 3, per_group: 1, ..limits() }, metrics.clone());
    let (says, mut heard) = mpsc::unbounded_channel();
    let [first, other] = [(); 2].map(|()| CancellationToken::new());
    table.poll_or_start(&key(0), held("team-a", "a0", &says, &first)).unwrap();
    table.poll_or_start(&key(1), held("team-a", "a1", &says, &other)).unwrap();
    table.poll_or_start(&key(2), held("team-a", "a2", &says, &other)).unwrap();
    table.poll_or_start(&key(3), held("team-b", "b0", &says, &other)).unwrap();
    assert!(matches!(phase(&table, 1), Phase::Queued(QueuePosition { number: 1, of_group: true })));
    assert!(matches!(phase(&table, 2), Phase::Queued(QueuePosition { number: 2, of_group: true })));
    assert_eq!(table.load(), (2, 2));
    let mut started = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
    started.sort_unstable();
    assert_eq!(started, ["a0", "b0"]);
    first.cancel();
    assert_eq!(heard.recv().await, Some("a1"));
    assert!(matches!(phase(&table, 2), Phase::Queued(QueuePosition { number: 1, of_group: true })));
    let text = metrics.encode(0, 0).unwrap();
    assert!(text.contains("argo_buildkit_job_queue_seconds_count 3\n"), "{text}");
}

#[tokio::test]
async fn a_stopped_job_leaves_the_queue_and_its_slot_goes_on() {
    let table = JobTable::new(JobLimits { running: 1, ..limits() });
    let (says, mut heard) = mpsc::unbounded_channel();
    let never = CancellationToken::new();
    for (n, name) in ["first", "second", "third"].into_iter().enumerate() {
        table.poll_or_start(&key(n), held("", name, &says, &never)).unwrap();
    }
    assert_eq!(heard.recv().await, Some("first"));
    assert!(table.withdraw(&key(1)));
    insta::assert_snapshot!(message(&*ending(&table, 1).await), @"cancelled during: waiting in the queue: Argo no longer waits for this step; its workflow was stopped, terminated or deleted, or its node timed out");
    assert!(matches!(phase(&table, 2), Phase::Queued(QueuePosition { number: 1, of_group: false })));
    assert!(table.time_out(&key(0), Duration::from_secs(90)));
    assert!(!table.time_out(&key(0), Duration::from_secs(90)), "it is being stopped");
    insta::assert_snapshot!(message(&*ending(&table, 0).await), @"the step took longer than its timeout of 90 s, during: its start; raise the template's `timeout`, or see the log for what was slow");
    assert_eq!(heard.recv().await, Some("third"));
}

#[tokio::test]
async fn a_forgotten_end_is_forgotten_and_the_job_may_be_done_anew() {
    let table = JobTable::new(limits());
    for text in ["first", "second"] {
        table.poll_or_start(&key(1), spec(async move |_| done(text))).unwrap();
        assert_eq!(ending(&table, 1).await.as_ref().as_ref().unwrap().summary, text);
        table.forget(&key(1));
        assert!(table.poll(&key(1)).is_none());
    }
    table.forget(&key(1));
    // A forgotten job takes no space: three endings are kept, not two.
    for n in 2..5 {
        table.poll_or_start(&key(n), spec(async |_| done(""))).unwrap();
        ending(&table, n).await;
    }
    assert!((2..5).all(|n| table.poll(&key(n)).is_some()));
}

/// A job is forgotten while it pushes; its successor is forgotten too, and has a successor.
#[tokio::test(start_paused = true)]
async fn the_heir_of_a_forgotten_job_begins_when_its_work_has_ended() {
    let table = JobTable::new(limits());
    let (says, mut heard) = mpsc::unbounded_channel();
    let pushed = CancellationToken::new();
    let pushing = {
        let (says, pushed) = (says.clone(), pushed.clone());
        spec(async move |context: JobContext| {
            let _push = context.gate.enter().unwrap();
            says.send("pushing").unwrap();
            pushed.cancelled().await;
            says.send("pushed").unwrap();
            done("")
        })
    };
    table.poll_or_start(&key(1), pushing).unwrap();
    assert_eq!(heard.recv().await, Some("pushing"));
    let (mut old, _) = table.watch(&key(1)).unwrap();
    table.forget(&key(1));
    let never = CancellationToken::new();
    table.poll_or_start(&key(1), held("", "forgotten heir", &says, &never)).unwrap();
    let (mut heir, _) = table.watch(&key(1)).unwrap();
    table.forget(&key(1));
    table.poll_or_start(&key(1), held("", "heir", &says, &never)).unwrap();
    // The paused clock advances when no task has anything left to do.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(heard.is_empty(), "nobody works beside a push in flight");
    pushed.cancel();
    assert_eq!(heard.recv().await, Some("pushed"));
    assert_eq!(heard.recv().await, Some("heir"));
    old.wait_for(|state| matches!(state, JobState::Done(_))).await.unwrap();
    heir.wait_for(|state| matches!(state, JobState::Done(_))).await.unwrap();
    assert!(matches!(phase(&table, 1), Phase::Running(_)), "an end that was forgotten is not the heir's");
    assert_eq!(table.load(), (0, 1));
}

#[tokio::test]
async fn a_drain_waits_for_what_was_forgotten_too() {
    let table = JobTable::new(limits());
    let (says, mut heard) = mpsc::unbounded_channel();
    let pushed = CancellationToken::new();
    let until = pushed.clone();
    let pushing = spec(async move |context: JobContext| {
        let _push = context.gate.enter().unwrap();
        says.send("pushing").unwrap();
        until.cancelled().await;
        done("")
    });
    table.poll_or_start(&key(1), pushing).unwrap();
    heard.recv().await.unwrap();
    table.forget(&key(1));
    assert!(!table.drain(Duration::ZERO).await);
    pushed.cancel();
    assert!(table.drain(Duration::from_secs(25)).await);
}
