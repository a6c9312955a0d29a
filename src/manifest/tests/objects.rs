//! Objects, containers and images, in every shape.

use super::{NEW, OLD, create, edit, makes, refusal, replaces};

const FILE: &str = "\
# apps
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: shop
spec:
  replicas: 2
  paused: false
  template:
    spec:
      initContainers:
      - name: migrate
        image: reg.example/migrate:v1
      containers:
      - name: web
        image: \"reg.example/web:v1\"   # by CI
        env: [{name: web, value: '5'}]
      - image: reg.example:5000/side/car:v1@DIGEST
        name: side
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: test}
spec: {replicas: 1, template: {spec: {containers: [{name: web, image: web:test}]}}}
---
kind: CronWorkflow
metadata:
  name: nightly
spec:
  workflowSpec:
    templates:
    - name: build
      container:
        image: builder:v1
    - name: pair
      containerSet:
        containers:
        - name: main
          image: main:v1
      sidecars:
      - name: db
        image: db:v1
    - name: text
      script:
        image: python:3
        source: print()
---
kind: List
items:
- kind: Pod
  metadata: {name: one}
  spec:
    containers:
    - {name: x, image: x:1}
";

fn file() -> String {
    FILE.replace("DIGEST", OLD)
}

#[test]
fn one_object_is_edited() {
    for (target, before, after) in [
        ("object:Deployment/api/shop:spec.replicas=3", "replicas: 2", "replicas: 3"),
        ("object:Deployment/api/shop:spec.replicas=x", "replicas: 2", "replicas: x"),
        ("object:Deployment/api/shop:spec.paused=true", "paused: false", "paused: true"),
        ("object:Deployment/api/test:spec.replicas=4", "replicas: 1", "replicas: 4"),
        (
            "container:Deployment/api/shop:web=reg.example/web:v2",
            "\"reg.example/web:v1\"",
            "\"reg.example/web:v2\"",
        ),
        ("container:Deployment/api/shop:web=:v2", "web:v1\"", "web:v2\""),
        ("container:Deployment/api/shop:migrate=:v2", "migrate:v1", "migrate:v2"),
        ("container:Deployment/api/test:web=:v2", "web:test", "web:v2"),
        ("container:CronWorkflow/nightly:build=:v2", "builder:v1", "builder:v2"),
        ("container:CronWorkflow/nightly:main=:v2", "main:v1", "main:v2"),
        ("container:CronWorkflow/nightly:db=:v2", "db:v1", "db:v2"),
        ("container:CronWorkflow/nightly:text=:3.13", "python:3", "python:3.13"),
        ("container:Pod/one:x=y/x:2", "x:1", "y/x:2"),
    ] {
        replaces(&file(), &edit(target), before, after);
    }
    let side = format!("container:Deployment/api/shop:side=@{NEW}");
    replaces(&file(), &edit(&side), OLD, NEW);
    let both = format!("container:Deployment/api/shop:side=:v2@{NEW}");
    replaces(&file(), &edit(&both), &format!("car:v1@{OLD}"), &format!("car:v2@{NEW}"));
    let json = r#"{"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 1, "containers": [{"name": "c", "image": "c:1"}]}}"#;
    replaces(json, &edit("object:Deployment/a:spec.replicas=2"), "\"replicas\": 1", "\"replicas\": 2");
    replaces(json, &edit("container:Deployment/a:c=:2"), "c:1", "c:2");
}

#[test]
fn an_object_is_renamed() {
    let edited = super::run(&file(), edit("object:Pod/one:metadata.name=two")).unwrap();
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), file().replace("name: one", "name: two"));
}

#[test]
fn an_object_takes_a_missing_key() {
    makes(
        "kind: A\nmetadata:\n  name: a\n---\nkind: B\nmetadata:\n  name: b\n",
        &create("object:A/a:metadata.annotations.x=y"),
        "kind: A\nmetadata:\n  name: a\n  annotations:\n    x: \"y\"\n---\nkind: B\nmetadata:\n  name: b\n",
    );
}

#[test]
fn image_strings_and_mappings() {
    let digest = format!("image: {{repository: a/b, digest: '{OLD}'}}\n");
    let pinned = format!("image: {{repository: a/b, tag: v1, digest: '{OLD}'}}\n");
    let string = format!("image: a/b:v1@{OLD}\n");
    let new = format!("image:image=:v2@{NEW}");
    let only = format!("image:image=@{NEW}");
    for (before, target, after) in [
        ("image: a/b:v1\n", "image:image=c/d:v2", "image: c/d:v2\n".to_owned()),
        ("image: a/b\n", "image:image=:v2", "image: a/b:v2\n".to_owned()),
        ("image: r:5000/a/b\n", "image:image=:v2", "image: r:5000/a/b:v2\n".to_owned()),
        ("image: a/b:v1\n", new.as_str(), format!("image: a/b:v2@{NEW}\n")),
        (&string, new.as_str(), format!("image: a/b:v2@{NEW}\n")),
        (&string, "image:image=a/b:v2", "image: a/b:v2\n".to_owned()),
        (
            "image: {repository: a/b, tag: v1}\n",
            "image:image=c/d:v2",
            "image: {repository: c/d, tag: v2}\n".to_owned(),
        ),
        ("image: {name: a/b, tag: v1}\n", "image:image=c/d:v2", "image: {name: c/d, tag: v2}\n".to_owned()),
        (
            "image:\n  repository: a/b\n  tag: 1.20\n",
            "image:image=:1.21",
            "image:\n  repository: a/b\n  tag: \"1.21\"\n".to_owned(),
        ),
        (
            "image:\n  registry: docker.io\n  repository: a/b\n  tag: v1\n",
            "image:image=reg.example/c/d:v2",
            "image:\n  registry: reg.example\n  repository: c/d\n  tag: v2\n".to_owned(),
        ),
        (
            "image:\n  registry: docker.io\n  repository: a/b\n  tag: v1\n",
            "image:image=c/d:v2",
            "image:\n  registry: docker.io\n  repository: c/d\n  tag: v2\n".to_owned(),
        ),
        (
            "image: {registry: '', repository: a/b, tag: v1}\n",
            "image:image=reg.example/d:v2",
            "image: {registry: '', repository: reg.example/d, tag: v2}\n".to_owned(),
        ),
        (&digest, only.as_str(), digest.replace(OLD, NEW)),
        (&pinned, new.as_str(), pinned.replace(OLD, NEW).replace("v1", "v2")),
        (
            "image: {repository: a/b, tag: v1, digest: ''}\n",
            "image:image=:v2",
            "image: {repository: a/b, tag: v2, digest: ''}\n".to_owned(),
        ),
    ] {
        makes(before, &edit(target), &after);
    }
    for (before, target, after) in [
        ("a: 1\n", "image:image=c/d:v2", "a: 1\nimage: c/d:v2\n".to_owned()),
        (
            "image:\n  repository: a/b\n",
            "image:image=:v2",
            "image:\n  repository: a/b\n  tag: v2\n".to_owned(),
        ),
        (
            "image:\n  repository: a/b\n",
            new.as_str(),
            format!("image:\n  repository: a/b\n  tag: v2@{NEW}\n"),
        ),
    ] {
        makes(before, &create(target), &after);
    }
}

#[test]
fn refusals() {
    let file = file();
    let refusal = |input: &str, text: &str| refusal(input, edit(text));
    let mapping = format!("image: {{repository: a/b, tag: v1, digest: '{OLD}'}}\n");
    let registry = "image: {registry: reg.example, repository: a/b, tag: v1}\n";
    let twice = "kind: A\nmetadata: {name: a}\nx:\n  containers:\n  - {name: c, image: c}\n  initContainers:\n  - {name: c, image: d}\n";
    let messages = [
        refusal(&file, "object:Deployment/api:spec.replicas=3"),
        refusal(&file, "object:Deployment/web:spec.replicas=3"),
        refusal("a: b\n", "object:Deployment/web:spec.replicas=3"),
        refusal("", "object:Deployment/web:spec.replicas=3"),
        refusal(&file, "object:Deployment/api/shop:spec.replica=3"),
        refusal(&file, "container:Deployment/api/shop:api=:v2"),
        refusal(&file, "container:Deployment/api/shop:side=:v2"),
        refusal(twice, "container:A/a:c=:v2"),
        refusal(&file, "container:Pod/one:x=y"),
        refusal(&file, "container:Pod/one:x=:a b"),
        refusal(&file, "container:Pod/one:x=@sha256:12"),
        refusal(&mapping, "image:image=:v2"),
        refusal(&mapping, "image:image=c/d:v2"),
        refusal(registry, "image:image=c/d:v2"),
        refusal(registry, &format!("image:image=@{NEW}")),
        refusal("image: ''\n", "image:image=:v2"),
        refusal("image: [a]\n", "image:image=:v2"),
        refusal("image: '{{ .x }}'\n", "image:image=:v2"),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
2:1: `object:Deployment/api:spec.replicas` fits more than one place: `Deployment/api/shop` at 2:1, `Deployment/api/test` at 22:1; name one, or make the names unique
2:1: `object:Deployment/web:spec.replicas` does not exist: there is no such object; the file has `Deployment/api/shop` at 2:1, `Deployment/api/test` at 22:1, `CronWorkflow/nightly` at 27:1, `Pod/one` at 51:3
1:1: `object:Deployment/web:spec.replicas` does not exist: there is no such object; the file has none
1:1: the file holds no value, so nothing in it can be named; is it the right file?
8:3: `object:Deployment/api/shop:spec.replica` does not exist; the nearest is `spec`, which has the keys `replicas`, `paused`, `template`. Add the key `replica` there first, or let it be added with `create: true` (`--create`)
2:1: `container:Deployment/api/shop:api` does not exist: there is no such container; the file has `migrate` at 13:9, `web` at 16:9, `side` at 19:9
19:16: `container:Deployment/api/shop:side` would not take effect: a digest pins this image and decides which one runs; set the digest too, or remove it with the value `:TAG@` (`TAG@` for a `newTag` or a `tag`)
5:5: `container:A/a:c` fits more than one place: `c` at 5:5, `c` at 7:5; name one, or make the names unique
`container:Pod/one:x` cannot be set to "y": it names neither a tag nor a digest; write `name:tag`, `:tag` or `@sha256:…`
`container:Pod/one:x` cannot be set to ":a b": it is no image reference; write `name:tag`
`container:Pod/one:x` cannot be set to "@sha256:12": a digest is `sha256:` and 64 lower-case hexadecimal digits
1:8: `image:image` would not take effect: a digest pins this image and decides which one runs; set the digest too, or remove it with the value `:TAG@` (`TAG@` for a `newTag` or a `tag`)
1:8: `image:image` would not take effect: a digest pins this image and decides which one runs; set the digest too, or remove it with the value `:TAG@` (`TAG@` for a `newTag` or a `tag`)
`image:image` cannot be set to "c/d:v2": it names no registry, and the image there has its own, `reg.example`
1:8: `image:image.digest` does not exist; the nearest is `image`, which has the keys `registry`, `repository`, `tag`. Add the key `digest` there first if the chart reads it, or let the digest be written into the tag with `create: true` (`--create`)
`image:image` cannot be set to ":v2": it has no name, and neither has the image there
1:8: `image:image` is a list, not a single value; name a path inside it
1:8: `image:image` is computed by a Go template (`{{`), which the edit would destroy; set the value that it reads
"#);
}
