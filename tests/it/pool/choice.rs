//! Which daemon builds a service.

use super::{Services, builds, engine, host, pair};
use crate::support::buildctl::histories;
use crate::support::buildkitd::Buildkitd;
use crate::support::net::{PATIENCE, until};

#[tokio::test]
async fn every_process_builds_a_service_on_the_same_daemon() {
    // So many that hardly ever all of them have one home.
    const SERVICES: usize = 16;
    let daemons = pair().await;
    let services = Services::start(SERVICES);
    let [one, other] = &daemons;
    for host in [host(&daemons), format!("{},{}", other.address(), one.address())] {
        let engine = engine(&host);
        for nth in 0..SERVICES {
            services.build(&engine, nth).await;
        }
    }
    let mut homes = [0, 0];
    for nth in 0..SERVICES {
        let builds = builds(&daemons, &Services::image(nth));
        assert!(builds == [2, 0] || builds == [0, 2], "service {nth}: {builds:?}");
        homes[usize::from(builds == [0, 2])] += 1;
    }
    assert!(homes.iter().all(|home| *home > 0), "{homes:?}");
}

#[tokio::test]
async fn a_daemon_that_is_down_is_left_out_until_it_is_back() {
    let mut daemons = pair().await;
    let services = Services::start(1);
    let engine = engine(&host(&daemons));
    services.build(&engine, 0).await;
    let image = Services::image(0);
    let home = usize::from(builds(&daemons, &image) == [0, 1]);
    daemons[home].kill();
    services.build(&engine, 0).await;
    assert_eq!(builds(&daemons[1 - home..2 - home], &image), [1]);
    daemons[home].restart();
    let back = async || {
        services.build(&engine, 0).await;
        (builds(&daemons[home..=home], &image) == [2]).then_some(())
    };
    until(|| "the service to be built at home again".into(), PATIENCE, back).await;
}

#[tokio::test]
async fn a_build_goes_to_a_daemon_for_its_platform() {
    let arm = "[worker.oci]\nplatforms = [\"linux/arm64\"]\n";
    let daemons = [Buildkitd::start(""), Buildkitd::start(arm)];
    let services = Services::start(4);
    let engine = engine(&host(&daemons));
    for nth in 0..4 {
        services.build_for(&engine, nth, Some("linux/arm64")).await;
        assert_eq!(builds(&daemons, &Services::image(nth)), [0, 1], "service {nth}");
    }
}

#[tokio::test]
async fn the_daemons_of_a_name_are_found() {
    let daemon = Buildkitd::start_tcp("");
    let port = daemon.address().rsplit_once(':').unwrap().1;
    let services = Services::start(1);
    services.build(&engine(&format!("dns:localhost:{port}")), 0).await;
    assert_eq!(histories(daemon.address()).len(), 1);
}
