//! Invalid options of `build` and invalid manifest updates, each with its error message.

use super::{refusals, with};

#[test]
fn build_options_are_what_buildkit_knows() {
    let rows = [
        "dockerfile: ../Dockerfile",
        "dockerfile: /Dockerfile",
        "dockerfile: docker/",
        "dockerfile: '.git/config'",
        "dockerfile: \"Dockerfile\\n\"",
        "dockerfile: Dockerfile, dockerfile-inline: FROM scratch",
        "dockerfile-inline: \"FROM a\\0\"",
        "target: [a]",
        "platforms: linux",
        "platforms: linux/amd46",
        "platforms: [linus/amd64]",
        "platforms: linux/arm/V7",
        "build-args: {VERSION: 1.10}",
        "build-args: {A: null}",
        "build-args: {'A B': c}",
        "build-args: [A=b]",
        "build-args: \"{\\\"A\\\": 1}\"",
        "buildArgs: {A: b}",
        "secrets: {npm: npm}",
        "secrets: [{id: npm}]",
        "secrets: [{id: npm, secret: npm}]",
        "secrets: [{id: npm, secret: {name: npm, key: a}}, {id: npm, secret: {name: npm, key: b}}]",
        "labels: {a: true}",
        "annotations: {a: \"b\\u0007\"}",
        "no-cache: {stage: a}",
        "no-cache: 1",
        "network: bridge",
        "network: hosts",
        "entitlements: security.insecur",
        "extra-hosts: {db: localhost}",
        "extra-hosts: [db]",
        "extra-hosts: ['db,x=10.0.0.1']",
        "extra-hosts: {'a b': 10.0.0.1}",
        "compression: lz4",
        "compression: {level: 3}",
        "compression: {type: gzip, level: 10}",
        "compression: {type: zstd, level: high}",
        "compression: {type: uncompressed, level: 1}",
        "skip-if-exists: true",
        "skip-if-exists: true, attest: min, push: false",
        "skip-if-exists: true, attest: min, no-cache: [a]",
        "annotations: {'index:argo-buildkit.inputs': a}, attest: min",
        "build-args: {BUILDKIT_ATTEST_SBOM: generator=evil.example/scanner}",
        "attest: {provenance: full}",
        "attest: [min]",
        "provenance: true",
        "target: '{{inputs.parameters.target}}'",
        "platforms: '{{inputs.parameters.platforms}}'",
        "tags: ['reg.example/a:{{ workflow.parameters.tag }}']",
        "build-args: {'{{inputs.parameters.arg}}': a}",
        "push: '{{inputs.parameters.push}}'",
        "context: '{{inputs.parameters.repo}}'",
        "build-args: {D: $(build.digest)}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, |row| with("build", row)), @r##"
    dockerfile: ../Dockerfile
        build.dockerfile: `..` would leave the directory
    dockerfile: /Dockerfile
        build.dockerfile: "/Dockerfile" is absolute; write it relative to the repository
    dockerfile: docker/
        build.dockerfile: names a directory; expected a file
    dockerfile: '.git/config'
        build.dockerfile: `.git` holds the repository itself and cannot be used
    dockerfile: "Dockerfile\n"
        build.dockerfile: holds a control character (U+000A), which is not allowed here
    dockerfile: Dockerfile, dockerfile-inline: FROM scratch
        build.dockerfile-inline: stands beside `dockerfile`; the Dockerfile comes from one of them
    dockerfile-inline: "FROM a\0"
        build.dockerfile-inline: holds a control character (U+0000), which is not allowed here
    target: [a]
        build.target: expected a string, got a list
    platforms: linux
        build.platforms[0]: "linux" is no platform; write os/arch or os/arch/variant
    platforms: linux/amd46
        build.platforms[0]: "amd46" is not a known architecture (did you mean `amd64`?); known: `amd64`, `arm64`, `arm`, `386`, `loong64`, `mips64`, `mips64le`, `ppc64le`, `riscv64`, `s390x`, `wasm`
    platforms: [linus/amd64]
        build.platforms[0]: "linus" is not a known operating system (did you mean `linux`?); known: `linux`, `windows`, `darwin`, `freebsd`, `wasip1`
    platforms: linux/arm/V7
        build.platforms[0]: "V7" is no variant, such as v7
    build-args: {VERSION: 1.10}
        build.build-args.VERSION: expected a string, got the number 1.1; write it in quotes
    build-args: {A: null}
        build.build-args.A: expected a string, got nothing (null)
    build-args: {'A B': c}
        build.build-args["A B"]: the name of a build argument holds neither `=` nor spaces
    build-args: [A=b]
        build.build-args: expected a map, got a list
    build-args: "{\"A\": 1}"
        build.build-args.A: expected a string, got the number 1; write it in quotes
    buildArgs: {A: b}
        build.buildArgs: unknown field (did you mean `build-args`?); known: `context`, `dockerfile`, `dockerfile-inline`, `target`, `platforms`, `build-args`, `secrets`, `ssh`, `contexts`, `tags`, `push`, `registry-secret`, `attach-log`, `attach-report`, `labels`, `annotations`, `cache`, `no-cache`, `network`, `entitlements`, `extra-hosts`, `shm-size`, `ulimits`, `cgroup-parent`, `compression`, `media-types`, `source-date-epoch`, `rewrite-timestamp`, `attest`, `git-labels`, `skip-if-exists`
    secrets: {npm: npm}
        build.secrets: expected a list, got a map
    secrets: [{id: npm}]
        build.secrets[0].secret: is missing
    secrets: [{id: npm, secret: npm}]
        build.secrets[0].secret: names no key of the Secret; write {name: …, key: …}
    secrets: [{id: npm, secret: {name: npm, key: a}}, {id: npm, secret: {name: npm, key: b}}]
        build.secrets[1].id: is used by another one of this build
    labels: {a: true}
        build.labels.a: expected a string, got the bool true
    annotations: {a: "b\u0007"}
        build.annotations.a: holds a control character (U+0007), which is not allowed here
    no-cache: {stage: a}
        build.no-cache: expected a list, got a map
    no-cache: 1
        build.no-cache: expected a list, got the number 1
    network: bridge
        build.network: "bridge" is not one of `default`, `sandbox`, `none`, `host`
    network: hosts
        build.network: "hosts" is not one of `default`, `sandbox`, `none`, `host` (did you mean `host`?)
    entitlements: security.insecur
        build.entitlements[0]: "security.insecur" is not one of `network.host`, `security.insecure` (did you mean `security.insecure`?)
    extra-hosts: {db: localhost}
        build.extra-hosts.db: "localhost" is not an IP address
    extra-hosts: [db]
        build.extra-hosts[0]: expected host=address
    extra-hosts: ['db,x=10.0.0.1']
        build.extra-hosts[0]: "db,x" is not a host name
    extra-hosts: {'a b': 10.0.0.1}
        build.extra-hosts["a b"]: "a b" is not a host name
    compression: lz4
        build.compression: "lz4" is not one of `gzip`, `zstd`, `estargz`, `uncompressed`
    compression: {level: 3}
        build.compression.type: is missing
    compression: {type: gzip, level: 10}
        build.compression.level: expected a whole number from 0 to 9, got "10"
    compression: {type: zstd, level: high}
        build.compression.level: expected a whole number from 0 to 22, got "high"
    compression: {type: uncompressed, level: 1}
        build.compression.level: `uncompressed` has no level
    skip-if-exists: true
        build.skip-if-exists: needs `attest: {provenance: min}`: the provenance says which base images an image was built from
    skip-if-exists: true, attest: min, push: false
        build.skip-if-exists: looks into the registry; the image must be pushed there
    skip-if-exists: true, attest: min, no-cache: [a]
        build.skip-if-exists: stands beside `no-cache`, which builds again
    annotations: {'index:argo-buildkit.inputs': a}, attest: min
        build.annotations: `argo-buildkit.inputs` is set by `skip-if-exists`
    build-args: {BUILDKIT_ATTEST_SBOM: generator=evil.example/scanner}
        build.build-args.BUILDKIT_ATTEST_SBOM: is no build argument; use `attest`
    attest: {provenance: full}
        build.attest.provenance: "full" is not one of `min`, `max`
    attest: [min]
        build.attest: expected a string, got a list
    provenance: true
        build.provenance: unknown field; known: `context`, `dockerfile`, `dockerfile-inline`, `target`, `platforms`, `build-args`, `secrets`, `ssh`, `contexts`, `tags`, `push`, `registry-secret`, `attach-log`, `attach-report`, `labels`, `annotations`, `cache`, `no-cache`, `network`, `entitlements`, `extra-hosts`, `shm-size`, `ulimits`, `cgroup-parent`, `compression`, `media-types`, `source-date-epoch`, `rewrite-timestamp`, `attest`, `git-labels`, `skip-if-exists`
    target: '{{inputs.parameters.target}}'
        build.target: Argo did not substitute "{{inputs.parameters.target}}": no such parameter here
    platforms: '{{inputs.parameters.platforms}}'
        build.platforms: Argo did not substitute "{{inputs.parameters.platforms}}": no such parameter here
    tags: ['reg.example/a:{{ workflow.parameters.tag }}']
        build.tags[0]: Argo did not substitute "{{ workflow.parameters.tag }}": no such parameter here
    build-args: {'{{inputs.parameters.arg}}': a}
        build.build-args["{{inputs.parameters.arg}}"]: Argo did not substitute "{{inputs.parameters.arg}}": no such parameter here
    push: '{{inputs.parameters.push}}'
        build.push: Argo did not substitute "{{inputs.parameters.push}}": no such parameter here
    context: '{{inputs.parameters.repo}}'
        build.context: Argo did not substitute "{{inputs.parameters.repo}}": no such parameter here
    build-args: {D: $(build.digest)}
        build.build-args.D: `$(build.digest)`: nothing to refer to, since references work between the entries of `steps` only; write `$$(build.digest)` for the text itself
    "##); }
}

#[test]
fn manifest_updates_name_files_and_values() {
    let rows = [
        "repo: null",
        "repo: 'https://hunter2@git.example/gitops.git'",
        "repo: 'ssh://git@git.example/gitops.git'",
        "branch: refs/tags/v1",
        "branch: 'a b'",
        "branch: HEAD",
        "targets: null",
        "targets: []",
        "targets: {file: a}",
        "targets: [{helm: {image.tag: '1'}}]",
        "targets: [{file: a.yaml}]",
        "targets: [{file: ../a.yaml, helm: {image.tag: '1'}}]",
        "targets: [{file: .git/hooks/x, helm: {image.tag: '1'}}]",
        "targets: [{file: 'a\\b.yaml', helm: {image.tag: '1'}}]",
        "targets: [{file: a.yaml, helm: {image.tag: '1'}, kustomize: {name: a, newTag: '1'}}]",
        "targets: [{file: a.yaml, helm: {}}]",
        "targets: [{file: a.yaml, helm: {image.tag: ''}}]",
        "targets: [{file: a.yaml, helm: {image.tag: 1.20}}]",
        "targets: [{file: a.yaml, helm: {image: {tag: '1'}}}]",
        "targets: [{file: a.yaml, helm: {image..tag: '1'}}]",
        "targets: [{file: a.yaml, helm: {image.tag: \"1\\n2\"}}]",
        "targets: [{file: a.yaml, kustomize: {newTag: '1'}}]",
        "targets: [{file: a.yaml, kustomize: {name: a}}]",
        "targets: [{file: a.yaml, kustomize: {name: a, new-tag: '1'}}]",
        "targets: [{file: a.yaml, kustomize: {name: a, newTag: 'a:b'}}]",
        "targets: [{file: a.yaml, kustomize: {name: a, newName: 'reg.example/a:1'}}]",
        "targets: [{file: a.yaml, kustomize: {name: a, digest: sha256:12}}]",
        "author: {name: 'a <b>'}",
        "author: me",
        "message: \"a\\rb\"",
        "message: '{{inputs.parameters.message}}'",
        "message: 'ship $(imgae)'",
        "message: 'ship $(tag)'",
        "message: 'ship $(source-commit)'",
        "targets: [{file: 'a[.yaml', helm: {image.tag: '1'}}]",
        "targets: [{file: a.yaml, image: {image: reg.example/a}}]",
        "targets: [{file: a.yaml, image: {image: 'a b'}}]",
        "targets: [{file: a.yaml, container: {kind: Deployment, name: a, image: 'a:1'}}]",
        "targets: [{file: a.yaml, container: {kind: Deployment, name: a, container: b}}]",
        "targets: [{file: a.yaml, container: {kind: Deployment, name: a, container: b, image: 'a:1', tag: '2'}}]",
        "targets: [{file: a.yaml, container: {kind: Deployment, name: a, container: b, tag: 'a:1'}}]",
        "targets: [{file: a.yaml, object: {kind: Deployment, name: a/b, set: {a: b}}}]",
        "targets: [{file: a.yaml, application: {name: a}}]",
        "targets: [{file: a.yaml, setters: {podinfo: 'a:1'}}]",
        "targets: [{file: a.yaml, create: maybe, helm: {a: b}}]",
        "image: 'a b'",
        "source: {repo: 'https://git.example/a', commit: main}",
        "source: {repo: 'ssh://git@git.example/a', commit: 5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d}",
        "signing-key: signer",
        "commit: perhaps",
        "mode: pr",
        "mode: pull-request",
        "pull-request: {labels: [a]}",
        "mode: pull-request, secret: a, pull-request: {branch: 'a b'}",
        "mode: pull-request, secret: a, pull-request: {branch: '$(changes)'}",
        "mode: pull-request, secret: a, pull-request: {title: '$(changes)'}",
        "mode: pull-request, secret: a, pull-request: {body: '$(digest)'}",
        "mode: pull-request, secret: a, pull-request: {auto-merge: sqash}",
        "mode: pull-request, secret: a, forge: gitlab",
        "mode: pull-request, secret: a, forge: {url: 'https://hunter2@git.example/api/v1'}",
        "via: rest",
        "refresh: {namespace: argocd}",
        "refresh: Shop",
        "refresh: {application: api, namespace: 'a/b'}",
        "refresh: {app: api}",
        "refresh: [api]",
        "refresh: api, commit: false",
        "refresh: api, mode: pull-request, secret: a",
        "via: api",
        "via: api, secret: a, signing-key: {name: a, key: b}",
    ];
    insta::allow_duplicates! { insta::assert_snapshot!(refusals(&rows, |row| with("update-manifest", row)), @r#"
    repo: null
        update-manifest.repo: is empty
    repo: 'https://hunter2@git.example/gitops.git'
        update-manifest.repo: a repository URL must not contain a user name or password: give the login as a secret reference (`secret: {name, key}`) and leave it out of the URL
    repo: 'ssh://git@git.example/gitops.git'
        update-manifest.secret: is missing; an ssh repository needs a key
    branch: refs/tags/v1
        update-manifest.branch: is not a branch
    branch: 'a b'
        update-manifest.branch: ` ` is not allowed in the name of a branch, a tag or a commit
    branch: HEAD
        update-manifest.branch: names no branch
    targets: null
        update-manifest.targets: is empty
    targets: []
        update-manifest.targets: is empty; name at least one file and what to change in it
    targets: {file: a}
        update-manifest.targets: expected a list, got a map
    targets: [{helm: {image.tag: '1'}}]
        update-manifest.targets[0].file: is missing
    targets: [{file: a.yaml}]
        update-manifest.targets[0]: says nothing to change; add one of `helm`, `image`, `kustomize`, `object`, `container`, `application`, `setters`
    targets: [{file: ../a.yaml, helm: {image.tag: '1'}}]
        update-manifest.targets[0].file: `..` would leave the directory
    targets: [{file: .git/hooks/x, helm: {image.tag: '1'}}]
        update-manifest.targets[0].file: `.git` holds the repository itself and cannot be used
    targets: [{file: 'a\b.yaml', helm: {image.tag: '1'}}]
        update-manifest.targets[0].file: holds a backslash; separate directories with `/`
    targets: [{file: a.yaml, helm: {image.tag: '1'}, kustomize: {name: a, newTag: '1'}}]
        update-manifest.targets[0]: has `helm`, `kustomize`; write one target for each
    targets: [{file: a.yaml, helm: {}}]
        update-manifest.targets[0].helm: is empty; write at least one path and its value
    targets: [{file: a.yaml, helm: {image.tag: ''}}]
        update-manifest.targets[0].helm["image.tag"]: is empty
    targets: [{file: a.yaml, helm: {image.tag: 1.20}}]
        update-manifest.targets[0].helm["image.tag"]: expected a string, got the number 1.2; write it in quotes
    targets: [{file: a.yaml, helm: {image: {tag: '1'}}}]
        update-manifest.targets[0].helm.image: expected a string, got a map; write nested keys as one path, like `image.tag`
    targets: [{file: a.yaml, helm: {image..tag: '1'}}]
        update-manifest.targets[0].helm["image..tag"]: the path `image..tag` is wrong at column 7: expected a key, found `.`
    targets: [{file: a.yaml, helm: {image.tag: "1\n2"}}]
        update-manifest.targets[0].helm["image.tag"]: holds a control character (U+000A), which is not allowed here
    targets: [{file: a.yaml, kustomize: {newTag: '1'}}]
        update-manifest.targets[0].kustomize.name: is missing
    targets: [{file: a.yaml, kustomize: {name: a}}]
        update-manifest.targets[0].kustomize: changes nothing; add `newTag`, `newName` or `digest`
    targets: [{file: a.yaml, kustomize: {name: a, new-tag: '1'}}]
        update-manifest.targets[0].kustomize.new-tag: unknown field (did you mean `newTag`?); known: `name`, `newName`, `newTag`, `digest`
    targets: [{file: a.yaml, kustomize: {name: a, newTag: 'a:b'}}]
        update-manifest.targets[0].kustomize.newTag: is not a tag
    targets: [{file: a.yaml, kustomize: {name: a, newName: 'reg.example/a:1'}}]
        update-manifest.targets[0].kustomize.newName: is not the name of an image without tag and digest
    targets: [{file: a.yaml, kustomize: {name: a, digest: sha256:12}}]
        update-manifest.targets[0].kustomize.digest: is not a digest, sha256:…
    author: {name: 'a <b>'}
        update-manifest.author.name: holds `<` or `>`
    author: me
        update-manifest.author: expected a map, got a string
    message: "a\rb"
        update-manifest.message: holds a control character (U+000D), which is not allowed here
    message: '{{inputs.parameters.message}}'
        update-manifest.message: Argo did not substitute "{{inputs.parameters.message}}": no such parameter here
    message: 'ship $(imgae)'
        update-manifest.message: `$(imgae)` stands for nothing (did you mean `image`?)
    message: 'ship $(tag)'
        update-manifest.message: `$(tag)` needs the field `image`
    message: 'ship $(source-commit)'
        update-manifest.message: `$(source-commit)` needs the field `source`
    targets: [{file: 'a[.yaml', helm: {image.tag: '1'}}]
        update-manifest.targets[0].file: `a[.yaml` names no file: unclosed character class; missing ']'; write `[` and `{` with their ends, or `[[]` for a plain `[`
    targets: [{file: a.yaml, image: {image: reg.example/a}}]
        update-manifest.targets[0].image.image: names no tag and no digest; add one, such as `:1.4.0`
    targets: [{file: a.yaml, image: {image: 'a b'}}]
        update-manifest.targets[0].image.image: `a b` is not an image name: `a b` must be lower-case letters and digits, joined by `.`, `_`, `__` or `-`
    targets: [{file: a.yaml, container: {kind: Deployment, name: a, image: 'a:1'}}]
        update-manifest.targets[0].container.container: is missing
    targets: [{file: a.yaml, container: {kind: Deployment, name: a, container: b}}]
        update-manifest.targets[0].container: changes nothing; add `image`, `tag` or `digest`
    targets: [{file: a.yaml, container: {kind: Deployment, name: a, container: b, image: 'a:1', tag: '2'}}]
        update-manifest.targets[0].container: has `image` and a part of it; write one of them
    targets: [{file: a.yaml, container: {kind: Deployment, name: a, container: b, tag: 'a:1'}}]
        update-manifest.targets[0].container.tag: is not a tag
    targets: [{file: a.yaml, object: {kind: Deployment, name: a/b, set: {a: b}}}]
        update-manifest.targets[0].object.name: is not a kind or a name of an object
    targets: [{file: a.yaml, application: {name: a}}]
        update-manifest.targets[0].application: changes nothing; add `parameters` or `values`
    targets: [{file: a.yaml, setters: {podinfo: 'a:1'}}]
        update-manifest.targets[0].setters.podinfo: is not `NAMESPACE:NAME` of an ImagePolicy
    targets: [{file: a.yaml, create: maybe, helm: {a: b}}]
        update-manifest.targets[0].create: expected true or false, got "maybe"
    image: 'a b'
        update-manifest.image: `a b` is not an image name: `a b` must be lower-case letters and digits, joined by `.`, `_`, `__` or `-`
    source: {repo: 'https://git.example/a', commit: main}
        update-manifest.source.commit: is not a commit's 40 hex digits, such as `$(build.revision)`
    source: {repo: 'ssh://git@git.example/a', commit: 5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d}
        update-manifest.source.secret: is missing; an ssh repository needs a key
    signing-key: signer
        update-manifest.signing-key: names no key of the Secret; write {name: …, key: …}
    commit: perhaps
        update-manifest.commit: expected true or false, got "perhaps"
    mode: pr
        update-manifest.mode: "pr" is not one of `push`, `pull-request`
    mode: pull-request
        update-manifest.forge: needs a `secret` with a token: the API takes neither an ssh key nor a call without a login
    pull-request: {labels: [a]}
        update-manifest.pull-request: is used with `mode: pull-request` only; add it
    mode: pull-request, secret: a, pull-request: {branch: 'a b'}
        update-manifest.pull-request.branch: ` ` is not allowed in the name of a branch, a tag or a commit
    mode: pull-request, secret: a, pull-request: {branch: '$(changes)'}
        update-manifest.pull-request.branch: `$(changes)` cannot stand in a branch's name
    mode: pull-request, secret: a, pull-request: {title: '$(changes)'}
        update-manifest.pull-request.title: `$(changes)` cannot stand in one line
    mode: pull-request, secret: a, pull-request: {body: '$(digest)'}
        update-manifest.pull-request.body: `$(digest)` needs the field `image`
    mode: pull-request, secret: a, pull-request: {auto-merge: sqash}
        update-manifest.pull-request.auto-merge: "sqash" is not one of `merge`, `squash`, `rebase` (did you mean `squash`?)
    mode: pull-request, secret: a, forge: gitlab
        update-manifest.forge: "gitlab" is not one of `gitea`, `github` (did you mean `gitea`?)
    mode: pull-request, secret: a, forge: {url: 'https://hunter2@git.example/api/v1'}
        update-manifest.forge.url: must not hold a login; name a `secret` instead
    via: rest
        update-manifest.via: "rest" is not one of `git`, `api`
    refresh: {namespace: argocd}
        update-manifest.refresh.application: is missing
    refresh: Shop
        update-manifest.refresh: is no name of a Kubernetes object (lower-case letters, digits, `-` and `.`)
    refresh: {application: api, namespace: 'a/b'}
        update-manifest.refresh.namespace: is no name of a Kubernetes object (lower-case letters, digits, `-` and `.`)
    refresh: {app: api}
        update-manifest.refresh.app: unknown field; known: `application`, `namespace`
    refresh: [api]
        update-manifest.refresh: expected a string, got a list
    refresh: api, commit: false
        update-manifest.refresh: cannot be used with `commit: false`, which commits nothing; remove one of them
    refresh: api, mode: pull-request, secret: a
        update-manifest.refresh: cannot be used with `mode: pull-request`, which commits nothing to the branch; remove one of them
    via: api
        update-manifest.forge: needs a `secret` with a token: the API takes neither an ssh key nor a call without a login
    via: api, secret: a, signing-key: {name: a, key: b}
        update-manifest.signing-key: cannot be used with `via: api`, where the server makes the commit; remove one of them
    "#); }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] =
    &[build_options_are_what_buildkit_knows, manifest_updates_name_files_and_values];
