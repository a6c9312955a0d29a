//! Plans for small repositories.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;
use crate::oci::{ChildManifest, ImageManifest};
use crate::step::{self, Step, TagOrder};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// A digest with `name` in it.
fn digest(name: &str) -> String {
    format!("sha256:{:0>64}", hex::encode(name))
}

/// The tag that is about the image `name`.
fn about(name: &str, end: &str) -> String {
    format!("{}{end}", digest(name).replacen(':', "-", 1))
}

/// A repository in which each tag names a manifest with children and a subject.
#[derive(Default)]
struct World {
    tags: Vec<String>,
    manifests: Manifests,
    ages: BTreeMap<String, Age>,
    used: UsedImages,
}

impl World {
    /// Tags `image`, which is so many days old, and consists of `children`.
    fn tag(mut self, tag: &str, image: &str, days: i64, children: &[&str]) -> Self {
        self.manifests.add(tag, manifest(image, children, None));
        self.ages.insert(tag.to_owned(), Age::Since(Timestamp::from_second(NOW - days * DAY).unwrap()));
        self.tags.push(tag.to_owned());
        self
    }

    fn subject(mut self, tag: &str, image: &str, subject: &str) -> Self {
        self.manifests.add(tag, manifest(image, &[], Some(digest(subject))));
        self.tags.push(tag.to_owned());
        self
    }

    fn age(mut self, tag: &str, age: Age) -> Self {
        self.ages.insert(tag.to_owned(), age);
        self
    }

    fn plan(&self, step: &Tags) -> Plan {
        let counts = step.filter.matcher();
        let mut chosen: Vec<String> = self.tags.iter().filter(|tag| counts(tag)).cloned().collect();
        match step.order {
            TagOrder::Semver => super::super::order::by_version(&mut chosen),
            _ => super::super::order::by_age(&mut chosen, &self.ages),
        }
        let repository = Repository {
            tags: &self.tags,
            chosen: &chosen,
            manifests: &self.manifests,
            used: &self.used,
            ages: &self.ages,
            now: Timestamp::from_second(NOW).unwrap(),
        };
        Plan::new(&repository, step, step.delete.as_ref().unwrap())
    }
}

fn manifest(image: &str, children: &[&str], subject: Option<String>) -> ImageManifest {
    let child = |name: &&str| ChildManifest { digest: digest(name), is_index: false, platform: None };
    ImageManifest::sample(digest(image), children.iter().map(child).collect(), subject)
}

fn rules(delete: serde_json::Value, filter: serde_json::Value) -> Tags {
    let body = json!({"tags": {"image": "r.io/a", "filter": filter, "delete": delete}});
    match step::parse(&body).unwrap() {
        Step::Tags(tags) => *tags,
        other => panic!("{other:?}"),
    }
}

/// The tags that are deleted, by image, with the number of manifests below each.
fn doomed(plan: &Plan) -> String {
    let one = |image: &Doomed| format!("{}+{}", image.tags.join(","), image.below.len());
    plan.images
        .iter()
        .map(one)
        .chain(plan.tags.iter().map(|(tag, _)| format!("-{tag}")))
        .collect::<Vec<_>>()
        .join(" ")
}

fn versions() -> World {
    let days = [("1.0.0", 50), ("1.1.0", 40), ("1.2.0", 30), ("1.10.0", 20), ("2.0.0", 10)];
    days.into_iter().fold(World::default(), |world, (tag, days)| world.tag(tag, tag, days, &[]))
}

#[test]
fn rules_keep_tags_for_a_reason() {
    let world = versions().tag("latest", "2.0.0", 10, &[]).tag("pr-7", "pr-7", 90, &[]);
    for (delete, filter, expected) in [
        (json!({"keep": 2}), json!({"semver": "*"}), "1.0.0+0 1.1.0+0 1.2.0+0"),
        (json!({"keep": 2}), json!({}), "pr-7+0 1.0.0+0 1.1.0+0 1.2.0+0"),
        (json!({"older-than": "35d"}), json!({"semver": "*"}), "1.0.0+0 1.1.0+0"),
        (json!({"older-than": "35d", "keep": 4}), json!({"semver": "*"}), "1.0.0+0"),
        (json!({"older-than": "1d", "keep-matching": "1\\..*|latest"}), json!({}), "pr-7+0 -2.0.0"),
        (
            json!({"older-than": "1d", "keep-tags": "1.0.0, 2.0.0, latest"}),
            json!({"semver": "*"}),
            "1.1.0+0 1.2.0+0 1.10.0+0",
        ),
        (json!({"keep": 0}), json!({"regex": "pr-.*"}), "pr-7+0"),
    ] {
        let plan = world.plan(&rules(delete.clone(), filter));
        assert_eq!(doomed(&plan), expected, "{delete}");
        assert_eq!(plan.kept.len() + plan.doomed_tags().count(), world.tags.len(), "{delete}");
    }
}

#[test]
fn an_image_whose_age_is_not_known_stays() {
    let future = versions().tag("9.9.9", "9.9.9", -2, &[]).plan(&rules(json!({"keep": 5}), json!({})));
    assert_eq!((doomed(&future).as_str(), future.kept.len()), ("", 6), "it is not one of the five");
    assert_eq!(future.kept["9.9.9"], "has a time in the future, which does not tell its age");
    let world = versions().age("1.0.0", Age::Given).age("1.1.0", Age::Unknown);
    for delete in [json!({"older-than": "25d"}), json!({"keep": 2})] {
        let plan = world.plan(&rules(delete, json!({})));
        assert_eq!(doomed(&plan), "1.2.0+0");
        assert!(plan.kept["1.0.0"].starts_with("has a time in whole seconds"), "{}", plan.kept["1.0.0"]);
        assert_eq!(plan.kept["1.1.0"], "does not tell its age");
    }
    let plan = versions()
        .tag("edge", "edge", 99, &[])
        .plan(&rules(json!({"keep": 4}), json!({"regex": ".*", "semver": null})));
    assert_eq!(doomed(&plan), "edge+0 1.0.0+0");
    let by_version = World::default().tag("1", "1", 9, &[]).tag("1.0.0", "a", 9, &[]);
    let mut step = rules(json!({"keep": 0}), json!({}));
    step.order = TagOrder::Semver;
    assert_eq!(doomed(&by_version.plan(&step)), "1.0.0+0");
}

#[test]
fn what_stays_keeps_all_that_it_names() {
    // The index `2` shares a platform with the index `1`, which another tag names too.
    let world = World::default()
        .tag("1", "one", 9, &["amd64", "arm64"])
        .tag("2", "two", 1, &["amd64", "s390x"])
        .tag("arm", "arm64", 9, &[]);
    let rules = |delete| rules(delete, json!({}));
    assert_eq!(doomed(&world.plan(&rules(json!({"keep": 1})))), "1+0 arm+0");
    assert_eq!(doomed(&world.plan(&rules(json!({"keep": 1, "keep-tags": ["arm"]})))), "1+0");
    let kept = world.plan(&rules(json!({"older-than": "5d", "keep-tags": ["1"]})));
    assert_eq!(
        (doomed(&kept).as_str(), kept.kept["arm"].as_str()),
        ("", "something that stays needs its image")
    );
    // What two images share goes with the last of them: the first step may be the last one.
    let shared = World::default().tag("3", "three", 1, &[]).tag("1", "one", 9, &["amd64"]).tag(
        "2",
        "two",
        8,
        &["amd64"],
    );
    assert_eq!(doomed(&shared.plan(&rules(json!({"keep": 1})))), "1+0 2+1");
    // A tagged artifact is about an image: the image stays with it.
    let about = World::default()
        .tag("1", "one", 9, &["amd64"])
        .tag("2", "two", 1, &[])
        .subject("sbom", "sbom", "amd64");
    assert_eq!(doomed(&about.plan(&rules(json!({"keep": 1})))), "1+0");
}

#[test]
fn what_is_about_an_image_goes_with_it() {
    let world = World::default()
        .tag("1", "one", 9, &["amd64"])
        .tag("2", "two", 1, &[])
        .tag(&about("one", ""), "list", 9, &["signature"])
        .tag(&about("one", ".sig"), "sig", 9, &[])
        .tag(&about("amd64", ".att"), "att", 9, &[])
        .tag(&about("signature", ""), "again", 9, &["countersignature"])
        .tag(&about("two", ".sig"), "two.sig", 9, &[])
        .tag(&about("elsewhere", ".sig"), "else.sig", 9, &[]);
    let step = rules(json!({"keep": 1}), json!({}));
    let plan = world.plan(&step);
    assert_eq!((plan.images.len(), plan.kept.len()), (5, 3), "{plan:?}");
    assert_eq!(plan.images[0].tags, ["1"]);
    assert!(plan.kept.contains_key(&about("elsewhere", ".sig")) && plan.leaves_a_tag());
    // Of a list that names what a kept tag needs, that stays. A list cannot doom an image that has a tag.
    let hostile = World::default().tag("1", "one", 9, &[]).tag("2", "two", 1, &["amd64"]).tag(
        &about("one", ""),
        "list",
        9,
        &["two", "amd64", "other"],
    );
    let plan = hostile.plan(&step);
    assert_eq!(doomed(&plan), format!("1+0 {}+1", about("one", "")));
    // Lists that are about each other go with no image.
    let circle = World::default().tag("2", "two", 1, &[]).tag(&about("a", ""), "b", 9, &["b"]).tag(
        &about("b", ""),
        "a",
        9,
        &["a"],
    );
    assert_eq!(doomed(&circle.plan(&step)), "");
}

/// Each list keeps the image that the next one is about.
#[test]
fn lists_that_keep_each_other_stay_however_many_they_are() {
    let mut world =
        World::default().tag("new", "new", 1, &[]).tag(&about("elsewhere", ""), "list0", 9, &["image0"]);
    for n in 0..ROUNDS + 4 {
        let (image, list, next) = (format!("image{n}"), format!("list{}", n + 1), format!("image{}", n + 1));
        world = world.tag(&format!("t{n}"), &image, 9, &[]).tag(&about(&image, ""), &list, 9, &[&next]);
    }
    let plan = world.plan(&rules(json!({"keep": 1}), json!({})));
    assert_eq!((doomed(&plan).as_str(), plan.kept.len()), ("", world.tags.len()));
}

/// Gitea keeps tags in lower case, however they were pushed.
#[test]
fn the_case_of_a_tags_letters_does_not_count() {
    let world = || World::default().tag("1.0.0-rc1", "one", 9, &[]).tag("stable", "two", 9, &[]);
    let rules = |rule: serde_json::Value| {
        let mut delete = json!({"keep": 0});
        delete.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        rules(delete, json!({}))
    };
    assert_eq!(doomed(&world().plan(&rules(json!({"keep-tags": ["Stable"]})))), "1.0.0-rc1+0");
    assert_eq!(doomed(&world().plan(&rules(json!({"keep-matching": ".*-RC[0-9]"})))), "stable+0");
    for word in ["1.0.0-RC1", "V1.0.0-rc1"] {
        let used = World { used: UsedImages::of(&[word]), ..world() };
        assert_eq!(doomed(&used.plan(&rules(json!({})))), "stable+0", "{word}");
    }
}

/// A rule that names the tag of a signature keeps it, and the image that it is about.
#[test]
fn a_signature_that_a_rule_names_stays_with_its_image() {
    let signature = about("one", ".sig");
    let world = World::default()
        .tag("1", "one", 9, &["amd64"])
        .tag("2", "two", 1, &[])
        .tag(&signature, "sig", 9, &[])
        .tag(&about("two", ".sig"), "two.sig", 9, &[]);
    for rule in [json!({"keep-tags": [&signature]}), json!({"keep-matching": ".*\\.sig"})] {
        let mut delete = json!({"keep": 1});
        delete.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        let plan = world.plan(&rules(delete, json!({})));
        assert_eq!(doomed(&plan), "", "{rule}");
        assert_eq!(plan.kept["1"], "something that stays needs its image", "{rule}");
        assert!(plan.needed.contains(&digest("amd64")), "{rule}");
    }
    let used = World { used: UsedImages::of(&[&signature]), ..world };
    assert_eq!(doomed(&used.plan(&rules(json!({"keep": 1}), json!({})))), "");
}

/// Of a digest of SHA-512, only half is in the tag.
#[test]
fn what_is_about_an_unknown_image_stays() {
    let list = format!("sha512-{}", "0a".repeat(32));
    let world = World::default().tag("1", "one", 9, &[]).tag("2", "two", 1, &[]).tag(&list, "list", 9, &[]);
    let plan = world.plan(&rules(json!({"keep": 1}), json!({"hidden": true})));
    assert_eq!(doomed(&plan), "1+0");
    assert_eq!(plan.kept[&list], "is about an image that stays, or that is not here");
}

#[test]
fn what_a_branch_names_stays() {
    for (words, expected) in [
        (&["1.0.0"][..], "1.1.0+0 1.2.0+0"),
        (&["v1.0.0"], "1.1.0+0 1.2.0+0"),
        (&[&digest("1.1.0")[..]], "1.0.0+0 1.2.0+0"),
        (&[&digest("1.1.0")["sha256:".len()..]], "1.0.0+0 1.2.0+0"),
        (&["1.0"], "1.0.0+0 1.1.0+0 1.2.0+0"),
    ] {
        let world = World { used: UsedImages::of(words), ..versions() };
        let plan = world.plan(&rules(json!({"keep": 2}), json!({})));
        assert_eq!(doomed(&plan), expected, "{words:?}");
    }
    let world = World {
        used: UsedImages::of(&[&digest("amd64")]),
        ..World::default().tag("1", "one", 9, &["amd64"])
    };
    let plan = world.plan(&rules(json!({"keep": 0}), json!({})));
    assert_eq!((doomed(&plan).as_str(), plan.leaves_a_tag()), ("1+0", false));
}
