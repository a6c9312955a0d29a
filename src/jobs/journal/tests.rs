#![expect(clippy::unwrap_used, reason = "tests")]

use std::future::pending;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::pending::{ABSENT, LONGEST};
use super::*;
use crate::jobs::{JobLimits, JobSpec, JobTable};
use crate::outcome::{Fault, Success};

fn key(name: &str) -> JobKey {
    JobKey::of_node("n", "u", name)
}

/// A pod whose process dies several times.
struct Pod(tempfile::TempDir);

/// One process of the pod.
struct Process {
    journal: Journal,
    started: Instant,
    /// The jobs that started, each with the seconds since the start of the process.
    begun: Arc<Mutex<Vec<(&'static str, u64)>>>,
    jobs: Vec<JoinHandle<Ending>>,
}

impl Pod {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn start(&self) -> Process {
        let journal = Journal::in_directory(self.0.path()).unwrap();
        Process { journal, started: Instant::now(), begun: Arc::default(), jobs: Vec::new() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(DIRECTORY).join(key(name).to_string())
    }

    /// Starts a process, requests the jobs `names`, and kills the process after `time`. Returns the jobs that
    /// started.
    async fn dies(&self, names: &[&'static str], time: Duration) -> Vec<&'static str> {
        self.dies_after(names, async |_| sleep(time).await).await
    }

    /// Like `dies`; the process dies when the job `killer` has started.
    async fn dies_of(&self, killer: &'static str, names: &[&'static str]) -> Vec<&'static str> {
        let is_begun = async |process: &Process| {
            while !process.begun().iter().any(|(name, _)| *name == killer) {
                sleep(SOON).await;
            }
        };
        self.dies_after(names, is_begun).await
    }

    async fn dies_after(&self, names: &[&'static str], end: impl AsyncFnOnce(&Process)) -> Vec<&'static str> {
        let mut process = self.start();
        for name in names {
            process.ask(name);
            tokio::task::yield_now().await;
        }
        end(&process).await;
        let begun = process.begun().into_iter().map(|(name, _)| name).collect();
        // A killed process leaves its files. Here the tasks delete them, so the files are restored.
        let files = fs::read_dir(self.0.path().join(DIRECTORY)).unwrap().map(|file| file.unwrap().path());
        let left: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        for job in process.jobs {
            job.abort();
            let _ = job.await;
        }
        drop(process.journal);
        for (path, text) in left {
            fs::write(path, text).unwrap();
        }
        begun
    }
}

impl Process {
    /// Requests the job `name`, which starts as soon as it may and runs for ever.
    fn ask(&mut self, name: &'static str) {
        let (journal, begun, started) = (self.journal.clone(), self.begun.clone(), self.started);
        let job = async move {
            let work = async {
                begun.lock().unwrap().push((name, started.elapsed().as_secs()));
                pending().await
            };
            journal.admit(key(name)).await.keep(work).await
        };
        self.jobs.push(tokio::spawn(job));
    }

    fn begun(&self) -> Vec<(&'static str, u64)> {
        self.begun.lock().unwrap().clone()
    }

    /// Runs the job `name`, which ends at once.
    async fn run(&self, name: &str) -> Ending {
        let well = std::future::ready(Ok(Success::default()));
        self.journal.clone().admit(key(name)).await.keep(well).await
    }
}

const SOON: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_job_that_kills_alone_is_begun_twice() {
    let pod = Pod::new();
    pod.dies(&["a"], SOON).await;
    assert_eq!(pod.dies(&["a"], SOON).await, ["a"]);
    let process = pod.start();
    let ended = process.run("a").await.unwrap_err();
    assert_eq!(ended.fault, Fault::User);
    assert!(ended.message.starts_with("this step has ended argo-buildkit 2 times"), "{}", ended.message);
    // The job is refused only once.
    process.run("a").await.unwrap();
    assert!(!pod.file("a").exists());
    assert!(Journal::in_directory(pod.0.path()).is_err(), "another process lives");
}

#[tokio::test(start_paused = true)]
async fn those_that_ran_beside_it_are_cleared_once_it_is_known() {
    let pod = Pod::new();
    pod.dies(&["a", "b", "c"], SOON).await;
    assert_eq!(pod.dies(&["b", "a", "fresh", "c"], SOON).await, ["b"]);
    let mut process = pod.start();
    process.run("b").await.unwrap_err();
    for name in ["a", "c", "fresh"] {
        process.ask(name);
    }
    sleep(SOON).await;
    assert_eq!(process.begun(), [("a", 0), ("c", 0), ("fresh", 0)], "nothing is held against them");
}

#[tokio::test(start_paused = true)]
async fn interrupted_jobs_begin_one_after_the_other_and_new_ones_after_them() {
    let pod = Pod::new();
    pod.dies(&["a", "b", "gone"], SOON).await;
    let mut process = pod.start();
    for name in ["a", "b", "fresh"] {
        process.ask(name);
        tokio::task::yield_now().await;
    }
    sleep(LONGEST * 2).await;
    let watched = WATCHED.as_secs();
    assert_eq!(process.begun(), [("a", 0), ("b", watched), ("fresh", watched * 2)]);
    // A stopped job leaves no file.
    process.jobs[0].abort();
    sleep(SOON).await;
    assert!(!pod.file("a").exists() && pod.file("b").exists());
}

#[tokio::test(start_paused = true)]
async fn new_jobs_wait_a_minute_at_most_whatever_was_interrupted() {
    let pod = Pod::new();
    let many = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    pod.dies(&many, SOON).await;
    let mut process = pod.start();
    let all: Vec<_> = many.into_iter().chain(["fresh"]).collect();
    all.iter().for_each(|name| process.ask(name));
    sleep(LONGEST * 3).await;
    assert!(process.begun().contains(&("fresh", LONGEST.as_secs())), "{:?}", process.begun());
    // The interrupted job is not requested again.
    let pod = Pod::new();
    pod.dies(&["gone"], SOON).await;
    let mut process = pod.start();
    process.ask("fresh");
    sleep(LONGEST).await;
    assert_eq!(process.begun(), [("fresh", ABSENT.as_secs())]);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_not_refused_for_killers_beside_it_that_come_and_go() {
    let pod = Pod::new();
    // A tenant starts a new killer job as soon as the last one has killed the process, and deletes the workflow of
    // the last one.
    for killer in ["k1", "k2", "k3", "k4", "k5", "k6"] {
        assert_eq!(pod.dies_of(killer, &["long", killer]).await, ["long", killer]);
    }
    // If the workflow is not deleted, the killer is found: it runs alone when it starts again.
    assert_eq!(pod.dies_of("k7", &["k7", "long"]).await, ["long", "k7"]);
    assert_eq!(pod.dies_of("k7", &["k7", "long"]).await, ["k7"]);
    let process = pod.start();
    process.run("k7").await.unwrap_err();
    process.run("long").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_kills_late_is_refused_and_the_one_watched_then_is_not() {
    let pod = Pod::new();
    let late = WATCHED + WATCHED / 2;
    pod.dies(&["late", "other"], late).await;
    assert_eq!(pod.dies(&["late", "other"], late).await, ["late", "other"]);
    // `other` was being watched when the process died, so it is now the first, and passes.
    assert_eq!(pod.dies(&["late", "other"], WATCHED * 2 + late).await, ["other", "late"]);
    assert_eq!(pod.dies(&["other", "late"], late).await, ["late"]);
    let process = pod.start();
    let ended = process.run("late").await.unwrap_err();
    assert!(ended.message.starts_with("this step has ended argo-buildkit 4 times"), "{}", ended.message);
    process.run("other").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_four_deaths_whose_cause_is_not_known_a_job_ends_and_is_told_so() {
    let pod = Pod::new();
    for _ in 0..4 {
        pod.dies(&["a", "b"], LONGEST * 3).await;
    }
    let ended = pod.start().run("a").await.unwrap_err();
    assert!(ended.message.contains("each of the other steps"), "{}", ended.message);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_tenants_slots_keeps_no_other_tenant_waiting() {
    let pod = Pod::new();
    pod.dies(&["a1", "a2", "b"], SOON).await;
    let limits = JobLimits { running: 8, per_group: 1, kept: 8, kept_bytes: 1 << 20, lease: None };
    let table = JobTable::journaled(limits, Arc::default(), Some(pod.start().journal));
    let begun = Arc::<Mutex<Vec<&str>>>::default();
    for (name, tenant) in [("a1", "a"), ("a2", "a"), ("b", "b")] {
        let begun = begun.clone();
        let work = async move |_| {
            begun.lock().unwrap().push(name);
            pending().await
        };
        let spec = JobSpec::new(LONGEST * 60, work).of_group(tenant);
        table.poll_or_start(&key(name), spec).unwrap();
        tokio::task::yield_now().await;
    }
    sleep(WATCHED * 2).await;
    assert_eq!(*begun.lock().unwrap(), ["a1", "b"]);
    // The job has its turn once it has a slot.
    table.withdraw(&key("a1"));
    sleep(WATCHED).await;
    assert_eq!(*begun.lock().unwrap(), ["a1", "b", "a2"]);
}
