//! The fields of `tags`.

use super::{DIGEST, parse, with};
use crate::step::tags::Clock;
use crate::step::{Kind, MentionKind, Step, TagOrder, Tags};

fn tags(fields: &str) -> Result<Tags, String> {
    match parse(&with("tags", fields)) {
        Ok(Step::Tags(tags)) => Ok(*tags),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

#[test]
fn a_repository_is_listed_and_an_image_is_asked_for() {
    for (fields, name, order) in [
        ("", None, TagOrder::Name),
        ("image: 'reg.example/shop/api:1'", Some("1"), TagOrder::Name),
        ("image: {ref: reg.example/shop/api, insecure: 'true'}", None, TagOrder::Name),
        ("filter: {semver: 1.x}", None, TagOrder::Semver),
        ("filter: {semver: '^1', regex: '.*'}, sort: created", None, TagOrder::Created),
        ("filter: '{\"regex\": \"a\"}', sort: '', limit: '5'", None, TagOrder::Name),
    ] {
        let tags = tags(fields).unwrap();
        assert_eq!((tags.name(), tags.order), (name, order), "{fields}");
    }
    let image = format!("image: 'reg.example/shop/api@{DIGEST}'");
    assert_eq!(tags(&image).unwrap().name(), Some(DIGEST));
}

#[test]
fn what_is_no_question_about_tags_is_refused() {
    for (fields, why) in [
        ("image: null", "tags.image: is empty"),
        ("image: reg.example/Shop", "tags.image: `reg.example/Shop` is not an image name"),
        (
            "image: 'reg.example/a:1', filter: {semver: '1'}",
            "tags.filter: chooses among tags, and `image` names one",
        ),
        ("image: 'reg.example/a:1', limit: 1", "tags.limit: chooses among tags"),
        ("filter: {regex: 'a)(b'}", "tags.filter.regex: `a)(b` is no regular expression for names"),
        ("filter: {regex: 'a{100000}'}", "tags.filter.regex: `a{100000}` is no regular expression for names"),
        ("filter: {semver: latest}", "tags.filter.semver: is no range of versions"),
        ("filter: {semver: '1 || 2'}", "tags.filter.semver: is no range of versions"),
        ("filter: {match: a}", "tags.filter.match: unknown field"),
        ("sort: newest", "tags.sort: \"newest\" is not one of `name`, `semver`, `created`"),
        ("delete: {}", "tags.delete: names no rule; write `keep`, `older-than` or both"),
        ("delete: {dry-run: false}", "tags.delete: names no rule"),
        ("delete: {keep: -1}", "tags.delete.keep: expected a whole number from 0 to 100000"),
        ("delete: {older-than: 30}", "tags.delete.older-than: expected a string, got the number 30"),
        ("delete: {older-than: '30'}", "tags.delete.older-than: \"30\" is not an age such as `30d`"),
        (
            "delete: {keep: 1, clock: updated}",
            "tags.delete.clock: \"updated\" is not one of `created`, `pushed`",
        ),
        ("delete: {keep: 1, keep-tags: ['v*']}", "tags.delete.keep-tags[0]: is no tag"),
        ("delete: {keep: 1, keep-matching: '['}", "tags.delete.keep-matching: `[` is no regular expression"),
        (
            "delete: {keep: 1, in-use: [{repo: 'https://git.example/a.git'}]}",
            "tags.delete.in-use[0].files: is missing",
        ),
        (
            "delete: {keep: 1, in-use: [{repo: 'https://git.example/a.git', files: ','}]}",
            "tags.delete.in-use[0].files",
        ),
        (
            "delete: {keep: 1, in-use: [{repo: 'git@git.example:a.git', files: a.yaml}]}",
            "tags.delete.in-use[0].secret: is missing",
        ),
        (
            "delete: {keep: 1, in-use: [{repo: 'https://git.example/a.git', files: ../a}]}",
            "`..` would leave the directory",
        ),
        ("image: 'reg.example/a:1', delete: {keep: 1}", "tags.delete: chooses among tags"),
        ("delete: {keep: 1}, sort: name", "tags.sort: is `name`, and `delete.keep` counts the newest"),
        ("delete: {keep: 1}, limit: 3", "tags.limit: is about what is returned"),
        ("delete: {keep: 1}, details: true", "tags.details: is about what is returned"),
        ("limit: 0", "tags.limit: expected a whole number from 1 to 1000, got \"0\""),
        ("limit: 1001", "tags.limit: expected a whole number from 1 to 1000"),
        ("repository: reg.example/a", "tags.repository: unknown field"),
    ] {
        let said = tags(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
    }
}

#[test]
fn a_policy_sees_the_repository_that_is_read() {
    let step = parse(&with("tags", "image: 'r.io/a:1'")).unwrap();
    let mentions: Vec<_> =
        step.mentions().into_iter().map(|mention| (mention.kind, mention.written)).collect();
    assert_eq!(step.kind(), Kind::Tags);
    assert_eq!(mentions, [(MentionKind::Images, "r.io/a".to_owned())]);
    let used = "in-use: [{repo: 'https://git.example/ops.git', files: a.yaml}]";
    let step = parse(&with("tags", &format!("image: r.io/a, delete: {{keep: 1, {used}}}"))).unwrap();
    let kinds: Vec<_> = step.mentions().into_iter().map(|mention| mention.kind).collect();
    assert_eq!(kinds, [MentionKind::Images, MentionKind::Push, MentionKind::Repositories]);
}

#[test]
fn a_rule_deletes_nothing_unless_it_says_so() {
    let tags = tags(
        "filter: {semver: '*'}, delete: {keep: '10', older-than: 30d, keep-tags: 'latest, stable', in-use: [{repo: 'https://git.example/ops.git', \
         files: 'apps/*.yaml, charts/api/values.yaml', secret: git}]}",
    );
    let tags = tags.unwrap();
    let delete = tags.delete.unwrap();
    assert_eq!((delete.dry_run, delete.allow_empty, delete.clock), (true, false, Clock::Created));
    assert_eq!(
        (delete.keep, delete.older_than.unwrap().as_secs(), delete.keep_tags.len()),
        (Some(10), 30 * 86_400, 2)
    );
    assert_eq!((delete.in_use[0].branch.as_str(), delete.in_use[0].files.len()), ("main", 2));
    assert_eq!(tags.order, TagOrder::Semver);
    assert_eq!(super::tags::tags("delete: {keep: 1}").unwrap().order, TagOrder::Created);
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    a_repository_is_listed_and_an_image_is_asked_for,
    what_is_no_question_about_tags_is_refused,
    a_rule_deletes_nothing_unless_it_says_so,
    a_policy_sees_the_repository_that_is_read,
];
