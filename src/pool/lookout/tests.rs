#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::{Pool, PoolKey, Seed, Service, Wanted};
use super::*;
use crate::buildkit::BuildErrorKind;
use crate::outcome::Fault;

/// A pool of a name that nothing resolves, and its tasks do not run.
fn pool() -> Pool {
    let seed: Seed = "dns:buildkitd.invalid:1".parse().unwrap();
    Pool::new(vec![(seed, None)], 1)
}

fn resolved(pool: &Pool, addresses: &[&str]) {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    pool.inner.resolved(0, Ok(addresses));
}

fn names(pool: &Pool) -> Vec<String> {
    pool.inner.roster().members().iter().map(|(member, _)| member.name.to_string()).collect()
}

fn wanted() -> Wanted {
    let (namespace, repository, subdir) = ("a", "https://gitea.example.com/shop/api.git", "");
    let key = PoolKey::new(Service { namespace, repository, subdir, dockerfile: "Dockerfile", target: "" });
    Wanted { key, platforms: Vec::new() }
}

#[tokio::test]
async fn the_members_are_those_of_the_name() {
    let pool = pool();
    assert!(!pool.inner.is_settled());
    resolved(&pool, &["127.0.0.1:1", "127.0.0.2:1"]);
    assert_eq!(names(&pool), ["tcp://127.0.0.1:1", "tcp://127.0.0.2:1"]);
    resolved(&pool, &["127.0.0.2:1", "[::1]:1"]);
    assert_eq!(names(&pool), ["tcp://127.0.0.2:1", "tcp://[::1]:1"]);
    // A name server that is away takes no daemon away.
    pool.inner.resolved(0, Err("no answer".to_owned()));
    assert_eq!(names(&pool).len(), 2);
    assert_eq!(pool.inner.names[0].absence().1, "no answer");
    resolved(&pool, &["127.0.0.2:1"]);
    assert_eq!(pool.inner.names[0].absence().1, "none of its daemons takes builds");
}

#[tokio::test]
async fn a_daemon_whose_address_comes_back_is_a_member_again() {
    let pool = pool();
    resolved(&pool, &["127.0.0.1:1"]);
    let (member, _) = pool.inner.roster().members()[0].clone();
    let slot = pool.resume(&wanted(), &member);
    resolved(&pool, &["127.0.0.2:1"]);
    assert_eq!(names(&pool), ["tcp://127.0.0.2:1"], "it gets no more builds");
    assert!(pool.inner.roster().has(member.id), "it has a build");
    resolved(&pool, &["127.0.0.1:1", "127.0.0.2:1"]);
    assert_eq!(pool.inner.roster().members()[0].0, member);
    resolved(&pool, &["127.0.0.2:1"]);
    drop(slot);
    assert!(!pool.inner.roster().has(member.id), "its last build has ended");
}

#[tokio::test]
async fn the_certificate_is_for_the_name_unless_another_is_given() {
    let certificates =
        || crate::buildkit::Certificates::Files { ca: "a".into(), cert: "b".into(), key: "c".into() };
    let rows = [(None, "buildkitd.ci"), (Some("other".to_owned()), "other")];
    for (server_name, expected) in rows {
        let tls = Tls { certificates: certificates(), server_name };
        let named = Named::new("buildkitd.ci".to_owned(), 1, Some(tls), Buildkit::list_memory());
        assert_eq!(named.tls.unwrap().server_name.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_the_error() {
    let pool = pool();
    let error = pool.enter(&wanted(), |_| {}).await.map(drop).unwrap_err();
    assert!(error.message.contains("no buildkitd at dns:buildkitd.invalid:1: "), "{error}");
    assert!(error.message.contains("check that this headless Service exists"), "{error}");
}

#[tokio::test]
async fn a_pool_of_one_address_asks_nobody() {
    let pool = Pool::new(vec![("tcp://127.0.0.1:1".parse().unwrap(), None)], 1);
    let mut slots = Vec::new();
    for _ in 0..3 {
        slots.push(pool.enter(&wanted(), |_| {}).await.unwrap());
    }
    assert!(pool.is_single() && pool.inner.askers().is_empty());
    let error = BuildError::no_daemon("x", "y");
    pool.suspect(&slots[0].member, &error);
    assert_eq!(pool.first(&wanted()).await.unwrap(), slots[0].member);
}

#[tokio::test]
async fn only_a_daemon_that_cannot_be_reached_is_left_out_before_it_is_asked() {
    let seed = |address: &str| (address.parse().unwrap(), None);
    let pool = Pool::new(vec![seed("tcp://127.0.0.1:1"), seed("tcp://127.0.0.2:1")], 1);
    let (member, _) = pool.inner.roster().members()[0].clone();
    pool.inner.answered(member.id, &Description::default());
    let state = || pool.inner.roster().members()[0].1;
    let unreachable = BuildError::no_daemon("x", "y");
    pool.suspect(&member, &BuildError { kind: BuildErrorKind::Lost, ..unreachable.clone() });
    assert_eq!(state(), MemberState::Up);
    pool.suspect(&member, &BuildError::certificates(Fault::User, "there are none"));
    assert_eq!(state(), MemberState::Up);
    pool.suspect(&member, &unreachable);
    assert_eq!(state(), MemberState::Down);
}

#[tokio::test]
async fn a_build_waits_for_a_place_and_is_told_its_position() {
    let pool = Pool::one(Buildkit::new("tcp://127.0.0.1:1".parse().unwrap(), None));
    pool.inner.change(|roster| *roster = super::super::roster::Roster::new(1));
    pool.inner.change(|roster| {
        let daemon = Buildkit::new("tcp://buildkitd-1:1".parse().unwrap(), None);
        let (name, identity) = ("buildkitd-1".to_owned(), Some("1".to_owned()));
        roster.add(NewMember { daemon, name, identity, state: MemberState::Up });
    });
    let first = pool.enter(&wanted(), |_| {}).await.unwrap();
    let (lines, mut said) = tokio::sync::mpsc::unbounded_channel();
    let enter = |pool: Pool| {
        let lines = lines.clone();
        tokio::spawn(
            async move { pool.enter(&wanted(), move |line| lines.send(line).unwrap()).await.unwrap() },
        )
    };
    let second = enter(pool.clone());
    assert_eq!(said.recv().await.unwrap(), "waiting for buildkitd-1, 0 before you");
    let third = enter(pool.clone());
    assert_eq!(said.recv().await.unwrap(), "waiting for buildkitd-1, 1 before you");
    second.abort();
    assert_eq!(said.recv().await.unwrap(), "waiting for buildkitd-1, 0 before you");
    drop(first);
    assert_eq!(&*third.await.unwrap().member.name, "buildkitd-1");
}
