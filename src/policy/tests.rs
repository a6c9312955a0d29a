#![expect(clippy::unwrap_used, reason = "tests")]

mod spellings;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Policy;
use super::pattern::Pattern;
use crate::step::{self, MentionKind, Step};

const POLICY: &str = r#"
namespaces:
  builds:
    push: [registry.example.com/shop/*, docker.io/shop/*]
    cache: ["cache.example.com:5000/cache/registry.example.com/shop/**"]
    repositories: [https://git.example.com/shop/*, "git@git.example.com:shop/*"]
    applications: [argocd/shop-*]
    forges: [https://api.example.com/v1]
    contexts: [ci/*, scan]
  team-*: {repositories: ["**"], host-network: true}
  team-a-*: {}
"#;

fn policy() -> Policy {
    Policy::parse("policy.yaml", POLICY).unwrap()
}

fn build(more: Value) -> Step {
    let mut build = json!({"context": "https://git.example.com/shop/api", "push": false});
    build.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step::parse(&json!({"build": build})).unwrap()
}

fn update(more: Value) -> Step {
    let targets = json!([{"file": "v.yaml", "helm": {"a": "b"}}]);
    let mut update = json!({"repo": "https://git.example.com/shop/ops", "secret": "git", "targets": targets});
    update.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step::parse(&json!({"update-manifest": update})).unwrap()
}

fn status(more: Value) -> Step {
    let mut status = json!({
        "repo": "https://git.example.com/shop/api", "secret": "git", "commit": "a".repeat(40), "state": "success",
    });
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step::parse(&json!({"commit-status": status})).unwrap()
}

fn refusal(namespace: &str, step: &Step) -> String {
    policy().check(namespace, step).unwrap_err().to_string()
}

#[test]
fn what_is_listed_may_be_named() {
    for step in [
        build(json!({})),
        build(
            json!({"tags": ["registry.example.com/shop/api:1", "shop/api", "REGISTRY.example.com/shop/api"]}),
        ),
        build(json!({"cache": {"from": "cache.example.com:5000/cache/registry.example.com/shop/a/b:main",
            "to": "cache.example.com:5000/cache/registry.example.com/shop/api"}})),
        build(json!({"contexts": {"base": "docker-image://anywhere.example/x:1",
            "lib": {"repo": "ssh://git@git.example.com/shop/lib.git", "secret": "ssh"}}})),
        update(json!({"source": {"repo": "https://git.example.com/shop/api", "commit": "a".repeat(40)}})),
        update(json!({"refresh": "shop-api"})),
        update(json!({"via": "api", "forge": {"url": "https://api.example.com/v1"}})),
        update(json!({"via": "api", "forge": {"url": "https://git.example.com/api/v1"}})),
        step::parse(&json!({"supersede": {}})).unwrap(),
        status(json!({})),
        status(json!({"context": "ci/unit tests", "link-package": "registry.example.com/shop/api:1"})),
        status(json!({"context": "scan", "forge": {"url": "https://git.example.com/api/v1"}})),
        status(json!({"context": "argo-buildkit/builds"})),
        status(json!({"context": "argo-buildkit/builds/api"})),
    ] {
        policy().check("builds", &step).unwrap();
    }
}

#[test]
fn what_is_not_listed_is_named_with_the_list_to_extend() {
    insta::assert_snapshot!(refusal("builds", &build(json!({"tags": ["registry.example.com/other/api:1"]}))), @r#"build.tags: namespace `builds` may not push to `registry.example.com/other/api`; the policy policy.yaml allows under `namespaces.builds.push`: `registry.example.com/shop/*`, `docker.io/shop/*`; add it there, or name another"#);
    insta::assert_snapshot!(refusal("builds", &build(json!({"network": "host"}))), @r#"build.network: namespace `builds` may not build in the daemon's own network; leave `network: host` out, or have `namespaces.builds.host-network: true` set in the policy policy.yaml"#);
    let entitled = |name: &str| build(json!({"entitlements": [name]}));
    insta::assert_snapshot!(refusal("builds", &entitled("security.insecure")), @"build.entitlements: namespace `builds` may not build with the entitlement `security.insecure`; the policy policy.yaml allows under `namespaces.builds.entitlements`: nothing; add it there, or name another");
    insta::assert_snapshot!(refusal("builds", &entitled("network.host")), @"build.entitlements: namespace `builds` may not build in the daemon's own network; leave `entitlements: network.host` out, or have `namespaces.builds.host-network: true` set in the policy policy.yaml");
    insta::assert_snapshot!(refusal("team-b", &update(json!({"refresh": "shop-api"}))), @r#"update-manifest.refresh: namespace `team-b` may not use the Application `argocd/shop-api`; the policy policy.yaml allows under `namespaces.team-*.applications`: nothing; add it there, or name another"#);
    insta::assert_snapshot!(refusal("default", &build(json!({}))), @r#"namespace `default` has no entry in the policy policy.yaml (it has `builds`, `team-a-*`, `team-*`), so its workflows may do nothing; add `default`, or a pattern that fits it, under `namespaces`"#);
    insta::assert_snapshot!(refusal("builds", &status(json!({"context": "merge/review"}))), @"commit-status.context: namespace `builds` may not set commit statuses of the context `merge/review`; the policy policy.yaml allows under `namespaces.builds.contexts`: `ci/*`, `scan`; add it there, or name another");
    let odd = json!({"context": {"repo": "git@git.example.com:shop/../other/api", "secret": "ssh"}});
    insta::assert_snapshot!(refusal("builds", &build(odd)), @r#"build.context: `git@git.example.com:shop/../other/api` cannot be compared with the policy: its path holds `.`, `..`, `//`, `%2F`, `%25`, `\`, `?` or `#`, which servers read in different ways; write it plainly"#);
}

#[test]
fn every_field_that_names_a_target_is_looked_at() {
    let other = "https://git.example.com/other/x";
    for (field, step) in [
        ("build.context", build(json!({"context": other}))),
        ("build.contexts", build(json!({"contexts": {"a": {"repo": other}}}))),
        ("build.tags", build(json!({"tags": ["registry.example.com/shop/api", "registry.example.com/x"]}))),
        ("build.cache.from", build(json!({"cache": {"from": "registry.example.com/shop/api"}}))),
        ("build.cache.to", build(json!({"cache": {"to": "cache.example.com/x"}}))),
        ("build.network", build(json!({"network": "host"}))),
        ("update-manifest.repo", update(json!({"repo": other}))),
        ("update-manifest.source.repo", update(json!({"source": {"repo": other, "commit": "a".repeat(40)}}))),
        ("update-manifest.refresh", update(json!({"refresh": {"application": "shop-a", "namespace": "x"}}))),
        ("update-manifest.forge.url", update(json!({"forge": {"url": "https://elsewhere.example/api/v1"}}))),
        ("update-manifest.forge.url", update(json!({"forge": {"url": "http://git.example.com/api/v1"}}))),
        ("commit-status.repo", status(json!({"repo": other}))),
        ("commit-status.forge.url", status(json!({"forge": {"url": "https://elsewhere.example/api/v1"}}))),
        ("commit-status.link-package", status(json!({"link-package": "registry.example.com/other/api"}))),
        ("commit-status.context", status(json!({"context": "argo-buildkit"}))),
        ("commit-status.context", status(json!({"context": "argo-buildkit/builds-2"}))),
        ("commit-status.context", status(json!({"context": "argo-buildkit/other/builds"}))),
        ("commit-status.context", status(json!({"context": "Scan"}))),
        ("commit-status.context", status(json!({"context": "ci/unit/all"}))),
    ] {
        let refused = refusal("builds", &step);
        assert!(refused.starts_with(&format!("{field}: ")), "{field}: {refused}");
    }
}

/// A generator runs as a step of the build, and reads all of its result.
#[test]
fn the_generator_of_an_sbom_is_one_of_the_images() {
    let policy = |images: &str| {
        let text = format!("namespaces: {{builds: {{repositories: ['**'], images: [{images}]}}}}");
        Policy::parse("policy.yaml", &text).unwrap()
    };
    for (image, sbom) in [
        ("docker.io/docker/buildkit-syft-scanner", json!(true)),
        ("mirror.example.com/scanner", json!("mirror.example.com/scanner:1")),
    ] {
        let step = build(json!({"attest": {"sbom": sbom}}));
        policy(image).check("builds", &step).unwrap();
        let refused = policy("docker.io/library/*").check("builds", &step).unwrap_err().to_string();
        assert!(refused.starts_with("build.attest.sbom: ") && refused.contains(image), "{refused}");
    }
}

#[test]
fn entries_of_steps_are_judged_but_not_the_stand_ins_of_outputs() {
    let steps = |repo: &str, tag: &str| {
        let build = json!({"context": repo, "tags": ["registry.example.com/shop/api"]});
        let cached = json!({"context": "https://git.example.com/shop/api", "push": false,
            "cache": {"from": "$(build.image)"}, "tags": [tag]});
        step::parse(&json!({"steps": [{"build": build}, {"name": "again", "build": cached}]})).unwrap()
    };
    let (ours, theirs) = ("https://git.example.com/shop/api", "https://git.example.com/other/api");
    policy().check("builds", &steps(ours, "registry.example.com/shop/b")).unwrap();
    let refused = refusal("builds", &steps(theirs, "registry.example.com/shop/b"));
    assert!(refused.starts_with("entry `build`, build.context: "), "{refused}");
    let refused = refusal("builds", &steps(ours, "registry.example.com/other/b"));
    assert!(refused.starts_with("entry `again`, build.tags: "), "{refused}");
    // The value of the output is checked later, when it is known.
    let Step::Steps(steps) = steps(ours, "registry.example.com/shop/b") else { unreachable!() };
    let image = ("image".to_owned(), "registry.example.com/shop/api@sha256:".to_owned() + &"0".repeat(64));
    let outputs = [("build".to_owned(), [image].into())].into();
    let refused = refusal("builds", &steps.entries[1].resolve(&outputs).unwrap());
    assert!(refused.starts_with("build.cache.from: "), "{refused}");
}

#[test]
fn the_most_specific_entry_counts() {
    let text = "namespaces: {'*': {}, team-*: {}, team-a: {}, team-a*: {}, '*-a': {}, team-*-x: {}}";
    let policy = Policy::parse("p", text).unwrap();
    for (namespace, entry) in [
        ("team-a", "team-a"),
        ("team-ab", "team-a*"),
        ("team-b", "team-*"),
        ("team-b-x", "team-*-x"),
        ("other-a", "*-a"),
        ("other", "*"),
    ] {
        assert_eq!(policy.entry(namespace).unwrap().0.to_string(), entry, "{namespace}");
    }
}

fn may(kind: MentionKind, pattern: &str, name: &str) -> bool {
    let pattern = Pattern::parse(pattern, |text| kind.canonical(text)).unwrap();
    kind.canonical(name).is_ok_and(|name| pattern.matches(&name))
}

#[test]
fn a_file_that_says_something_else_is_refused() {
    let problem = |text: &str| Policy::parse("policy.yaml", text).unwrap_err().to_string();
    insta::assert_snapshot!(problem("namespaces: {a: {repository: []}}"), @r#"the policy policy.yaml: namespaces.a: unknown key `repository` (did you mean `repositories`?); known: `push`, `cache`, `images`, `repositories`, `applications`, `forges`, `contexts`, `webhooks`, `entitlements`, `host-network`, `daemon-cache`"#);
    insta::assert_snapshot!(problem("namespace: {}"), @r#"the policy policy.yaml: its top level: unknown key `namespace` (did you mean `namespaces`?); known: `namespaces`"#);
    insta::assert_snapshot!(problem("namespaces: {a: }"), @r#"the policy policy.yaml: namespaces.a: is not a map; write `{}` for an empty one"#);
    insta::assert_snapshot!(problem("namespaces: {A: {}}"), @r#"the policy policy.yaml: namespaces.A: is not the name of a namespace; `*` stands for any part of one"#);
    insta::assert_snapshot!(problem("namespaces: {a: {push: r.example/x}}"), @r#"the policy policy.yaml: namespaces.a.push: is not a list; write [PATTERN, …], or ["**"] for anything"#);
    insta::assert_snapshot!(problem("namespaces: {a: {push: [shop/*]}}"), @r#"the policy policy.yaml: namespaces.a.push[0]: `shop/*`: it names no registry; write docker.io/library/NAME or HOST/REPOSITORY"#);
    insta::assert_snapshot!(problem("namespaces: {a: {push: ['r.example/x:1']}}"), @r#"the policy policy.yaml: namespaces.a.push[0]: `r.example/x:1`: it is to name a repository, in lower case and without tag and digest"#);
    insta::assert_snapshot!(problem("namespaces: {a: {push: [r.example/a**]}}"), @r#"the policy policy.yaml: namespaces.a.push[0]: `r.example/a**`: `**` stands for whole parts of a path, between slashes"#);
    insta::assert_snapshot!(problem("namespaces: {a: {repositories: ['https://git.*/x']}}"), @r#"the policy policy.yaml: namespaces.a.repositories[0]: `https://git.*/x`: `*` in a host stands for whole labels at its beginning, as in *.example.com"#);
    insta::assert_snapshot!(problem("namespaces: {a: {repositories: [git.example.com/shop]}}"), @r#"the policy policy.yaml: namespaces.a.repositories[0]: `git.example.com/shop`: it is not of the form https://host/path, ssh://user@host/path or user@host:path"#);
    insta::assert_snapshot!(problem("namespaces: {a: {applications: [shop]}}"), @r#"the policy policy.yaml: namespaces.a.applications[0]: `shop`: it is not of the form NAMESPACE/NAME"#);
    insta::assert_snapshot!(problem("namespaces: {a: {host-network: 1}}"), @r#"the policy policy.yaml: namespaces.a.host-network: is neither `true` nor `false`; write one of them"#);
    assert!(problem("namespaces: {a: {}, a: {push: ['**']}}").contains("duplicate"));
    assert!(problem("").contains("is not a map"));
    assert!(problem("namespaces: [").starts_with("the policy policy.yaml cannot be read: "));
}

proptest! {
    /// Whatever the text is, a match names the listed server, scheme and group.
    #[test]
    fn a_match_is_never_another_server_or_group(text in "(https|http|ssh)?(://)?[a-z@:.%/2eEfF*~-]{0,12}git\\.example\\.com[:@/.%2eEfF~-]{0,4}(shop|%73hop)?[a-z@:.%/2eEfF*?#~-]{0,12}") {
        let Ok(repo) = text.parse::<crate::git::RepoUrl>() else { return Ok(()) };
        if may(MentionKind::Repositories, "https://git.example.com/shop/*", &repo.to_string()) {
            prop_assert_eq!(repo.scheme(), "https");
            let host = repo.host_port();
            let host = host.trim_end_matches(":443").trim_end_matches('.');
            prop_assert_eq!(host, "git.example.com");
            let shown = repo.to_string();
            let path = shown.splitn(4, '/').nth(3).unwrap().trim_end_matches('/');
            prop_assert!(path.split('/').count() == 2 && !path.contains("..") && !path.to_lowercase().contains("%2f"), "{}", path);
        }
    }

    /// Converting to the canonical form twice gives the same result as once.
    #[test]
    fn a_canonical_form_is_its_own(text in "[a-zA-Z0-9@:./%~-]{1,40}") {
        for kind in MentionKind::LISTED {
            if let Ok(form) = kind.canonical(&text) {
                // A final `.git` is removed a second time only if there were two.
                if form.ends_with(".git") || form.contains('%') {
                    continue;
                }
                prop_assert_eq!(kind.canonical(&form), Ok(form.clone()));
            }
        }
    }
}

#[test]
fn the_daemon_is_given_what_the_list_says() {
    let of = |list: &str| Policy::parse("p", &format!("namespaces: {{a: {list}}}")).unwrap();
    assert_eq!(of("{}").images("a"), None);
    assert!(of("{}").warning().unwrap().contains("`namespaces.a`"));
    assert_eq!(of("{images: [r.example/x, '**']}").images("a"), None);
    assert_eq!(of("{images: ['**']}").warning(), None);
    let allowed = |pattern: &str, name: &str| {
        let names = of(&format!("{{images: ['{pattern}']}}")).images("a").unwrap();
        names.iter().any(|regex| regex_lite::Regex::new(&format!("^{regex}$")).unwrap().is_match(name))
    };
    for (pattern, name, expected) in [
        ("docker.io/busybox", "docker.io/library/busybox", true),
        ("index.docker.io/library/busybox", "docker.io/library/busybox", true),
        ("docker.io/library/*", "docker.io/library/busybox", true),
        ("docker.io/library/*", "docker.io/other/busybox", false),
        ("r.example/shop", "rxexample/shop", false),
        ("r.example/shop", "r.example/shop/api", false),
        ("r.example/shop", "evil.example/r.example/shop", false),
        ("r.example/shop/*", "r.example/shop/a/b", false),
        ("r.example/shop/**", "r.example/shop/a/b", true),
        ("r.example/shop/**", "r.example/shop", false),
        ("r.example/**/api", "r.example/a/b/api", true),
        ("r.example/**/api", "r.example/api", true),
        ("r.example/**/api", "r.example/xapi", false),
        ("*.example.com/x", "a.b.example.com/x", true),
        ("*.example.com/x", "a.example.com:5000/x", false),
        ("r.example/none", "docker.io/docker/dockerfile", true),
    ] {
        assert_eq!(allowed(pattern, name), expected, "{pattern} {name}");
        if !name.contains("docker/dockerfile") {
            assert_eq!(may(MentionKind::Images, pattern, name), expected, "{pattern} {name}");
        }
    }
}
