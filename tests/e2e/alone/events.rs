//! Parts of the front half are killed while pushes arrive. What the bus has is not lost.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::cluster::{PATIENCE, attempt, eventually, processes};
use crate::events::hooks::{Post, push_of};
use crate::events::pushes::Service;
use crate::events::site::events;
use crate::support::bin;
use crate::support::net::until;
use crate::workflow::{BUILDS, Workflow};

const SENSOR: &str = "/bin/argo-events sensor-service";
const EVENT_SOURCE: &str = "/bin/argo-events eventsource-service";
pub(crate) const BUS: &str = "/nats-server --config /etc/nats-config/nats-js.conf";

/// Kills the servers that have this command line, and not their pods: a pod that is deleted by force may be replaced while its server
/// still runs. Each catalogue has a Sensor.
pub(crate) fn kill(command: &str) {
    let pids = processes(command);
    assert!(!pids.is_empty(), "{command}");
    pids.iter().for_each(|pid| bin::signal(*pid, "KILL"));
    let gone = || (!processes(command).iter().any(|pid| pids.contains(pid))).then_some(());
    eventually(|| format!("the end of {command}"), PATIENCE, gone);
}

#[tokio::test]
async fn a_killed_sensor_loses_no_push() {
    let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    kill(SENSOR);
    let began = Instant::now();
    let commit = service.push("while the sensor was away").await;
    service.deployed(&commit, began).await;
    assert_eq!(service.workflows().len(), 1);
}

/// Gitea posts once. Who posts again until the event is accepted, such as a person with the button for it, has it built.
#[tokio::test]
async fn a_killed_bus_and_a_killed_event_source_come_back_by_themselves() {
    events().await;
    for server in [BUS, EVENT_SOURCE] {
        let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
        kill(server);
        let began = Instant::now();
        let commit = service.push("while nobody listened").await;
        accepted(&service, &commit, server).await;
        service.deployed(&commit, began).await;
        assert_eq!(service.workflows().len(), 1);
    }
}

/// Posts the hook of a commit until it is accepted.
async fn accepted(service: &Service, commit: &str, after: &str) {
    let (body, began) = (push_of(&service.full_name(), commit), Instant::now());
    let accepted = async || {
        let answer = Post::signed(events().await, "push", &body).try_send().await?;
        (answer.0 == StatusCode::OK).then_some(())
    };
    until(|| format!("an accepted event after the end of {after}"), PATIENCE, accepted).await;
    println!("{:.2?} after the end of {after}: accepted", began.elapsed());
}

/// Gitea posts once, so what was pushed while nobody listened is found by the sweep.
#[tokio::test]
async fn after_kills_and_one_sweep_every_head_is_built_exactly_once() {
    events().await;
    let mut pushed = Vec::new();
    for server in [EVENT_SOURCE, BUS, SENSOR] {
        let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
        kill(server);
        let commit = service.push(server).await;
        pushed.push((service, commit, Instant::now()));
    }
    let marker = Service::new("FROM BASE\nCOPY main.txt /\n").await;
    let commit = marker.push("after them").await;
    accepted(&marker, &commit, "all of them").await;
    pushed.push((marker, commit, Instant::now()));
    let wishes: Vec<_> = pushed.iter().map(|(service, ..)| service.to_sweep()).collect();
    let outputs = sweep(&json!(wishes)).succeeds();
    println!("the sweep submitted {}", outputs.get("submitted"));
    for (service, commit, began) in &pushed {
        service.deployed(commit, *began).await;
        assert_eq!(service.workflows().len(), 1, "{:#?}", service.workflows());
        service.built_once(commit).await;
    }
}

/// The Workflow of a sweep over `services`.
pub(crate) fn sweep(services: &Value) -> Workflow {
    let outputs = ["submitted", "skipped", "failed"]
        .map(|name| json!({"name": name, "valueFrom": {"supplied": {}, "default": ""}}));
    let template = json!({
        "name": "sweep", "outputs": {"parameters": outputs}, "plugin": {"buildkit": {"poll": {"services": services}}},
    });
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "sweep-"},
        "spec": {"entrypoint": "sweep", "serviceAccountName": "buildkit-workflow", "templates": [template]},
    });
    Workflow::create(BUILDS, &workflow.to_string())
}

/// Only for the shared agent, as in `faults`: `make e2e` skips it with sidecars, where Argo's controller may not see for minutes what
/// its agents report after the API server was away.
mod agent {
    use super::*;
    use crate::alone::faults::restart_controller;

    #[tokio::test]
    async fn an_api_server_that_is_away_for_15_s_loses_no_push() {
        let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
        let away = std::thread::spawn(|| attempt("tests/cluster/restart-api", &["15"]).unwrap());
        let gone = || attempt("kubectl", &["get", "--raw", "/livez"]).is_err().then_some(());
        eventually(|| "the end of the API server".to_owned(), PATIENCE, gone);
        let began = Instant::now();
        let commit = service.push("while the API server was away").await;
        tokio::task::spawn_blocking(|| away.join().unwrap()).await.unwrap();
        // This is about the Sensor. What the controller makes of an API server that was away is tested by `faults`.
        restart_controller();
        service.deployed(&commit, began).await;
        assert_eq!(service.workflows().len(), 1);
    }
}
