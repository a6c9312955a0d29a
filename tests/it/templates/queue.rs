//! Builds of one line: a stopped waiting build leaves the queue, and the wait does not count for the timeout.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::{PATIENCE, installed, submit};
use crate::support::argo::Argo;
use crate::support::net::{unique, until};

/// The templates whose builds queue.
const QUEUEING: [&str; 3] = ["build-push", "ci-cd-buildkit-deploy", "ci-cd-buildkit-deploy-two-nodes"];

/// A repository that is never read, because no agent runs here.
struct Line(String);

impl Line {
    fn new() -> Self {
        Self(format!("https://git.example.com/{}.git", unique("line")))
    }

    async fn submit(&self, argo: &Argo, template: &str, more: &[(&str, &str)]) -> String {
        let parameters = [("repo", self.0.as_str()), ("image", "registry.example.com/x")];
        submit(argo, template, &[&parameters[..], more].concat()).await
    }
}

/// Waits until the workflow's status says that it waits for a mutex.
async fn waits(argo: &Argo, workflow: &str) -> String {
    let status = async || {
        let status = argo.workflow(workflow).await["status"].to_string();
        status.contains("Waiting for builds/Mutex/").then_some(status)
    };
    until(|| format!("{workflow} to wait"), PATIENCE, status).await
}

async fn the_next_one_begins(argo: &Argo, template: &str) {
    let line = Line::new();
    let first = line.submit(argo, template, &[]).await;
    argo.task(&first).await;
    let stopped = line.submit(argo, template, &[]).await;
    waits(argo, &stopped).await;
    let next = line.submit(argo, template, &[]).await;
    waits(argo, &next).await;
    argo.stop(&stopped).await;
    let (phase, message) = argo.finished(&stopped).await;
    assert_eq!((phase.as_str(), message.as_str()), ("Failed", "Stopped with strategy 'Stop'"), "{template}");
    argo.stop(&first).await;
    argo.task(&next).await;
    argo.terminate(&next).await;
}

/// With a mutex of the whole workflow, a stopped workflow got the mutex, and in three of seven tries kept it for
/// ever.
#[tokio::test]
async fn a_build_that_is_stopped_in_the_queue_leaves_it() {
    let argo = installed().await;
    let lines = [QUEUEING; 2].into_iter().flatten();
    join_all(lines.map(|template| the_next_one_begins(argo, template))).await;
}

#[tokio::test]
async fn the_wait_in_a_queue_is_no_part_of_the_timeout() {
    let (argo, line) = (installed().await, Line::new());
    let first = line.submit(argo, "build-push", &[]).await;
    argo.task(&first).await;
    let second = line.submit(argo, "build-push", &[("timeout", "1s")]).await;
    waits(argo, &second).await;
    let waited = async || {
        let began =
            argo.workflow(&second).await["status"]["startedAt"].as_str()?.parse::<Timestamp>().ok()?;
        (Timestamp::now().duration_since(began) > SignedDuration::from_secs(3)).then_some(())
    };
    until(|| "three timeouts to pass".to_owned(), PATIENCE, waited).await;
    argo.stop(&first).await;
    let task = argo.task(&second).await;
    assert_eq!(task["metadata"]["annotations"]["argo-buildkit.io/timeout"], "1s", "{task}");
    argo.terminate(&second).await;
}
