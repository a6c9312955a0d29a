use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::key::Service;
use super::*;

fn key(name: &str) -> PoolKey {
    let (namespace, subdir, target) = ("builds", "", "");
    PoolKey::new(Service { namespace, repository: name, subdir, dockerfile: "Dockerfile", target })
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("tcp://buildkitd-{nth}.buildkitd.buildkit.svc:1234")).collect()
}

fn first<'a>(key: &PoolKey, members: &'a [String]) -> &'a str {
    &members[order(key, members.iter().map(|name| Some(name.as_str())))[0]]
}

fn all_up(members: &[String]) -> Vec<Candidate<'_>> {
    let up = |name| Candidate { identity: Some(name), state: MemberState::Up, is_free: true, covers: 0 };
    members.iter().map(|name| up(name.as_str())).collect()
}

#[test]
fn a_build_goes_to_the_first_choice_then_to_the_next_and_then_it_waits() {
    use MemberState::{Down, Draining, Silent, Unknown, Up};
    let members = names(3);
    let key = key("https://gitea.example.com/shop/api.git");
    let [a, b, c] = order(&key, members.iter().map(|name| Some(name.as_str())))[..] else { unreachable!() };
    // The state and the builds of the first, the second and the third choice, with a limit of two.
    let rows = [
        ([(Up, 0), (Up, 0), (Up, 0)], Choice::At(a)),
        ([(Up, 1), (Up, 0), (Up, 0)], Choice::At(a)),
        ([(Up, 2), (Up, 0), (Up, 0)], Choice::At(b)),
        ([(Up, 2), (Up, 2), (Up, 1)], Choice::At(c)),
        ([(Up, 2), (Up, 3), (Up, 2)], Choice::Full(a)),
        ([(Down, 0), (Up, 0), (Up, 0)], Choice::At(b)),
        ([(Silent, 0), (Up, 2), (Up, 0)], Choice::At(c)),
        ([(Draining, 0), (Up, 2), (Up, 2)], Choice::Full(b)),
        ([(Unknown, 0), (Down, 0), (Up, 1)], Choice::At(c)),
        ([(Down, 1), (Down, 0), (Silent, 0)], Choice::At(a)),
        ([(Down, 2), (Down, 0), (Silent, 0)], Choice::Full(a)),
        ([(Draining, 0), (Down, 1), (Unknown, 0)], Choice::At(b)),
        ([(Draining, 0), (Draining, 0), (Draining, 0)], Choice::Nobody),
    ];
    for (row, expected) in rows {
        let mut candidates = all_up(&members);
        for (position, (state, running)) in [a, b, c].into_iter().zip(row) {
            (candidates[position].state, candidates[position].is_free) = (state, running < 2);
        }
        assert_eq!(choose(&key, &candidates), expected, "{row:?}");
    }
    assert_eq!(choose(&key, &[]), Choice::Nobody);
}

#[test]
fn a_build_goes_only_where_most_of_its_platforms_are() {
    use MemberState::{Down, Draining, Up};
    let members = names(3);
    let key = key("https://gitea.example.com/shop/api.git");
    let [a, b, c] = order(&key, members.iter().map(|name| Some(name.as_str())))[..] else { unreachable!() };
    let rows = [
        ([(Up, 0), (Up, 1), (Up, 1)], Choice::At(b)),
        ([(Up, 0), (Down, 1), (Up, 1)], Choice::At(c)),
        // The others could not build it. So it waits.
        ([(Up, 0), (Down, 1), (Down, 1)], Choice::At(b)),
        ([(Up, 1), (Up, 1), (Up, 2)], Choice::At(c)),
        ([(Up, 1), (Up, 0), (Draining, 2)], Choice::At(a)),
    ];
    for (row, expected) in rows {
        let mut candidates = all_up(&members);
        for (position, (state, covers)) in [a, b, c].into_iter().zip(row) {
            (candidates[position].state, candidates[position].covers) = (state, covers);
        }
        assert_eq!(choose(&key, &candidates), expected, "{row:?}");
    }
}

#[test]
fn platforms_are_counted_by_their_names() {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let listed = owned(&["linux/amd64", "linux/amd64/v2", "linux/arm64", "linux/arm/v7"]);
    let rows: [(&[&str], usize); 7] = [
        (&[], 0),
        (&["linux/amd64"], 1),
        (&["linux/amd64", "linux/arm/v7"], 2),
        (&["linux/arm/v6", "linux/arm64"], 1),
        (&["linux/s390x"], 0),
        (&["linux/amd64/v1", "linux/arm64/v8", "linux/arm"], 3),
        (&["linux/amd64/v3", "windows/amd64"], 0),
    ];
    for (wanted, count) in rows {
        assert_eq!(covered(&listed, &owned(wanted)), count, "{wanted:?}");
    }
}

#[test]
fn a_member_that_has_not_told_its_identity_comes_last() {
    let members = names(2);
    let identities = [None, Some(members[0].as_str()), None, Some(members[1].as_str())];
    let order = order(&key("r"), identities.into_iter());
    assert_eq!(order[2..], [0, 2]);
}

/// How many of `services` services are first at each member.
fn shares(services: usize, members: &[String]) -> BTreeMap<&str, usize> {
    let mut shares = BTreeMap::new();
    for nth in 0..services {
        let key = key(&format!("https://gitea.example.com/shop/service-{nth}.git"));
        *shares.entry(first(&key, members)).or_default() += 1;
    }
    shares
}

#[test]
fn services_are_spread_evenly() {
    for count in [2, 3, 5, 20] {
        let (members, services) = (names(count), 4000);
        let shares = shares(services, &members);
        let fair = services / count;
        assert_eq!(shares.len(), count);
        assert!(shares.values().all(|share| (fair * 7 / 10..=fair * 13 / 10).contains(share)), "{shares:?}");
    }
}

proptest! {
    #[test]
    fn the_order_does_not_depend_on_the_order_of_the_list(
        service in ".*",
        members in proptest::collection::btree_set("[a-z]{1,8}", 1..8),
        turn in 0..8_usize,
    ) {
        let members: Vec<String> = members.into_iter().collect();
        let mut turned = members.clone();
        turned.rotate_left(turn % members.len());
        let key = key(&service);
        let named = |members: &[String]| -> Vec<String> {
            let order = order(&key, members.iter().map(|name| Some(name.as_str())));
            order.into_iter().map(|position| members[position].clone()).collect()
        };
        prop_assert_eq!(named(&members), named(&turned));
    }

    #[test]
    fn a_member_that_goes_moves_only_its_own_services(
        service in ".*",
        members in proptest::collection::btree_set("[a-z]{1,8}", 2..8),
        gone in 0..8_usize,
    ) {
        let members: Vec<String> = members.into_iter().collect();
        let mut rest = members.clone();
        let gone = rest.remove(gone % members.len());
        let key = key(&service);
        let before = first(&key, &members);
        if before != gone {
            prop_assert_eq!(before, first(&key, &rest));
        }
        // The same for a member that is down.
        let mut candidates = all_up(&members);
        candidates.iter_mut().filter(|one| one.identity == Some(gone.as_str())).for_each(|one| {
            one.state = MemberState::Down;
        });
        let chosen = match choose(&key, &candidates) {
            Choice::At(position) => Some(members[position].as_str()),
            Choice::Full(_) | Choice::Nobody => None,
        };
        prop_assert_eq!(chosen, Some(first(&key, &rest)));
    }
}
