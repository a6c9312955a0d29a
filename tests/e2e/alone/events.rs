//! Parts of the front half are killed while pushes arrive. What the bus has is not lost.

use std::time::Instant;

use reqwest::StatusCode;

use crate::cluster::{PATIENCE, attempt, eventually, processes};
use crate::events::hooks::{Post, push_of};
use crate::events::pushes::Service;
use crate::events::site::events;
use crate::support::bin;
use crate::support::net::until;

const SENSOR: &str = "/bin/argo-events sensor-service";
const EVENT_SOURCE: &str = "/bin/argo-events eventsource-service";
const BUS: &str = "/nats-server --config /etc/nats-config/nats-js.conf";

/// Kills a server that has this command line. A pod that is deleted by force would be replaced while it still runs, and two
/// servers would write to the bus's volume.
fn kill(command: &str) {
    let pids = processes(command);
    assert_eq!(pids.len(), 1, "{command}: {pids:?}");
    bin::signal(pids[0], "KILL");
    let gone = || (processes(command) != pids).then_some(());
    eventually(|| format!("the end of {command}"), PATIENCE, gone);
}

/// Has the bus write its stream's index once. If NATS 2.10.29 with an encrypted store is killed before that, which is two minutes
/// after it made the stream, it soon replaces the key that it needs at its next start, and then the stream is gone.
fn settle_the_bus() {
    let index = "/var/tmp/argo-buildkit-cluster/event-bus/store/jetstream/js/streams/default/msgs/index.db";
    let there = || std::path::Path::new(index).exists().then_some(());
    if there().is_none() {
        bin::signal(processes(BUS)[0], "TERM");
        eventually(
            || format!("{index} and the bus"),
            PATIENCE,
            || there().filter(|()| !processes(BUS).is_empty()),
        );
    }
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
    settle_the_bus();
    for server in [BUS, EVENT_SOURCE] {
        let service = Service::new("FROM BASE\nCOPY main.txt /\n").await;
        kill(server);
        let began = Instant::now();
        let commit = service.push("while nobody listened").await;
        let body = push_of(&service.full_name(), &commit);
        let accepted = async || {
            let answer = Post::signed(events().await, "push", &body).try_send().await?;
            (answer.0 == StatusCode::OK).then_some(())
        };
        until(|| format!("an accepted event after the end of {server}"), PATIENCE, accepted).await;
        println!("{:.2?} after the end of {server}: accepted", began.elapsed());
        service.deployed(&commit, began).await;
        assert_eq!(service.workflows().len(), 1);
    }
}

/// Only for the shared agent, as in `faults`: `make e2e` skips it with sidecars, where Argo's controller may not see for minutes what
/// its agents report after the API server was away.
mod agent {
    use super::*;

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
}
