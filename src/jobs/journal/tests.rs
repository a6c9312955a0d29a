#![expect(clippy::unwrap_used, reason = "tests")]

use std::future::pending;

use super::*;
use crate::outcome::{Fault, Success};

fn key(name: &str) -> JobKey {
    JobKey::of_node("n", "u", name)
}

fn well() -> impl Future<Output = Ending> {
    std::future::ready(Ok(Success::default()))
}

/// The jobs `names` begin, in that order, and the process dies after `time`.
async fn die_after(root: &Path, names: &[&str], time: Duration) {
    let journal = Journal::in_directory(root).unwrap();
    let begin = |name: &&str| {
        let (journal, key) = (journal.clone(), key(name));
        tokio::spawn(async move { journal.keep(&key, pending()).await })
    };
    let begun: Vec<_> = names.iter().map(begin).collect();
    tokio::time::sleep(time).await;
    // What a killed process leaves: the files as they are. Here the tasks clean up, and the files are put back.
    let directory = root.join(DIRECTORY);
    let files = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
    let left: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    for task in begun {
        task.abort();
        task.await.unwrap_err();
    }
    drop(journal);
    for (path, text) in left {
        fs::write(path, text).unwrap();
    }
}

async fn die(root: &Path, names: &[&str]) {
    die_after(root, names, Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_kills_alone_is_begun_twice() {
    let root = tempfile::tempdir().unwrap();
    die(root.path(), &["a"]).await;
    die(root.path(), &["a"]).await;
    let journal = Journal::in_directory(root.path()).unwrap();
    let ended = journal.keep(&key("a"), pending()).await.unwrap_err();
    assert_eq!(ended.fault, Fault::Transient);
    assert!(ended.message.starts_with("this step has ended argo-buildkit 2 times"), "{}", ended.message);
    // Told once.
    journal.keep(&key("a"), well()).await.unwrap();
    assert!(Journal::in_directory(root.path()).is_err(), "another process lives");
}

#[tokio::test(start_paused = true)]
async fn those_beside_it_are_not_blamed() {
    let root = tempfile::tempdir().unwrap();
    let all = ["a", "b", "c"];
    die(root.path(), &all).await;
    // One of them is on probation when the process dies again.
    die(root.path(), &["b", "a", "c", "fresh"]).await;
    let journal = Journal::in_directory(root.path()).unwrap();
    journal.keep(&key("b"), well()).await.unwrap_err();
    for name in ["a", "c", "fresh"] {
        journal.keep(&key(name), well()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn suspects_begin_one_after_the_other() {
    let root = tempfile::tempdir().unwrap();
    die(root.path(), &["a", "b"]).await;
    let journal = Journal::in_directory(root.path()).unwrap();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let begin = |name: &'static str| {
        let (journal, begun) = (journal.clone(), begun.clone());
        tokio::spawn(async move {
            let work = async {
                begun.lock().unwrap().push(name);
                pending().await
            };
            journal.keep(&key(name), work).await
        })
    };
    let (a, _b) = (begin("a"), begin("b"));
    begin("fresh");
    tokio::time::sleep(PROBATION / 2).await;
    assert_eq!(*begun.lock().unwrap(), ["a", "fresh"]);
    tokio::time::sleep(PROBATION).await;
    assert_eq!(*begun.lock().unwrap(), ["a", "fresh", "b"]);
    // What is stopped leaves nothing behind.
    a.abort();
    assert!(a.await.unwrap_err().is_cancelled());
    assert!(!root.path().join(DIRECTORY).join(key("a").to_string()).exists());
}

#[tokio::test(start_paused = true)]
async fn one_that_kills_late_is_ended_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        die_after(root.path(), &["late"], PROBATION * 2).await;
    }
    let journal = Journal::in_directory(root.path()).unwrap();
    let ended = journal.keep(&key("late"), well()).await.unwrap_err();
    assert!(ended.message.starts_with("this step has ended argo-buildkit 4 times"), "{}", ended.message);
}
