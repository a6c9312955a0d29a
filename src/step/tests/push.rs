//! The fields of `push`.

use super::{DIGEST, parse, with};
use crate::step::{Kind, MentionKind, Push, Step};

fn push(fields: &str) -> Result<Push, String> {
    match parse(&with("push", fields)) {
        Ok(Step::Push(push)) => Ok(*push),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

/// Every target with its tags.
fn named(push: &Push) -> String {
    let one = |target: &crate::step::PushTarget| {
        format!(
            "{}{}{}",
            target.repository.image.name(),
            if target.tags.is_empty() { "" } else { ":" },
            target.tags.join(",")
        )
    };
    push.targets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn targets_times_tags_are_bounded() {
    let list = |name: &str, most| (0..most).map(|n| format!("{name}{n}")).collect::<Vec<_>>().join(", ");
    let of = |most| push(&format!("targets: [{}], tags: [{}]", list("r.io/a", most), list("t", most)));
    assert_eq!(of(30).map(|push| push.targets.len()), Ok(30));
    let refused = of(40).unwrap_err();
    assert!(
        refused.starts_with("push.targets: has 1600 references, each target with each of `tags`,"),
        "{refused}"
    );
}

#[test]
fn a_target_has_its_own_tag_and_those_of_all_or_the_sources() {
    for (fields, expected) in [
        ("targets: r.io/a", "r.io/a:1"),
        ("targets: 'r.io/a:2'", "r.io/a:2"),
        ("targets: r.io/a, tags: x", "r.io/a:x"),
        ("targets: ['r.io/a:2', r.io/b], tags: 'x, x,,y'", "r.io/a:2,x,y r.io/b:x,y"),
        ("targets: ['r.io/a:2', 'r.io/a:3', 'r.io/a:2']", "r.io/a:2,3"),
        ("targets: [{ref: 'r.io:5000/a:2', insecure: true}]", "r.io:5000/a:2"),
        ("targets: null, tags: [x]", "reg.example/shop/api:x"),
        ("targets: [], tags: [x]", "reg.example/shop/api:x"),
        (&format!("source: 'reg.example/shop/api@{DIGEST}', targets: r.io/a"), "r.io/a"),
        (&format!("source: 'reg.example/shop/api:1@{DIGEST}', targets: r.io/a"), "r.io/a"),
        ("source: reg.example/shop/api, targets: r.io/a", "r.io/a:latest"),
    ] {
        assert_eq!(named(&push(fields).unwrap()), expected, "{fields}");
    }
}

#[test]
fn what_is_no_push_is_refused() {
    for (fields, why) in [
        ("targets: null", "push.targets: is missing"),
        ("targets: []", "push.targets: is missing"),
        ("targets: null, tags: ', '", "push.targets: is missing"),
        ("targets: 'r.io/A'", "push.targets[0]: `r.io/A` is not an image name"),
        (&format!("targets: 'r.io/a@{DIGEST}'"), "push.targets[0]: has a digest"),
        ("tags: [a/b]", "push.tags[0]: is no tag"),
        ("tags: [r.io/a]", "push.tags[0]: is no tag"),
        ("expect-digest: '1.4'", "push.expect-digest: is no digest"),
        ("platforms: [linux]", "push.platforms[0]: \"linux\" is no platform"),
        ("target: r.io/a", "push.target: unknown field (did you mean `targets`?)"),
        ("source: null", "push.source: is empty"),
    ] {
        let said = push(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
    }
}

#[test]
fn a_policy_sees_the_source_and_every_target() {
    let step = parse(&with("push", "targets: [r.io/a, 'r.io/b:1'], tags: [x]")).unwrap();
    let mentions: Vec<_> =
        step.mentions().into_iter().map(|mention| (mention.kind, mention.written)).collect();
    let expected = [
        (MentionKind::Images, "reg.example/shop/api"),
        (MentionKind::Push, "r.io/a"),
        (MentionKind::Push, "r.io/b"),
    ];
    assert_eq!(step.kind(), Kind::Push);
    assert_eq!(mentions, expected.map(|(kind, written)| (kind, written.to_owned())));
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    targets_times_tags_are_bounded,
    a_target_has_its_own_tag_and_those_of_all_or_the_sources,
    what_is_no_push_is_refused,
    a_policy_sees_the_source_and_every_target,
];
