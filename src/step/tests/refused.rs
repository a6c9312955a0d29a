//! Invalid bodies, and invalid `build` and `update-manifest` fields that name targets, each with its error message.

use super::{parse, refusals, with, yaml};

#[test]
fn bodies_have_one_known_kind() {
    let rows = [
        "{}",
        "[]",
        "build",
        "3",
        "{bulid: {}}",
        "{updateManifest: {}}",
        "{kaniko: {}}",
        "{build: {}, update-manifest: {}}",
        "{build: null}",
        "{build: [a]}",
        "{steps: {}}",
        "{\"\": {}}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, yaml), @r##"
    {}
        no step kind is named; write one of `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    []
        expected a map, got a list
    build
        expected a map, got a string
    3
        expected a map, got the number 3
    {bulid: {}}
        unknown step kind "bulid" (did you mean `build`?); known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    {updateManifest: {}}
        unknown step kind "updateManifest" (did you mean `update-manifest`?); known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    {kaniko: {}}
        unknown step kind "kaniko"; known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    {build: {}, update-manifest: {}}
        several step kinds in one place, `build`, `update-manifest`; write one, or a list under `steps`
    {build: null}
        build: expected a map, got nothing (null)
    {build: [a]}
        build: expected a map, got a list
    {steps: {}}
        steps: expected a list, got a map
    {"": {}}
        [""]: a key is empty
    "##); }
}

#[test]
fn contexts_are_git_repositories() {
    let rows = [
        "context: null",
        "context: ''",
        "context: 3",
        "context: ./src",
        "context: ftp://git.example/a.git",
        "context: 'https://me:hunter2@git.example/a.git'",
        "context: 'https://git.example/a.git#main:sub'",
        "context: 'git@git.example:shop/api.git'",
        "context: {revision: main}",
        "context: {repo: ''}",
        "context: {repo: https://git.example/a, ref: main}",
        "context: {repo: https://git.example/a, revision: 1234567}",
        "context: {repo: https://git.example/a, revision: 'main~1'}",
        "context: {repo: https://git.example/a, revision: '-x'}",
        "context: {repo: https://git.example/a, revision: 'a..b'}",
        "context: {repo: https://git.example/a, revision: '/a'}",
        "context: {repo: https://git.example/a, subdir: ../b}",
        "context: {repo: https://git.example/a, subdir: /b}",
        "context: {repo: https://git.example/a, submodules: perhaps}",
        "context: {repo: https://git.example/a, submodule-secrets: {'git.example/shop': git}}",
        "context: {repo: https://git.example/a, secret: ghp_hunter2}",
        "context: {repo: https://git.example/a, secret: {key: token}}",
        "context: {repo: https://git.example/a, secret: {name: ''}}",
        "context: {repo: https://git.example/a, secret: {name: git, key: 'a/b'}}",
        "context: {repo: https://git.example/a, secret: {name: git, token: hunter2}}",
        "contexts: {base: ../base}",
        "contexts: {base: 'oci-layout://base'}",
        "contexts: {base: https://git.example/a.git}",
        "contexts: {base: 'docker-image://Shop/base'}",
        "contexts: {base: {repo: https://git.example/a, revison: main}}",
        "contexts: {'': docker-image://a}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, |row| with("build", row)), @r##"
    context: null
        build.context: is empty
    context: ''
        build.context: is empty
    context: 3
        build.context: expected a string, got the number 3; write it in quotes
    context: ./src
        build.context: the repository URL cannot be read: expected something like https://host/owner/repo.git
    context: ftp://git.example/a.git
        build.context: repository URL scheme `ftp` is not supported: use https://, http://, ssh:// or user@host:path
    context: 'https://me:hunter2@git.example/a.git'
        build.context: a repository URL must not contain a user name or password: give the login as a secret reference (`secret: {name, key}`) and leave it out of the URL
    context: 'https://git.example/a.git#main:sub'
        build.context: a repository URL must not contain `?` or `#`: give the branch, tag or commit as `revision` and the directory as `subdir`
    context: 'git@git.example:shop/api.git'
        build.context: an ssh repository needs a key; add `secret: {name, key}`
    context: {revision: main}
        build.context.repo: is missing
    context: {repo: ''}
        build.context.repo: is empty
    context: {repo: https://git.example/a, ref: main}
        build.context.ref: unknown field (did you mean `revision`?); known: `repo`, `revision`, `subdir`, `secret`, `submodules`, `submodule-secrets`, `dockerignore`
    context: {repo: https://git.example/a, revision: 1234567}
        build.context.revision: expected a string, got the number 1234567; write it in quotes
    context: {repo: https://git.example/a, revision: 'main~1'}
        build.context.revision: `~` is not allowed in the name of a branch, a tag or a commit
    context: {repo: https://git.example/a, revision: '-x'}
        build.context.revision: must not begin with `-`
    context: {repo: https://git.example/a, revision: 'a..b'}
        build.context.revision: must not contain `..`, `//` or `@{`
    context: {repo: https://git.example/a, revision: '/a'}
        build.context.revision: must not begin with `/`, nor end with `/`, `.` or `.lock`
    context: {repo: https://git.example/a, subdir: ../b}
        build.context.subdir: `..` would leave the directory
    context: {repo: https://git.example/a, subdir: /b}
        build.context.subdir: "/b" is absolute; write it relative to the repository
    context: {repo: https://git.example/a, submodules: perhaps}
        build.context.submodules: expected true or false, got "perhaps"
    context: {repo: https://git.example/a, submodule-secrets: {'git.example/shop': git}}
        build.context.submodule-secrets["git.example/shop"]: its name is no server; write `git.example.com`, or `git.example.com:3000` with a port, and `http://` before it only if a login may go there over plain http
    context: {repo: https://git.example/a, secret: ghp_hunter2}
        build.context.secret: is not the name of a Secret (lower-case letters, digits, `-` and `.`); write the name of a Secret in the workflow's namespace, never the secret itself
    context: {repo: https://git.example/a, secret: {key: token}}
        build.context.secret.name: is missing
    context: {repo: https://git.example/a, secret: {name: ''}}
        build.context.secret.name: is empty
    context: {repo: https://git.example/a, secret: {name: git, key: 'a/b'}}
        build.context.secret.key: is not the key of a Secret (letters, digits, `-`, `_` and `.`)
    context: {repo: https://git.example/a, secret: {name: git, token: hunter2}}
        build.context.secret.token: unknown field; known: `name`, `key`
    contexts: {base: ../base}
        build.contexts.base: a local path is not available, since the sidecar has no files of yours; write docker-image://registry/repository:tag or {repo: …, revision: …}
    contexts: {base: 'oci-layout://base'}
        build.contexts.base: an OCI layout lies in local files, which the sidecar does not have; push it and write docker-image://registry/repository:tag
    contexts: {base: https://git.example/a.git}
        build.contexts.base: write a Git repository as {repo: …, revision: …}
    contexts: {base: 'docker-image://Shop/base'}
        build.contexts.base: `Shop/base` is not an image name: its repository must be lower-case
    contexts: {base: {repo: https://git.example/a, revison: main}}
        build.contexts.base.revison: unknown field (did you mean `revision`?); known: `repo`, `revision`, `subdir`, `secret`, `submodules`, `submodule-secrets`, `dockerignore`
    contexts: {'': docker-image://a}
        build.contexts[""]: a key is empty
    "##); }
}

#[test]
fn images_have_valid_names() {
    let rows = [
        "tags: null",
        "tags: []",
        "tags: ''",
        "tags: ['']",
        "tags: [reg.example/Shop/api]",
        "tags: ['reg.example/shop/api:']",
        "tags: 'reg.example/a:1,,reg.example/b:1'",
        "tags: [3]",
        "tags: {ref: reg.example/a}",
        "tags: [{ref: reg.example/a, unsafe: true}]",
        "tags: [{insecure: true}]",
        "tags: ['reg.example/a@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']",
        "tags: '[\"reg.example/a\"'",
        "tag: reg.example/a",
        "cache: {form: reg.example/cache}",
        "cache: {from: [https://reg.example/cache]}",
        "cache: {to: {ref: reg.example/cache, mod: max}}",
        "cache: {to: {ref: reg.example/cache, mode: Max}}",
        "cache: {to: {ref: reg.example/cache, ignore-error: 1}}",
        "cache: {to: reg.example/shop/api:1}",
        "cache: {to: {ref: reg.example/shop/api, when: branch}}",
        "cache: {to: {ref: reg.example/cache, when: branches}}",
        "cache: {to: {ref: reg.example/cache, always: true}}",
        "cache: {git-ref: 'a branch'}",
        "cache: {git-ref: refs/heads/../main}",
        "cache: {to: 'reg.example/a@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}",
        "cache: true",
        "registry-secret: {name: 'Regcred!'}",
        "push: never",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, |row| with("build", row)), @r##"
    tags: null
        build.tags: is missing; a push needs at least one (or set `push: false`)
    tags: []
        build.tags: is missing; a push needs at least one (or set `push: false`)
    tags: ''
        build.tags: is missing; a push needs at least one (or set `push: false`)
    tags: ['']
        build.tags[0]: is empty
    tags: [reg.example/Shop/api]
        build.tags[0]: `reg.example/Shop/api` is not an image name: its repository must be lower-case
    tags: ['reg.example/shop/api:']
        build.tags[0]: `reg.example/shop/api:` is not an image name: its tag is empty; write one, or leave out the `:`
    tags: 'reg.example/a:1,,reg.example/b:1'
        build.tags[1]: is empty
    tags: [3]
        build.tags[0]: expected a string, got the number 3; write it in quotes
    tags: {ref: reg.example/a}
        build.tags: expected a list, got a map
    tags: [{ref: reg.example/a, unsafe: true}]
        build.tags[0].unsafe: unknown field; known: `ref`, `insecure`
    tags: [{insecure: true}]
        build.tags[0].ref: is missing
    tags: ['reg.example/a@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']
        build.tags[0]: has a digest, which follows from what is pushed; write a tag
    tags: '["reg.example/a"'
        build.tags: is no valid JSON: EOF while parsing a list at line 1 column 16
    tag: reg.example/a
        build.tag: unknown field (did you mean `tags`?); known: `context`, `dockerfile`, `dockerfile-inline`, `target`, `platforms`, `build-args`, `secrets`, `ssh`, `contexts`, `tags`, `push`, `registry-secret`, `attach-log`, `attach-report`, `labels`, `annotations`, `cache`, `no-cache`, `network`, `entitlements`, `extra-hosts`, `shm-size`, `ulimits`, `cgroup-parent`, `compression`, `media-types`, `source-date-epoch`, `rewrite-timestamp`, `attest`, `git-labels`, `skip-if-exists`
    cache: {form: reg.example/cache}
        build.cache.form: unknown field (did you mean `from`?); known: `inline`, `from`, `to`, `git-ref`
    cache: {from: [https://reg.example/cache]}
        build.cache.from[0]: `https://reg.example/cache` is not an image name: it has a URL scheme; write `registry/repository:tag`
    cache: {to: {ref: reg.example/cache, mod: max}}
        build.cache.to.mod: unknown field (did you mean `mode`?); known: `ref`, `mode`, `ignore-error`, `insecure`, `when`
    cache: {to: {ref: reg.example/cache, mode: Max}}
        build.cache.to.mode: "Max" is not one of `min`, `max` (did you mean `max`?)
    cache: {to: {ref: reg.example/cache, ignore-error: 1}}
        build.cache.to.ignore-error: expected true or false, got the number 1
    cache: {to: reg.example/shop/api:1}
        build.cache: `to` is `reg.example/shop/api:1`, one of `tags`; the cache would replace it
    cache: {to: {ref: reg.example/shop/api, when: branch}}
        build.cache: `to` is `reg.example/shop/api`, the repository of one of `tags`; the cache of a branch of that name would replace it
    cache: {to: {ref: reg.example/cache, when: branches}}
        build.cache.to.when: "branches" is not one of `changed`, `always`, `branch` (did you mean `branch`?)
    cache: {to: {ref: reg.example/cache, always: true}}
        build.cache.to.always: unknown field (did you mean `when`?); known: `ref`, `mode`, `ignore-error`, `insecure`, `when`
    cache: {git-ref: 'a branch'}
        build.cache.git-ref: ` ` is not allowed in the name of a branch, a tag or a commit
    cache: {git-ref: refs/heads/../main}
        build.cache.git-ref: must not contain `..`, `//` or `@{`
    cache: {to: 'reg.example/a@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}
        build.cache.to: has a digest, which follows from what is pushed; write a tag
    cache: true
        build.cache: expected a map, got the bool true
    registry-secret: {name: 'Regcred!'}
        build.registry-secret.name: is not the name of a Secret (lower-case letters, digits, `-` and `.`); write the name of a Secret in the workflow's namespace, never the secret itself
    push: never
        build.push: expected true or false, got "never"
    "##); }
}

#[test]
fn no_message_repeats_a_pasted_secret() {
    let rows = [
        ("build", "context: 'https://me:hunter2@git.example/a.git'"),
        ("build", "context: {repo: 'https://git.example/a', secret: 'Hunter2!hunter2'}"),
        ("build", "context: {repo: 'https://git.example/a', secret: {name: 'a hunter2'}}"),
        ("build", "context: {repo: 'https://git.example/a', secret: {name: a, key: 'hunter2!'}}"),
        ("build", "registry-secret: '{\"auths\": {\"r\": {\"auth\": \"hunter2\"}}}'"),
        ("update-manifest", "repo: 'https://hunter2@git.example/a.git'"),
    ];
    for (kind, row) in rows {
        let message = parse(&with(kind, row)).unwrap_err().to_string().to_lowercase();
        assert!(!message.contains("hunter2"), "{message}");
    }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    bodies_have_one_known_kind,
    contexts_are_git_repositories,
    images_have_valid_names,
    no_message_repeats_a_pasted_secret,
];
