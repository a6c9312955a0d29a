//! `cache`: what it does, and the bodies that are refused.

use std::time::Duration;

use super::{parse, refusals, yaml};
use crate::step::{Build, Cache, CacheScope, MentionKind, Prune, Step};

fn cache(fields: &str) -> Cache {
    match parse(&yaml(&format!("cache: {{{fields}}}"))) {
        Ok(Step::Cache(cache)) => *cache,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn a_namespace_sees_its_own_unless_it_asks_for_all() {
    for (fields, scope) in [
        ("usage: {}", CacheScope::Namespace),
        ("usage: {scope: ''}, prune: ''", CacheScope::Namespace),
        ("usage: '{}', prune: null", CacheScope::Namespace),
        ("usage: {scope: daemon}", CacheScope::Daemon),
        ("prune: {all: true}", CacheScope::Namespace),
        ("prune: {all: true, scope: daemon}", CacheScope::Daemon),
    ] {
        let cache = cache(fields);
        let (Cache::Usage(found) | Cache::Prune(found, _)) = &cache else { panic!("{cache:?}") };
        assert_eq!(*found, scope, "{fields}");
        let mentions = Step::Cache(Box::new(cache)).mentions();
        let kinds: Vec<_> = mentions.iter().map(|mention| mention.kind).collect();
        let expected = if scope == CacheScope::Daemon { vec![MentionKind::DaemonCache] } else { vec![] };
        assert_eq!(kinds, expected, "{fields}");
    }
}

#[test]
fn a_prune_has_ages_sizes_and_filters() {
    let Cache::Prune(_, prune) = cache(
        "prune: {scope: daemon, older-than: 168h, filters: ['type==exec.cachemount', 'id~=/^a[,b]/, mutable'], \
         reserved-space: 10g, max-used-space: '20GB', min-free-space: 1000, all: 'true'}",
    ) else {
        panic!("a prune")
    };
    let expected = Prune {
        older_than: Some(Duration::from_secs(168 * 3600)),
        filters: vec!["type==exec.cachemount".to_owned(), "id~=/^a[,b]/, mutable".to_owned()],
        reserved_space: Some(10 << 30),
        max_used_space: Some(20 << 30),
        min_free_space: Some(1000),
        all: true,
    };
    assert_eq!(prune, expected);
}

#[test]
fn filters_are_in_the_daemons_language() {
    for filter in [
        "mutable",
        "private,type==regular",
        "description~=\"npm ci\"",
        "description~=|a/b|,id!=x",
        "description ~= 'a\\\\'",
        "type~=source",
        "id==a;b",
    ] {
        for scope in ["namespace", "daemon"] {
            cache(&format!("prune: {{scope: {scope}, filters: [{}]}}", serde_json::json!(filter)));
        }
    }
    let long = format!("description~=/{}/", "a".repeat(200));
    for filter in [long.as_str(), r"id~=/a{1000}/", r"id~=/\pL/", "id~=/[[:word:]]/"] {
        let prune = |scope: &str| {
            let fields = format!("scope: {scope}, filters: [{}]", serde_json::json!(filter));
            parse(&yaml(&format!("cache: {{prune: {{{fields}}}}}")))
        };
        assert!(prune("daemon").is_ok(), "{filter}");
        let refused = prune("namespace").unwrap_err().to_string();
        assert!(refused.contains("with `scope: namespace`"), "{refused}");
    }
}

#[test]
fn images_are_whole_references_and_each_is_named_once() {
    let Cache::Warm(warm) = cache(
        "warm: {images: 'busybox:1, docker.io/library/busybox:1, reg.example/base', platforms: 'linux/amd64,linux/arm64', \
         registry-secret: registry-credentials}",
    ) else {
        panic!("a warm")
    };
    let images: Vec<_> = warm.images.iter().map(ToString::to_string).collect();
    assert_eq!(images, ["docker.io/library/busybox:1", "reg.example/base:latest"]);
    let platforms: Vec<_> = warm.platforms.iter().map(ToString::to_string).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(warm.registry_secret.as_ref().map(|secret| secret.key.as_str()), Some(".dockerconfigjson"));
    let mentions = Step::Cache(Box::new(Cache::Warm(warm))).mentions();
    let named: Vec<_> = mentions.iter().map(|mention| (mention.kind, mention.written.as_str())).collect();
    let expected = ["docker.io/library/busybox", "reg.example/base"];
    assert_eq!(named, expected.map(|name| (MentionKind::Images, name)));
    let many: Vec<_> = (0..101).map(|n| format!("a:{n}")).collect();
    let many =
        format!("cache: {{warm: {{images: '{}', platforms: 'linux/amd64,linux/arm64'}}}}", many.join(","));
    let refused = parse(&yaml(&many)).unwrap_err().to_string();
    assert_eq!(refused, "cache.warm.images: has 202 images with their platforms; at most 200 are taken");
}

#[test]
fn dockerfiles_are_builds_that_push_nothing() {
    let Cache::Warm(warm) = cache(
        "warm: {dockerfiles: [{context: 'https://h.example/r.git', target: t, build-args: {A: '1'}, platforms: linux/arm64}, \
         {context: {repo: 'https://h.example/s.git', secret: read}, dockerfile: d/Dockerfile, contexts: {c: docker-image://r.example/c}}], \
         platforms: linux/amd64, registry-secret: registry-credentials}",
    ) else {
        panic!("a warm")
    };
    let shown = |build: &Build| {
        let platforms: Vec<_> = build.platforms.iter().map(ToString::to_string).collect();
        (build.context.repo.to_string(), platforms, build.push, build.registry_secret.is_some())
    };
    let builds: Vec<_> = warm.dockerfiles.iter().map(shown).collect();
    assert_eq!(
        builds,
        [
            ("https://h.example/r.git".to_owned(), vec!["linux/arm64".to_owned()], false, true),
            ("https://h.example/s.git".to_owned(), vec!["linux/amd64".to_owned()], false, true),
        ]
    );
    let mentions = Step::Cache(Box::new(Cache::Warm(warm))).mentions();
    let named: Vec<_> = mentions.iter().map(|mention| (mention.field, mention.written.as_str())).collect();
    let context = "cache.warm.dockerfiles.context";
    let expected = [
        (context, "https://h.example/r.git"),
        (context, "https://h.example/s.git"),
        ("cache.warm.dockerfiles.contexts", "r.example/c"),
    ];
    assert_eq!(named, expected);
}

#[test]
fn what_is_no_cache_step_is_refused() {
    let filters = format!("prune: {{filters: [{}]}}", ["mutable"; 5].join(", "));
    let all_filters = format!("prune: {{scope: daemon, filters: [{}]}}", ["mutable"; 21].join(", "));
    let platforms: Vec<_> = (0..17).map(|n| format!("linux/arm/v{n}")).collect();
    let platforms = format!("warm: {{images: 'busybox:1', platforms: '{}'}}", platforms.join(","));
    let rows = [
        "usage: ''",
        "usage: null",
        "usage: true",
        "usage: {}, prune: {all: true}",
        "usage: {scope: all}",
        "usage: {older-than: 1h}",
        "purge: {}",
        "prune: {}",
        "prune: {all: false}",
        "prune: {scope: daemon}",
        "prune: {older-than: soon}",
        "prune: {older-than: 24}",
        "prune: {max-used-space: 10g}",
        "prune: {scope: daemon, max-used-space: ten}",
        "prune: {scope: daemon, max-used-space: 0}",
        "prune: {filters: []}",
        "prune: {filters: ['']}",
        "prune: {filters: ['typ==regular']}",
        "prune: {filters: ['until=24h']}",
        "prune: {filters: ['type=regular']}",
        "prune: {filters: ['type==regula']}",
        "prune: {filters: ['type==regular private']}",
        "prune: {filters: ['description~=\"a']}",
        "prune: {filters: ['type==']}",
        "prune: {filters: ['type==regular,']}",
        &filters,
        &all_filters,
        "warm: {}",
        "warm: {images: []}",
        "warm: {image: busybox:1}",
        "warm: {images: 'busybox:1', platforms: linux}",
        &platforms,
        "warm: {dockerfiles: []}",
        "warm: {dockerfiles: [{target: a}]}",
        "warm: {dockerfiles: [{context: 'https://h/r.git', tags: 'r.io/a:1'}]}",
        "warm: {dockerfiles: [{context: 'https://h/r.git', platforms: linux}]}",
        "warm: {images: 'busybox:1'}, usage: {}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, |row| yaml(&format!("cache: {{{row}}}"))), @r#"
    usage: ''
        cache: says nothing to do; write `usage: {}`, or `prune` or `warm` with its fields
    usage: null
        cache: says nothing to do; write `usage: {}`, or `prune` or `warm` with its fields
    usage: true
        cache.usage: expected a map, got the bool true
    usage: {}, prune: {all: true}
        cache: has `usage`, `prune`; write one of them
    usage: {scope: all}
        cache.usage.scope: "all" is not one of `namespace`, `daemon`
    usage: {older-than: 1h}
        cache.usage.older-than: unknown field; known: `scope`
    purge: {}
        cache.purge: unknown field; known: `usage`, `prune`, `warm`
    prune: {}
        cache.prune: would delete everything that no build uses at the moment; write what to delete (`older-than`, `filters`, `reserved-space`, `max-used-space`, `min-free-space`), or `all: true` for everything
    prune: {all: false}
        cache.prune: would delete everything that no build uses at the moment; write what to delete (`older-than`, `filters`, `reserved-space`, `max-used-space`, `min-free-space`), or `all: true` for everything
    prune: {scope: daemon}
        cache.prune: would delete everything that no build uses at the moment; write what to delete (`older-than`, `filters`, `reserved-space`, `max-used-space`, `min-free-space`), or `all: true` for everything
    prune: {older-than: soon}
        cache.prune.older-than: "soon" is not an age such as `30d`, `2w` or `36h`
    prune: {older-than: 24}
        cache.prune.older-than: expected a string, got the number 24; write it in quotes
    prune: {max-used-space: 10g}
        cache.prune.max-used-space: is compared with everything in the daemon's cache, so it has no meaning with `scope: namespace`; leave it out, or write `scope: daemon`
    prune: {scope: daemon, max-used-space: ten}
        cache.prune.max-used-space: "ten" is no size such as `64m` or `1g`
    prune: {scope: daemon, max-used-space: 0}
        cache.prune.max-used-space: "0" is no size such as `64m` or `1g`
    prune: {filters: []}
        cache.prune.filters: is empty; leave it out, or write a filter such as `type==exec.cachemount`
    prune: {filters: ['']}
        cache.prune.filters[0]: is empty
    prune: {filters: ['typ==regular']}
        cache.prune.filters[0]: is no filter: there is no field `typ` (did you mean `type`?); there are `id`, `description`, `mutable`, `immutable`, `type`, `shared`, `private`
    prune: {filters: ['until=24h']}
        cache.prune.filters[0]: is no filter: `until` is the field `older-than` of the step
    prune: {filters: ['type=regular']}
        cache.prune.filters[0]: is no filter: `=regular` follows `type`, and `==`, `!=` or `~=` is expected
    prune: {filters: ['type==regula']}
        cache.prune.filters[0]: is no filter: there is no type `regula` (did you mean `regular`?); there are `internal`, `frontend`, `source.local`, `source.git.checkout`, `exec.cachemount`, `regular`
    prune: {filters: ['type==regular private']}
        cache.prune.filters[0]: is no filter: `private` follows a value; put values with other characters in quotes
    prune: {filters: ['description~="a']}
        cache.prune.filters[0]: is no filter: a value lacks its final `"`
    prune: {filters: ['type==']}
        cache.prune.filters[0]: is no filter: it ends where a value is expected
    prune: {filters: ['type==regular,']}
        cache.prune.filters[0]: is no filter: it ends where a field is expected
    prune: {filters: [mutable, mutable, mutable, mutable, mutable]}
        cache.prune.filters: has 5 filters; at most 4 are taken
    prune: {scope: daemon, filters: [mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable, mutable]}
        cache.prune.filters: has 21 filters; at most 20 are taken
    warm: {}
        cache.warm: names no image; write `images`, `dockerfiles`, or both
    warm: {images: []}
        cache.warm.images: names no image; leave it out, or write at least one
    warm: {image: busybox:1}
        cache.warm.image: unknown field (did you mean `images`?); known: `images`, `dockerfiles`, `platforms`, `registry-secret`
    warm: {images: 'busybox:1', platforms: linux}
        cache.warm.platforms[0]: "linux" is no platform; write os/arch or os/arch/variant
    warm: {images: 'busybox:1', platforms: 'linux/arm/v0,linux/arm/v1,linux/arm/v2,linux/arm/v3,linux/arm/v4,linux/arm/v5,linux/arm/v6,linux/arm/v7,linux/arm/v8,linux/arm/v9,linux/arm/v10,linux/arm/v11,linux/arm/v12,linux/arm/v13,linux/arm/v14,linux/arm/v15,linux/arm/v16'}
        cache.warm.platforms: has 17 platforms; at most 16 are taken
    warm: {dockerfiles: []}
        cache.warm.dockerfiles: is empty; leave it out, or write an item with a `context`
    warm: {dockerfiles: [{target: a}]}
        cache.warm.dockerfiles[0].context: is missing
    warm: {dockerfiles: [{context: 'https://h/r.git', tags: 'r.io/a:1'}]}
        cache.warm.dockerfiles[0].tags: unknown field; known: `context`, `dockerfile`, `target`, `platforms`, `build-args`, `contexts`, `registry-secret`
    warm: {dockerfiles: [{context: 'https://h/r.git', platforms: linux}]}
        cache.warm.dockerfiles[0].platforms[0]: "linux" is no platform; write os/arch or os/arch/variant
    warm: {images: 'busybox:1'}, usage: {}
        cache: has `usage`, `warm`; write one of them
    "#); }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    a_namespace_sees_its_own_unless_it_asks_for_all,
    a_prune_has_ages_sizes_and_filters,
    filters_are_in_the_daemons_language,
    images_are_whole_references_and_each_is_named_once,
    dockerfiles_are_builds_that_push_nothing,
    what_is_no_cache_step_is_refused,
];
