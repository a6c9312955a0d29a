#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::key::Service;
use super::coverage::Division;
use super::*;

fn wanted(namespace: &str, service: &str) -> Wanted {
    let (subdir, dockerfile, target) = ("", "Dockerfile", "");
    let key = PoolKey::new(Service { namespace, repository: service, subdir, dockerfile, target });
    Wanted { key, platforms: Vec::new() }
}

fn new(name: &str, state: MemberState) -> NewMember {
    let address = format!("tcp://{name}:1234");
    let daemon = Buildkit::new(address.parse().unwrap(), None);
    NewMember { daemon, name: name.to_owned(), identity: Some(address), state }
}

/// A pool of two that are up, with one place each.
fn pair() -> (Roster, [Member; 2]) {
    let mut roster = Roster::new(1);
    let members = ["b-0", "b-1"].map(|name| roster.add(new(name, MemberState::Up)));
    (roster, members)
}

fn placed(entered: Entered) -> Member {
    match entered {
        Entered::Placed(member) => member,
        other => panic!("{other:?}"),
    }
}

fn waits(entered: Entered) -> Ticket {
    match entered {
        Entered::Waits(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

/// `NAME` once the build has a place, and `FIRST AHEAD` before.
fn looked(roster: &mut Roster, ticket: &Ticket) -> String {
    match roster.look(ticket) {
        Some(Look::Placed(member)) => member.name.to_string(),
        Some(Look::Waits { first, ahead }) => format!("{first} {ahead}"),
        None => "gone".to_owned(),
    }
}

#[test]
fn builds_spill_wait_and_follow_each_other() {
    let (mut roster, _) = pair();
    let api = wanted("a", "api");
    let first = placed(roster.enter(&api));
    let second = placed(roster.enter(&api));
    assert_ne!(first, second);
    assert_eq!(roster.first(&api), Some(first.clone()));
    let [one, two] = [waits(roster.enter(&api)), waits(roster.enter(&api))];
    let other = waits(roster.enter(&wanted("b", "api")));
    assert_eq!(looked(&mut roster, &one), format!("{} 0", first.name));
    assert_eq!(looked(&mut roster, &two), format!("{} 2", first.name));
    assert!(looked(&mut roster, &other).ends_with(" 1"));
    roster.leave(second.id, &"a".into());
    assert_eq!(looked(&mut roster, &one), *second.name);
    roster.leave(first.id, &"a".into());
    assert_eq!(looked(&mut roster, &other), *first.name);
    assert_eq!(looked(&mut roster, &two), format!("{} 0", first.name));
    assert_eq!(looked(&mut roster, &other), "gone");
}

#[test]
fn a_build_that_is_cancelled_gives_its_place_to_the_next() {
    let (mut roster, _) = pair();
    let api = wanted("a", "api");
    let places = [placed(roster.enter(&api)), placed(roster.enter(&api))];
    let [one, two, three] = [0; 3].map(|_| waits(roster.enter(&api)));
    // One that waits.
    roster.cancel(&two);
    roster.leave(places[0].id, &"a".into());
    // One that does not know of its place yet.
    roster.cancel(&one);
    assert_eq!(looked(&mut roster, &three), *places[0].name);
    roster.cancel(&three);
    assert_eq!(looked(&mut roster, &two), "gone");
}

#[test]
fn a_member_that_comes_back_gets_its_builds_again() {
    let (mut roster, members) = pair();
    let api = wanted("a", "api");
    let home = roster.first(&api).unwrap();
    let other = members.iter().find(|member| **member != home).unwrap().clone();
    assert_eq!(roster.failed(home.id, MemberState::Silent), Some((home.clone(), MemberState::Up)));
    assert_eq!(roster.first(&api), Some(other.clone()));
    assert_eq!(roster.in_order(&api.key), std::slice::from_ref(&other));
    let running = placed(roster.enter(&api));
    assert_eq!(running, other);
    let ticket = waits(roster.enter(&api));
    assert_eq!(looked(&mut roster, &ticket), format!("{} 0", other.name));
    let told = Description::default();
    assert_eq!(roster.answered(home.id, &told), Some((home.clone(), MemberState::Silent)));
    assert_eq!(looked(&mut roster, &ticket), *home.name);
    assert_eq!(roster.in_order(&api.key), [home, other]);
}

#[test]
fn platforms_that_no_one_member_has_are_divided() {
    let mut roster = Roster::new(1);
    let [amd, arm] = ["b-0", "b-1"].map(|name| roster.add(new(name, MemberState::Unknown)));
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let told = |names: &[&str]| Description { workers: vec![texts(names)], ..Description::default() };
    let division = |roster: &Roster, platforms: &[&str]| {
        let Division { is_divided, unknown } = roster.division(&texts(platforms));
        (is_divided, unknown)
    };
    let both = ["linux/amd64", "linux/arm64"];
    roster.answered(amd.id, &told(&["linux/amd64", "linux/386"]));
    // The other one may be for both.
    assert_eq!(division(&roster, &both), (false, Some("b-1".to_owned())));
    assert_eq!(division(&roster, &["linux/amd64", "linux/386"]), (false, None));
    assert_eq!(roster.unlisted(&texts(&["linux/s390x"])), None);
    roster.answered(arm.id, &told(&["linux/arm64/v8"]));
    assert_eq!(division(&roster, &both), (true, None));
    assert_eq!(division(&roster, &["linux/amd64", "linux/386"]), (false, None));
    // Nobody lists the third one, which may be compiled on any of them.
    assert_eq!(division(&roster, &["linux/amd64", "linux/s390x"]), (false, None));
    assert_eq!(division(&roster, &["linux/amd64", "linux/arm64", "linux/s390x"]), (true, None));
    let listed = texts(&["linux/386", "linux/amd64", "linux/arm64/v8"]);
    assert_eq!(roster.unlisted(&texts(&["linux/s390x"])), Some(("linux/s390x".to_owned(), listed)));
    assert_eq!(roster.unlisted(&texts(&both)), None);
    // One that emulates the other platform is for both.
    roster.answered(amd.id, &told(&both));
    assert_eq!(division(&roster, &both), (false, None));
    // It is away, and is waited for, as for any build.
    roster.failed(amd.id, MemberState::Down);
    assert_eq!(division(&roster, &both), (false, None));
    roster.drain(&[amd.id]);
    assert_eq!(division(&roster, &["linux/arm64", "linux/arm64/v8"]), (false, None));
    // There is nothing to name.
    let mut bare = Roster::new(1);
    bare.add(new("b-0", MemberState::Up));
    assert_eq!(bare.unlisted(&texts(&both)), None);
}

#[test]
fn a_member_that_has_not_been_asked_yet_may_know_a_build() {
    let mut roster = Roster::new(1);
    let states = [("b-0", MemberState::Up), ("b-1", MemberState::Unknown)];
    let [there, unasked] = states.map(|(name, state)| roster.add(new(name, state)));
    let api = wanted("a", "api");
    assert_eq!(roster.first(&api), Some(there.clone()));
    assert_eq!(roster.in_order(&api.key).len(), 2);
    roster.failed(unasked.id, MemberState::Down);
    assert_eq!(roster.in_order(&api.key), [there]);
}

#[test]
fn a_build_waits_for_the_member_that_may_be_the_one_for_its_platform() {
    let mut roster = Roster::new(1);
    let states = [("b-0", MemberState::Up), ("b-1", MemberState::Down)];
    let [there, away] = states.map(|(name, state)| roster.add(new(name, state)));
    let amd = Description { workers: vec![vec!["linux/amd64".to_owned()]], ..Description::default() };
    roster.answered(there.id, &amd);
    let wanting = |platform: &str| Wanted { platforms: vec![platform.to_owned()], ..wanted("a", "api") };
    assert_eq!(roster.first(&wanting("linux/amd64")), Some(there.clone()));
    assert_eq!(roster.first(&wanting("linux/arm64")), Some(away.clone()));
    // It is not, so either may say that it cannot build this.
    roster.answered(away.id, &amd);
    roster.failed(away.id, MemberState::Down);
    assert_eq!(roster.first(&wanting("linux/arm64")), Some(there));
}

#[test]
fn members_have_names_of_their_own() {
    let mut roster = Roster::new(1);
    let first = roster.add(new("buildkitd", MemberState::Up));
    let daemon = Buildkit::new("tcp://buildkitd.other.svc:1234".parse().unwrap(), None);
    let second = roster.add(NewMember { daemon, ..new("buildkitd", MemberState::Up) });
    assert_eq!([&*first.name, &*second.name], ["buildkitd", "tcp://buildkitd.other.svc:1234"]);
}

#[test]
fn where_nobody_answers_builds_go_to_their_first_choice_up_to_its_limit() {
    let (mut roster, members) = pair();
    let api = wanted("a", "api");
    let home = roster.first(&api).unwrap();
    for member in &members {
        roster.failed(member.id, MemberState::Down);
    }
    assert_eq!(placed(roster.enter(&api)), home);
    let ticket = waits(roster.enter(&api));
    assert_eq!(looked(&mut roster, &ticket), format!("{} 0", home.name));
    assert_eq!(roster.in_order(&api.key).len(), 2);
}

#[test]
fn a_member_that_drains_ends_with_its_last_build() {
    let (mut roster, members) = pair();
    let api = wanted("a", "api");
    let home = placed(roster.enter(&api));
    let ids = members.each_ref().map(|member| member.id);
    roster.drain(&ids);
    // The one without a build is gone at once.
    assert_eq!(roster.in_order(&api.key), std::slice::from_ref(&home));
    assert!(matches!(roster.enter(&api), Entered::Nobody) && roster.members().is_empty());
    assert_eq!(roster.restore(home.id), Some(true));
    assert_eq!(roster.restore(home.id), Some(false));
    assert!(!roster.is_settled());
    roster.drain(&[home.id]);
    roster.leave(home.id, &"a".into());
    assert!(!roster.has(home.id));
    assert_eq!(roster.restore(home.id), None);
    // A build that was found on it may still end.
    roster.resume(&home, &"a".into());
    roster.leave(home.id, &"a".into());
    assert_eq!(roster.answered(home.id, &Description::default()), None);
}

#[test]
fn a_pod_is_known_by_its_volume_and_named_by_its_host() {
    let mut roster = Roster::new(1);
    let pod = |address: &str| NewMember { identity: None, ..new(address, MemberState::Unknown) };
    let told = |id: &str, hostname: &str| Description {
        id: id.to_owned(),
        hostname: Some(hostname.to_owned()),
        workers: vec![vec!["linux/arm64".to_owned()]],
        ..Description::default()
    };
    let before = roster.add(pod("10.0.0.1"));
    assert!(!roster.is_settled());
    roster.answered(before.id, &told("volume", "buildkitd-0"));
    assert!(roster.is_settled());
    let (member, state) = roster.members()[0].clone();
    assert_eq!((&*member.name, state), ("buildkitd-0", MemberState::Up));
    let other = roster.add(pod("10.0.0.2"));
    roster.answered(other.id, &told("another volume", "buildkitd-1"));
    let services: Vec<_> = (0..20).map(|nth| wanted("a", &format!("service-{nth}"))).collect();
    let homes = |roster: &Roster| {
        let homes = services.iter().map(|service| roster.first(service).unwrap().name.to_string());
        homes.collect::<Vec<_>>()
    };
    let were = homes(&roster);
    // The pod restarts on an empty volume, at the same address, and again on the first one.
    roster.answered(before.id, &told("empty volume", "buildkitd-0"));
    assert_ne!(homes(&roster), were);
    roster.answered(before.id, &told("volume", "buildkitd-0"));
    assert_eq!(homes(&roster), were);
    // The pod restarts on its volume, at another address.
    roster.drain(&[before.id]);
    let after = roster.add(pod("10.0.0.3"));
    roster.answered(after.id, &told("volume", "buildkitd-0"));
    assert_eq!(homes(&roster), were);
}

#[test]
fn a_build_goes_where_its_platforms_are() {
    let (mut roster, members) = pair();
    for (member, platform) in members.iter().zip(["linux/amd64", "linux/arm64"]) {
        let workers = vec![vec![platform.to_owned()]];
        roster.answered(member.id, &Description { workers, ..Description::default() });
    }
    for (platform, member) in [("linux/amd64", &members[0]), ("linux/arm64", &members[1])] {
        let platforms = vec![platform.to_owned()];
        for nth in 0..5 {
            let service = Wanted { platforms: platforms.clone(), ..wanted("a", &format!("s{nth}")) };
            assert_eq!(roster.first(&service).as_ref(), Some(member));
        }
        let covering = members.each_ref().map(|member| roster.covers_most(member, &platforms));
        assert_eq!(covering, members.each_ref().map(|one| one == member));
    }
    assert!(members.iter().all(|member| roster.covers_most(member, &["linux/s390x".to_owned()])));
    let silent = roster.add(new("b-2", MemberState::Down));
    assert!(roster.covers_most(&silent, &["linux/arm64".to_owned()]), "it may be one for this platform");
}

#[test]
fn builds_that_wait_stay_waiting_when_the_last_member_fails_for_a_moment() {
    let (mut roster, members) = pair();
    let api = wanted("a", "api");
    (0..2).for_each(|_| drop(placed(roster.enter(&api))));
    let tickets = [0; 5].map(|_| waits(roster.enter(&api)));
    for state in [MemberState::Down, MemberState::Silent] {
        members.iter().for_each(|member| drop(roster.failed(member.id, state)));
    }
    members.iter().for_each(|member| drop(roster.answered(member.id, &Description::default())));
    for ticket in &tickets {
        assert!(looked(&mut roster, ticket).contains(' '), "{ticket:?}");
    }
}

#[test]
fn one_namespace_cannot_take_all_places() {
    let mut roster = Roster::new(8);
    roster.add(new("b-0", MemberState::Up));
    let (mut own, api) = (0, wanted("a", "api"));
    while let Entered::Placed(_) = roster.enter(&api) {
        own += 1;
    }
    assert_eq!(own, 6);
    (0..2).for_each(|_| drop(placed(roster.enter(&wanted("b", "api")))));
    let ticket = waits(roster.enter(&wanted("c", "api")));
    // The place of one of its builds goes to a namespace that has fewer, although its own build waits longer.
    roster.leave(roster.members()[0].0.id, &"b".into());
    assert_eq!(looked(&mut roster, &ticket), "b-0");
}
