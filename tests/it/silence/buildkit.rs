//! buildkitd's client: connect, ask, open a session, build, follow, remember.

use std::time::Duration;

use argo_buildkit::buildkit::{
    BuildError, BuildErrorKind, Buildkit, BuildkitTimeLimits, CachePrune, Progress, Recalled, Session, Solve,
    Transcript,
};
use argo_buildkit::outcome::Fault;
use tokio::sync::watch;

use super::{HOUR, LIMIT, LIMIT_TEXT, beside, names, through_first_holes, through_holes};
use crate::support::buildkitd::Buildkitd;
use crate::support::net::unique;
use crate::support::shared::{World, shared_buildkitd};

/// Longer than the five seconds between two health checks of a session by the daemon.
const SILENCE: Duration = Duration::from_secs(8);
const SILENCE_TEXT: &str = "8 s";

fn limits() -> BuildkitTimeLimits {
    BuildkitTimeLimits {
        connect: LIMIT,
        answer: LIMIT,
        record: LIMIT,
        silence: SILENCE,
        usage: LIMIT,
        prune: LIMIT,
    }
}

fn client(host: &str, limits: BuildkitTimeLimits) -> Buildkit {
    Buildkit::new(format!("tcp://{host}").parse().unwrap(), None).with_limits(limits)
}

fn sleeping(busybox: &str, seconds: u32) -> Solve {
    let line = format!("RUN echo {} && sleep {seconds}", unique("line"));
    let dockerfile = Some(format!("FROM {busybox}\n{line}\n"));
    Solve { reference: unique("silent"), inline_dockerfile: dockerfile, ..Solve::default() }
}

async fn build(client: &Buildkit, solve: &Solve) -> Result<(), BuildError> {
    let (progress, _) = watch::channel(Progress::default());
    client.solve(solve, Session::default(), &progress).await.map(drop)
}

/// Whether the call ended at one of the limits, before or during the build.
fn given_up(error: &BuildError, host: &str) {
    assert_eq!(error.fault, Fault::Transient, "{error}");
    match error.kind {
        BuildErrorKind::Unreachable => names(&error.message, host, LIMIT_TEXT),
        BuildErrorKind::Lost => names(&error.message, host, SILENCE_TEXT),
        other => panic!("{other:?}: {error}"),
    }
}

#[tokio::test]
async fn a_daemon_that_does_not_tell_its_version_is_given_up() {
    let daemon = shared_buildkitd().address();
    through_holes(daemon, async |host| client(&host, limits()).info().await, given_up).await;
}

#[tokio::test]
async fn a_daemon_that_does_not_tell_its_workers_is_given_up() {
    let daemon = shared_buildkitd().address();
    through_holes(daemon, async |host| client(&host, limits()).describe().await, given_up).await;
}

#[tokio::test]
async fn a_daemon_that_does_not_look_into_its_history_is_given_up() {
    let daemon = shared_buildkitd().address();
    let call = async |host: String| client(&host, limits()).recall("of-nobody").await;
    through_holes(daemon, call, given_up).await;
}

#[tokio::test]
async fn a_daemon_that_falls_silent_at_any_byte_of_a_build_is_given_up() {
    let world = World::shared().await;
    let call = async |host: String| build(&client(&host, limits()), &sleeping(&world.busybox, 0)).await;
    through_holes(world.buildkitd.address(), call, given_up).await;
}

#[tokio::test]
async fn a_step_that_says_nothing_for_longer_than_the_limit_is_no_silent_daemon() {
    let world = World::shared().await;
    let quiet = sleeping(&world.busybox, 2 * u32::try_from(SILENCE.as_secs()).unwrap());
    let client = Buildkit::new(world.buildkitd.address().parse().unwrap(), None).with_limits(limits());
    let (progress, mut seen) = watch::channel(Progress::default());
    let builds = client.solve(&quiet, Session::default(), &progress);
    let follows = async {
        let names = |p: &Progress| p.current.as_deref().is_some_and(|now| now.contains("sleep"));
        seen.wait_for(names).await.unwrap();
        let (progress, _) = watch::channel(Progress::default());
        client.attach(&quiet.reference, &Transcript::default(), &progress).await
    };
    let (built, followed) = tokio::join!(builds, follows);
    built.unwrap();
    assert!(matches!(followed, Ok(Recalled::Succeeded(_))), "{followed:?}");
}

#[tokio::test]
async fn a_daemon_that_falls_silent_while_a_build_is_followed_is_given_up() {
    let world = World::shared().await;
    let built = sleeping(&world.busybox, 0);
    build(&Buildkit::new(world.buildkitd.address().parse().unwrap(), None), &built).await.unwrap();
    let call = async |host: String| {
        let (progress, _) = watch::channel(Progress::default());
        client(&host, limits()).attach(&built.reference, &Transcript::default(), &progress).await
    };
    through_holes(world.buildkitd.address(), call, given_up).await;
}

/// A daemon with an empty cache, which is listed and pruned in no time.
async fn empty_daemon() -> Buildkitd {
    tokio::task::spawn_blocking(|| Buildkitd::start("")).await.unwrap()
}

#[tokio::test]
async fn a_daemon_that_does_not_list_its_cache_is_given_up() {
    let daemon = empty_daemon().await;
    let list =
        async |host: String| client(&host, limits()).cache_records(None, None, &mut |_| ()).await.map(drop);
    through_first_holes(daemon.address(), list, given_up).await;
}

#[tokio::test]
async fn a_daemon_that_does_not_prune_its_cache_is_given_up() {
    let daemon = empty_daemon().await;
    let prune = CachePrune { all: true, ..CachePrune::default() };
    let pruned = async |host: String| client(&host, limits()).prune_cache(&prune, &mut |_| ()).await;
    through_first_holes(daemon.address(), pruned, given_up).await;
}

#[tokio::test]
async fn others_build_while_one_waits_for_a_silent_daemon() {
    let world = World::shared().await;
    let patient = BuildkitTimeLimits {
        connect: HOUR,
        answer: HOUR,
        record: HOUR,
        silence: HOUR,
        usage: HOUR,
        prune: HOUR,
    };
    let (one, two) = (sleeping(&world.busybox, 0), sleeping(&world.busybox, 0));
    let make = async |host: String| client(&host, patient);
    let daemon = world.buildkitd.address();
    beside(daemon, make, async |c| build(c, &one).await, async |c| build(c, &two).await).await.unwrap();
}
