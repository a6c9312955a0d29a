//! Parts of the front half are killed while pushes arrive. What the bus has is not lost.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::Value;

use crate::cluster::{PATIENCE, attempt, eventually, kubectl, list};
use crate::events::hooks::{Post, push_of};
use crate::events::pushes::Service;
use crate::events::site::events;
use crate::support::net::until;
use crate::workflow::BUILDS;

const SENSOR: &str = "sensor-name=push";
const EVENT_SOURCE: &str = "eventsource-name=gitea";
const BUS: &str = "controller=eventbus-controller";

/// Kills the pod that has `labels`, as a node that dies does.
fn kill(labels: &str) {
    kubectl(&["delete", "pod", "-n", BUILDS, "-l", labels, "--force", "--grace-period=0"]);
}

/// Waits until a pod has `labels` and is ready.
fn ready(labels: &str) {
    let ready = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let pods = || list(BUILDS, "pod", labels);
    let found = || pods().iter().any(ready).then_some(());
    eventually(|| format!("a ready pod of {labels}: {:#?}", pods()), PATIENCE, found);
}

#[tokio::test]
async fn a_killed_sensor_loses_no_push() {
    let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    kill(SENSOR);
    let began = Instant::now();
    let commit = service.push("while the sensor was away").await;
    service.deployed(&commit, began).await;
    assert_eq!(service.workflows().len(), 1);
    ready(SENSOR);
}

#[tokio::test]
async fn an_api_server_that_is_away_for_15_s_loses_no_push() {
    let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    let away = std::thread::spawn(|| attempt("tests/cluster/restart-api", &["15"]).unwrap());
    let gone = || attempt("kubectl", &["get", "--raw", "/livez"]).is_err().then_some(());
    eventually(|| "the end of the API server".to_owned(), PATIENCE, gone);
    let began = Instant::now();
    let commit = service.push("while the API server was away").await;
    tokio::task::spawn_blocking(|| away.join().unwrap()).await.unwrap();
    service.deployed(&commit, began).await;
    assert_eq!(service.workflows().len(), 1);
}

/// Gitea posts once. Who posts again until the event is accepted, such as a person with the button for it, has it built.
#[tokio::test]
async fn a_killed_bus_and_a_killed_event_source_come_back_by_themselves() {
    for labels in [BUS, EVENT_SOURCE] {
        let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
        kill(labels);
        let began = Instant::now();
        let commit = service.push("while nobody listened").await;
        let body = push_of(&service.full_name(), &commit);
        let accepted = async || {
            let answer = Post::signed(events().await, "push", &body).try_send().await?;
            (answer.0 == StatusCode::OK).then_some(())
        };
        until(|| format!("an accepted event after the end of {labels}"), PATIENCE, accepted).await;
        println!("{:.2?} after the end of {labels}: accepted", began.elapsed());
        service.deployed(&commit, began).await;
        assert_eq!(service.workflows().len(), 1);
        ready(labels);
    }
}
