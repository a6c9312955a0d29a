//! Valid bodies: what they mean, and that strings mean the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{DIGEST, parse, parsed, with, yaml};
use crate::forge::MergeMethod;
use crate::manifest::{Edit, Object, Target};
use crate::outcome::Outputs;
use crate::step::build::{
    Algorithm, Build, CacheMode, CacheWhen, Dockerfile, MediaTypes, NamedContext, Network, NoCache,
    Provenance, SourceDate, Ulimit,
};
use crate::step::update_manifest::Mode;
use crate::step::{Kind, SecretRef, Step, UpdateManifest};

fn build(fields: &str) -> Build {
    match parse(&with("build", fields)).unwrap() {
        Step::Build(build) => *build,
        other => panic!("{other:?}"),
    }
}

fn update(fields: &str) -> UpdateManifest {
    match parse(&with("update-manifest", fields)).unwrap() {
        Step::UpdateManifest(update) => *update,
        other => panic!("{other:?}"),
    }
}

const EVERYTHING: &str = r#"
build:
  context: {repo: https://git.example/shop/api.git, revision: v1, subdir: ./services//api/, secret: {name: git, key: token}, submodules: false, submodule-secrets: {'Other.example:3000': lib}, dockerignore: false}
  dockerfile-inline: "FROM scratch\n\tCOPY a $(pwd)/a\n"
  target: runtime
  platforms: [linux/amd64, linux/arm/v7, linux/aarch64]
  build-args: {VERSION: "1.10", EMPTY: ""}
  secrets: [{id: npmrc, secret: {name: npm, key: .npmrc}}]
  contexts: {base: docker-image://alpine, lib: {repo: https://git.example/lib.git, revision: main}}
  tags: [reg.example/shop/api, {ref: "reg.example:5000/shop/api:1", insecure: true}]
  push: true
  registry-secret: {name: regcred}
  attach-log: true
  attach-report: true
  labels: {a: b}
  annotations: {org.opencontainers.image.source: here}
  cache: {inline: true, from: [reg.example/cache], to: {ref: reg.example/cache, mode: max, ignore-error: false, insecure: true, when: always}, git-ref: refs/heads/main}
  no-cache: [deps, test]
  network: none
  entitlements: [security.insecure, network.host, security.insecure]
  extra-hosts: {db: 10.0.0.1, db6: "::1"}
  compression: {type: zstd, level: 19, force: true}
  shm-size: 64m
  ulimits: {nofile: 1024:2048, core: 0}
  cgroup-parent: /builds
  media-types: oci
  source-date-epoch: 1700000000
  rewrite-timestamp: true
  git-labels: true
  skip-if-exists: false
  attest: {provenance: max, sbom: reg.example/scanner}
"#;

#[test]
fn every_field_of_a_build_is_read() {
    let Step::Build(build) = parsed(EVERYTHING).unwrap() else { panic!("a build") };
    assert_eq!(build.context.subdir.as_deref(), Some("services/api"));
    assert_eq!(build.context.secret, Some(SecretRef { name: "git".into(), key: Some("token".into()) }));
    assert!(!build.context.submodules && !build.context.dockerignore);
    let lib = SecretRef { name: "lib".into(), key: None };
    assert_eq!(build.context.submodule_secrets, [("other.example:3000".to_owned(), lib)].into());
    assert_eq!(build.dockerfile, Dockerfile::Inline("FROM scratch\n\tCOPY a $(pwd)/a\n".into()));
    let platforms: Vec<_> = build.platforms.iter().map(ToString::to_string).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7", "linux/arm64"]);
    let args = [("EMPTY".to_owned(), String::new()), ("VERSION".to_owned(), "1.10".to_owned())];
    assert_eq!(build.build_args, BTreeMap::from(args));
    assert_eq!(build.secrets[0].secret.key, ".npmrc");
    assert!(
        matches!(&build.contexts["base"], NamedContext::Image(i) if i.to_string() == "docker.io/library/alpine:latest")
    );
    assert!(
        matches!(&build.contexts["lib"], NamedContext::Git(git) if git.revision == "main" && git.submodules)
    );
    let tags: Vec<_> = build.tags.iter().map(|tag| (tag.image.to_string(), tag.insecure)).collect();
    assert_eq!(
        tags,
        [("reg.example/shop/api:latest".into(), false), ("reg.example:5000/shop/api:1".into(), true)]
    );
    assert!(build.attach_log && build.attach_report);
    assert_eq!(build.registry_secret.unwrap().key, ".dockerconfigjson");
    let to = build.cache.to.unwrap();
    assert_eq!((to.mode, to.when), (CacheMode::Max, CacheWhen::Always));
    assert!(!to.ignore_error && to.target.insecure);
    assert_eq!(build.cache.git_ref.as_deref(), Some("refs/heads/main"));
    assert_eq!(build.no_cache, NoCache::Stages(vec!["deps".into(), "test".into()]));
    assert_eq!(build.network, Network::None);
    let entitled: Vec<_> = build.entitlements.iter().map(|each| each.name()).collect();
    assert_eq!(entitled, ["security.insecure", "network.host"]);
    assert_eq!(build.extra_hosts[1], ("db6".to_owned(), "::1".parse().unwrap()));
    let compression = build.compression.unwrap();
    assert_eq!(
        (compression.algorithm, compression.level, compression.force),
        (Algorithm::Zstd, Some(19), true)
    );
    assert_eq!((build.shm_size, build.cgroup_parent.as_deref()), (Some(64 << 20), Some("/builds")));
    let limits = [("core", Ulimit { soft: 0, hard: 0 }), ("nofile", Ulimit { soft: 1024, hard: 2048 })];
    assert_eq!(build.ulimits, limits.map(|(name, limit)| (name.to_owned(), limit)).into());
    assert_eq!(build.media_types, MediaTypes::Oci);
    assert_eq!(
        (build.source_date_epoch, build.rewrite_timestamp),
        (Some(SourceDate::Seconds(1_700_000_000)), true)
    );
    assert!(build.git_labels && !build.skip_if_exists);
    let scanner = build.attest.sbom.map(|image| image.to_string());
    assert_eq!(
        (build.attest.provenance, scanner.as_deref()),
        (Some(Provenance::Max), Some("reg.example/scanner:latest"))
    );
}

/// The body after Argo's substitution: every value below the kind's own map is a string.
fn stringified(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

#[test]
fn strings_mean_what_they_hold() {
    let body = yaml(EVERYTHING);
    let fields = body["build"].as_object().unwrap();
    let strings: serde_json::Map<_, _> =
        fields.iter().map(|(key, value)| (key.clone(), stringified(value))).collect();
    let once = json!({ "build": strings });
    assert_eq!(parse(&once).unwrap(), parse(&body).unwrap());
    assert_eq!(parse(&json!(once.to_string())).unwrap(), parse(&body).unwrap());
    assert_eq!(parse(&json!({"build": stringified(&once["build"])})).unwrap(), parse(&body).unwrap());
}

#[test]
fn what_is_empty_is_absent() {
    let names =
        ["dockerfile", "dockerfile-inline", "target", "platforms", "build-args", "secrets", "contexts"];
    let more = [
        "push",
        "registry-secret",
        "attach-log",
        "attach-report",
        "labels",
        "annotations",
        "cache",
        "no-cache",
        "network",
        "extra-hosts",
    ];
    let plain = build("");
    assert_eq!(plain.dockerfile, Dockerfile::File("Dockerfile".into()));
    assert_eq!((plain.context.revision.as_str(), plain.context.submodules, plain.push), ("HEAD", true, true));
    for name in names.iter().chain(&more).chain(&[
        "compression",
        "shm-size",
        "ulimits",
        "cgroup-parent",
        "media-types",
        "source-date-epoch",
        "attest",
    ]) {
        for nothing in ["''", "null"] {
            assert_eq!(build(&format!("{name}: {nothing}")), plain, "{name}: {nothing}");
        }
    }
    for row in [
        "platforms: ['', '']",
        "cache: {from: ['']}",
        "cache: {to: {ref: '', mode: max}}",
        "no-cache: false",
        "attest: false",
        "attest: {provenance: '', sbom: false}",
        "no-cache: 'false'",
        "network: default",
        "context: {repo: https://git.example/shop/api.git, revision: '', subdir: '.', secret: '', submodules: ''}",
        "tags: 'reg.example/shop/api:1, reg.example/shop/api:1'",
    ] {
        assert_eq!(build(row), plain, "{row}");
    }
}

#[test]
fn short_forms_mean_the_long_ones() {
    for (short, long) in [
        ("tags: 'a:1,b:2'", "tags: [{ref: 'a:1'}, {ref: b:2, insecure: 'false'}]"),
        ("platforms: 'linux/amd64, linux/arm64'", "platforms: '[\"linux/amd64\", \"linux/arm64\"]'"),
        ("registry-secret: regcred", "registry-secret: {name: regcred, key: .dockerconfigjson}"),
        (
            "cache: {to: r/c}",
            "cache: {to: {ref: 'r/c:latest', mode: min, ignore-error: true, when: changed}}",
        ),
        ("cache: {from: 'r/c,r/d'}", "cache: {from: [{ref: r/c}, r/d]}"),
        ("cache: {from: 'r/c,r/c:latest'}", "cache: {from: 'r/c:latest', git-ref: ''}"),
        ("no-cache: true", "no-cache: 'true'"),
        ("no-cache: 'a,b'", "no-cache: [a, b]"),
        ("compression: gzip", "compression: {type: gzip, force: false}"),
        ("compression: {type: zstd, level: 3}", "compression: {type: zstd, level: '3'}"),
        ("extra-hosts: ['a=10.0.0.1', 'b:[::1]']", "extra-hosts: {a: 10.0.0.1, b: '::1'}"),
        ("context: https://git.example/a", "context: {repo: https://git.example/a, revision: HEAD}"),
        ("dockerfile: ./docker//Dockerfile", "dockerfile: docker/Dockerfile"),
    ] {
        assert_eq!(build(short), build(long), "{short}");
    }
    assert!(build("push: 'false', tags: ''").tags.is_empty());
}

/// A cache without a tag is `latest`, except the one that each branch has.
#[test]
fn a_cache_by_branch_has_no_tag() {
    let names = |fields: &str| {
        let cache = build(&format!("cache: {{{fields}}}")).cache;
        let to = cache.to.map(|to| (to.target.image.to_string(), to.is_by_branch()));
        (cache.from.iter().map(|from| from.image.to_string()).collect::<Vec<_>>(), to)
    };
    let to = |name: &str, is_by_branch| Some((name.to_owned(), is_by_branch));
    let rows = [
        ("to: {ref: r.example/c, when: branch}", vec![], to("r.example/c", true)),
        (
            "to: {ref: 'r.example/c:x', when: branch}, from: r.example/c",
            vec!["r.example/c:latest"],
            to("r.example/c:x", false),
        ),
        (
            "to: {ref: r.example/c, when: branch}, from: [r.example/c, 'r.example/c:latest', {ref: r.example/c, insecure: true}, r.example/d]",
            vec!["r.example/c", "r.example/c:latest", "r.example/d:latest"],
            to("r.example/c", true),
        ),
        (
            "to: {ref: r.example/c, when: changed}, from: r.example/c",
            vec!["r.example/c:latest"],
            to("r.example/c:latest", false),
        ),
        ("to: {ref: r.example/c, when: always}", vec![], to("r.example/c:latest", false)),
        ("to: {ref: '', when: branch}, from: r.example/c", vec!["r.example/c:latest"], None),
    ];
    for (fields, from, to) in rows {
        let from: Vec<_> = from.into_iter().map(str::to_owned).collect();
        assert_eq!(names(fields), (from, to), "{fields}");
    }
}

/// The rendered message. Its placeholders are replaced by nothing.
fn text(update: &UpdateManifest) -> String {
    update.message.as_ref().unwrap().render(|_| String::new())
}

fn edit(target: Target, value: &str) -> Edit {
    Edit::new(target, value)
}

#[test]
fn a_manifest_update_is_read() {
    let plain = update("");
    assert_eq!(
        (plain.branch.as_str(), plain.author.name.as_str(), plain.message),
        ("main", "argo-buildkit", None)
    );
    let update = update(
        "repo: 'git@git.example:ops/gitops.git', branch: refs/heads/prod, secret: key, message: \"a\\n\\tb\", \
         author: {name: CI, email: ci@shop.example}, targets: [{file: ./api/values.yaml, helm: {image.tag: '1.20'}}, \
         {file: k.yaml, kustomize: {name: api, newName: reg.example/api, newTag: v1, digest: ''}}]",
    );
    assert_eq!((update.branch.as_str(), text(&update)), ("prod", "a\n\tb".to_owned()));
    assert_eq!(update.targets[0].file.as_str(), "api/values.yaml");
    let helm = edit(Target::Helm("image.tag".parse().unwrap()), "1.20");
    assert_eq!((update.targets[0].edits.as_slice(), update.targets[1].edits.len()), ([helm].as_slice(), 2));
}

#[test]
fn every_kind_of_target_is_read() {
    let update = update(
        "targets: [{file: 'charts/*/values.yaml', create: 'true', image: {api.image: 'reg.example/a:1'}}, \
         {file: a.yaml, object: {kind: ConfigMap, name: a, namespace: shop, set: {data.V: '1'}}}, \
         {file: a.yaml, container: {kind: Deployment, name: a, container: web, tag: '2', digest: ''}}, \
         {file: a.yaml, application: {name: a, parameters: {image.tag: '3'}, values: {image.tag: '4'}}}, \
         {file: a.yaml, setters: {'flux-system:a': ':5'}}]",
    );
    let path = |path: &str| path.parse().unwrap();
    let object = |kind: &str, namespace: Option<&str>| Object {
        kind: kind.into(),
        name: "a".into(),
        namespace: namespace.map(str::to_owned),
    };
    let application = Some(crate::manifest::Application::from("a"));
    let image = Edit { create: true, ..edit(Target::Image(path("api.image")), "reg.example/a:1") };
    assert!(update.targets[0].file.is_glob());
    let edits: Vec<Edit> = update.targets.into_iter().flat_map(|target| target.edits).collect();
    assert_eq!(
        edits,
        [
            image,
            edit(Target::Object { object: object("ConfigMap", Some("shop")), path: path("data.V") }, "1"),
            edit(Target::Container { object: object("Deployment", None), container: "web".into() }, ":2"),
            edit(Target::Parameter { application: application.clone(), name: "image.tag".into() }, "3"),
            edit(Target::Values { application, path: path("image.tag") }, "4"),
            edit(Target::Setter("flux-system:a".into()), ":5"),
        ]
    );
}

#[test]
fn a_pull_request_is_read() {
    let defaults = update("mode: pull-request, secret: git");
    assert_eq!(defaults.mode, Mode::PullRequest(Box::default()));
    let update = update(
        "mode: pull-request, secret: key, image: 'reg.example/shop/api:1', repo: 'git@git.example:ops/gitops.git', \
         pull-request: {branch: 'bump/$(image-name)', labels: 'a,b', assignees: '[\"ann\"]', auto-merge: 'true'}, \
         forge: {kind: gitea, url: 'https://git.example/api/v1/', secret: {name: forge, key: token}}, skip-ci: 'true', \
         source: {repo: 'https://git.example/shop/api', commit: 5E8E821A10C2F3B1D8B0A4C5E6F708192A3B4C5D}, \
         committer: {email: ci@shop.example}",
    );
    let Mode::PullRequest(pull) = &update.mode else { panic!("a pull request") };
    assert_eq!(pull.branch.as_ref().unwrap().render(|p| p.name().to_uppercase()), "bump/IMAGE-NAME");
    assert_eq!((pull.labels.join("+"), pull.assignees.join("+")), ("a+b".into(), "ann".into()));
    assert_eq!(pull.auto_merge, Some(MergeMethod::Default));
    assert_eq!(update.forge.url.as_deref(), Some("https://git.example/api/v1"));
    assert_eq!(update.source.as_ref().unwrap().commit, "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d");
    assert_eq!(
        (update.committer.name.as_str(), update.committer.email.as_str()),
        ("argo-buildkit", "ci@shop.example")
    );
    assert!(update.skip_ci && update.commit && !update.via_api);
}

#[test]
fn a_refresh_is_read_in_full_and_in_short() {
    let refresh = |fields: &str| update(fields).refresh.map(|app| format!("{}/{}", app.namespace, app.name));
    assert_eq!(refresh("refresh: {application: api, namespace: gitops}").as_deref(), Some("gitops/api"));
    assert_eq!(refresh("refresh: {application: api, namespace: ''}").as_deref(), Some("argocd/api"));
    assert_eq!(refresh("refresh: 'api', commit: 'true', mode: push").as_deref(), Some("argocd/api"));
    assert_eq!(refresh("refresh: ''"), None);
}

#[test]
fn an_entry_is_resolved_with_what_came_before() {
    let Step::Steps(steps) = parsed(
        "steps: [{build: {context: https://git.example/a, tags: 'reg.example/a:1'}}, \
         {name: retag, build: {context: https://git.example/a, tags: $(build.tags), \
          labels: {digest: '$(build.digest)', text: '$$(build.digest) $(date)'}}}, \
         {update-manifest: {repo: https://git.example/g, message: 'ship $(build.image)', \
          targets: \"[{\\\"file\\\": \\\"v.yaml\\\", \\\"kustomize\\\": {\\\"name\\\": \\\"a\\\", \\\"digest\\\": \\\"$(build.digest)\\\"}}]\"}}]",
    )
    .unwrap() else {
        panic!("steps")
    };
    let names: Vec<_> =
        steps.entries.iter().map(|entry| (entry.name.as_str(), entry.template.kind())).collect();
    assert_eq!(
        names,
        [("build", Kind::Build), ("retag", Kind::Build), ("update-manifest", Kind::UpdateManifest)]
    );
    let built =
        [("digest", DIGEST), ("image", "reg.example/a {{x}} $(a.b)"), ("tags", r#"["reg.example/a:1"]"#)];
    let built: Outputs = built.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut results = BTreeMap::from([("build".to_owned(), built)]);
    let Step::Build(retag) = steps.entries[1].resolve(&results).unwrap() else { panic!("a build") };
    assert_eq!(retag.tags[0].image.to_string(), "reg.example/a:1");
    assert_eq!(retag.labels["digest"], DIGEST);
    assert_eq!(retag.labels["text"], "$(build.digest) $(date)");
    let Step::UpdateManifest(update) = steps.entries[2].resolve(&results).unwrap() else {
        panic!("an update")
    };
    assert_eq!(text(&update), "ship reg.example/a {{x}} $(a.b)", "outputs are not read again");
    results.get_mut("build").unwrap().insert("digest".into(), String::new());
    let invalid = steps.entries[2].resolve(&results).unwrap_err();
    insta::allow_duplicates! { insta::assert_snapshot!(invalid, @r##"steps[2].update-manifest.targets[0].kustomize.digest: is empty"##); }
    let missing = steps.entries[2].resolve(&BTreeMap::new()).unwrap_err();
    insta::allow_duplicates! { insta::assert_snapshot!(missing, @r##"steps[2].update-manifest.targets[0].kustomize.digest: `$(build.digest)`: `build` ended without the output `digest`"##); }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    every_field_of_a_build_is_read,
    strings_mean_what_they_hold,
    what_is_empty_is_absent,
    short_forms_mean_the_long_ones,
    a_cache_by_branch_has_no_tag,
    a_manifest_update_is_read,
    every_kind_of_target_is_read,
    a_pull_request_is_read,
    a_refresh_is_read_in_full_and_in_short,
    an_entry_is_resolved_with_what_came_before,
];
