//! Errors of a build that come from a repository, a Dockerfile or a registry.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::net::unique;
use crate::support::plugin::{expect_phase, tree};
use crate::support::registry::Registry;
use crate::support::shop::{Shop, merge, template};

/// A registry that answers everything with `status`.
async fn answering(status: StatusCode) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let app = axum::Router::new().fallback(move || async move { status });
    tokio::spawn(async move { axum::serve(listener, app).await });
    host
}

/// A build that would push `bad`.
fn build(shop: &Shop, mut more: Value) -> Value {
    if more.get("tags").is_none() {
        more["tags"] = json!(format!("{}:bad", shop.image()));
    }
    shop.build(more)
}

fn context(shop: &Shop, more: Value) -> Value {
    let mut context = json!({"repo": shop.service.url(), "secret": "git"});
    merge(&mut context, more);
    build(shop, json!({"context": context}))
}

#[tokio::test]
async fn secrets_that_are_not_there_are_named() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    shop.plugin.put("not-docker", ".dockerconfigjson", "{\"auths\": []}");
    shop.plugin.put("odd", "something", "x");
    let secret = |reference: Value| json!({"secrets": [{"id": "npmrc", "secret": reference}]});
    let rows = vec![
        ("no such Secret", build(&shop, secret(json!({"name": "npmm", "key": ".npmrc"})))),
        ("no such key", build(&shop, secret(json!({"name": "git", "key": ".npmrc"})))),
        ("no such Git Secret", context(&shop, json!({"secret": "gitt"}))),
        ("no token in it", context(&shop, json!({"secret": "odd"}))),
        ("no such registry Secret", build(&shop, json!({"registry-secret": "registri"}))),
        ("no docker config in it", build(&shop, json!({"registry-secret": "git"}))),
        ("not a docker config", build(&shop, json!({"registry-secret": "not-docker"}))),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    no such Secret
        secret `npmm` does not exist in the secrets directory `SECRETS`; create it there, or correct the step's reference
    no such key
        secret `git` has no key `.npmrc`; it has: token, username; name the one that is meant: {name: git, key: …}
    no such Git Secret
        secret `gitt` does not exist in the secrets directory `SECRETS`; create it there, or correct the step's reference
    no token in it
        secret `odd` has no key `password` or `token`; it has: something; name the one that is meant: {name: odd, key: …}
    no such registry Secret
        secret `registri` does not exist in the secrets directory `SECRETS`; create it there, or correct the step's reference
    no docker config in it
        secret `git` has no key `.dockerconfigjson`; it has: token, username; name the one that is meant: {name: git, key: …}
    not a docker config
        secret `not-docker`: the docker config is not JSON of the form `{"auths": {"registry": {…}}}` (line 1, column 10); make the Secret with `kubectl create secret docker-registry`
    "#);
    assert_eq!(shop.digest("bad").await, None);
}

#[tokio::test]
async fn repositories_and_revisions_that_do_not_fit_are_named() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let empty = shop.world.gitea.empty_repo(&shop.owner, "empty").await;
    let other = Shop::open("FROM scratch\n").await;
    shop.plugin.put("wrong", "token", &"0123456789".repeat(4));
    shop.plugin.put("packages", "token", &shop.world.gitea.token(&shop.owner, &["write:package"]).await);
    let nobody = format!("{}/{}/nothing.git", shop.world.gitea.url(), shop.owner);
    let rows = vec![
        ("no such branch", context(&shop, json!({"revision": "mian"}))),
        ("short commit", context(&shop, json!({"revision": &shop.sha[..10]}))),
        ("unknown commit", context(&shop, json!({"revision": "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d"}))),
        ("no such directory", context(&shop, json!({"subdir": "servces/api"}))),
        ("a file for a directory", context(&shop, json!({"subdir": "main.txt"}))),
        ("no login", context(&shop, json!({"secret": null}))),
        ("wrong token", context(&shop, json!({"secret": "wrong"}))),
        ("token without the scope", context(&shop, json!({"secret": "packages"}))),
        ("no such repository", context(&shop, json!({"repo": nobody}))),
        ("another's repository", context(&shop, json!({"repo": other.service.url()}))),
        ("empty repository", context(&shop, json!({"repo": empty.url()}))),
        (
            "no Git server",
            context(&shop, json!({"repo": format!("http://{}/a/b.git", shop.world.registry.host())})),
        ),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    no such branch
        revision `mian` of `http://GITEA/OWNER/api.git`: no such branch or tag; did you mean `main`?
    short commit
        revision `SHORT` of `http://GITEA/OWNER/api.git`: no such branch or tag; if this is a shortened commit SHA, give all 40 hex digits
    unknown commit
        revision `SHA` of `http://GITEA/OWNER/api.git`: the server does not show this commit to this login; check that it was pushed, and to this repository
    no such directory
        failed to read dockerfile: invalid subdir servces/api: failed to lstat "servces": statat servces: no such file or directory; check `subdir`
    a file for a directory
        failed to read dockerfile: invalid subdir main.txt: git subpath "main.txt" contains non-directory "main.txt"; check `subdir`
    no login
        cannot read `http://GITEA/OWNER/api.git`: the Git server refused the login; no login was given: name a secret that holds a token with read access (the server says: Unauthorized)
    wrong token
        cannot read `http://GITEA/OWNER/api.git`: the Git server refused the login; check that the token is right, has not expired and was not revoked (the server says: Failed to authenticate user)
    token without the scope
        cannot read `http://GITEA/OWNER/api.git`: the login has no right to; give the token read access to the repository (Gitea scope `read:repository`) (the server says: Forbidden)
    no such repository
        repository `http://GITEA/OWNER/nothing.git` was not found: check the URL, and that the login may see the repository (the server says: Repository not found)
    another's repository
        repository `http://GITEA/OTHER/api.git` was not found: check the URL, and that the login may see the repository (the server says: Repository not found)
    empty repository
        `http://GITEA/OWNER/empty.git` is empty: it has no commit yet; push a first one
    no Git server
        repository `http://REGISTRY/a/b.git` was not found: check the URL, and that the login may see the repository (the server says: 404 page not found)
    "#);
    assert_eq!(shop.digest("bad").await, None);
}

#[tokio::test]
async fn dockerfiles_that_cannot_be_built_show_the_line() {
    let shop = Shop::open("FROM scratch AS runtime\nCOPY main.txt /\n").await;
    let inline = |text: &str| build(&shop, json!({"dockerfile-inline": shop.based(text)}));
    let rows = vec![
        ("no such Dockerfile", build(&shop, json!({"dockerfile": "docker/Dockerfil"}))),
        ("syntax error", inline("FROM BASE\nRUNN true\n")),
        ("empty", inline("# nothing\n")),
        ("failing RUN", inline("FROM BASE\nRUN echo working on it && exit 3\n")),
        ("no such command", inline("FROM BASE\nRUN npm ci\n")),
        ("no such file", inline("FROM BASE\nCOPY mian.txt /\n")),
        ("unknown target", build(&shop, json!({"target": "runtme"}))),
        ("secret not given", inline("FROM BASE\nRUN --mount=type=secret,id=npmrc,required true\n")),
        (
            "host network",
            build(
                &shop,
                json!({"network": "host", "dockerfile-inline": shop.based("FROM BASE\nRUN true\n")}),
            ),
        ),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    no such Dockerfile
        failed to read dockerfile: open docker/Dockerfil: no such file or directory; check `dockerfile`, which is relative to `context.subdir`
    syntax error
        Dockerfile:2
           1 | FROM REGISTRY/base/busybox:1
        >> 2 | RUNN true
        dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)
    empty
        Dockerfile:1
        >> 1 | # nothing
        file with no instructions; a Dockerfile begins with `FROM`; only `ARG` may stand before it
    failing RUN
        Dockerfile:2
           1 | FROM REGISTRY/base/busybox:1
        >> 2 | RUN echo working on it && exit 3
        failed: process "/bin/sh -c echo working on it && exit 3" exited with 3
        last log lines:
        working on it
        whole log: argo-buildkit log GITEA/OWNER/api@DIGEST
    no such command
        Dockerfile:2
           1 | FROM REGISTRY/base/busybox:1
        >> 2 | RUN npm ci
        failed: process "/bin/sh -c npm ci" exited with 127
        last log lines:
        /bin/sh: npm: not found
        whole log: argo-buildkit log GITEA/OWNER/api@DIGEST
    no such file
        Dockerfile:2
           1 | FROM REGISTRY/base/busybox:1
        >> 2 | COPY mian.txt /
        failed to compute cache key: failed to calculate checksum: "/mian.txt": not found; the context has no such file: the path is relative to the context (`context.subdir`)
    unknown target
        target stage "runtme" could not be found (did you mean runtime?); check `target`
    secret not given
        Dockerfile:2
           1 | FROM REGISTRY/base/busybox:1
        >> 2 | RUN --mount=type=secret,id=npmrc,required true
        secret npmrc: not found; name it under `secrets`
    host network
        granting entitlement network.host is not allowed by build daemon configuration; buildkitd must be started with `--allow-insecure-entitlement`
    "#);
    assert_eq!(shop.digest("bad").await, None);
}

#[tokio::test]
async fn a_failing_run_has_its_exit_code_and_log() {
    let shop = Shop::open("FROM BASE\nRUN echo one; echo two >&2; exit 3\n").await;
    let node = shop.plugin.node(&template(build(&shop, json!({})))).await;
    expect_phase(&node, "Failed");
    assert_eq!(node["outputs"]["exitCode"], "3");
    let log = crate::support::plugin::output(&node, "log-tail");
    assert!(log.contains("one") && log.contains("two"), "{log}");
}

#[tokio::test]
async fn registries_that_refuse_are_named() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let gitea = shop.world.gitea;
    shop.plugin.put("wrong", ".dockerconfigjson", &gitea.docker_config_json(&shop.owner, "not-a-token"));
    let reader = gitea.token(&shop.owner, &["read:package"]).await;
    shop.plugin.put("reader", ".dockerconfigjson", &gitea.docker_config_json(&shop.owner, &reader));
    let other = gitea.user("other").await;
    let nobody = unique("nobody");
    let plain = Registry::start();
    let plain = format!("0.0.0.0:{}/a:1", plain.host().rsplit_once(':').unwrap().1);
    let from =
        |image: &str| build(&shop, json!({"dockerfile-inline": format!("FROM {image}\nCOPY main.txt /\n")}));
    let tag = |owner: &str| build(&shop, json!({"tags": format!("{}/{owner}/api:bad", gitea.host())}));
    let rows = vec![
        ("wrong token", build(&shop, json!({"registry-secret": "wrong"}))),
        ("no login", build(&shop, json!({"registry-secret": null}))),
        ("token that may only read", build(&shop, json!({"registry-secret": "reader"}))),
        ("another's packages", tag(&other)),
        ("no such owner", tag(&nobody)),
        ("unknown base image", from(&format!("{}/base/busybx:1", shop.world.registry.host()))),
        ("unknown base image in Gitea", from(&format!("{}:none", shop.image()))),
        ("plain http, push", build(&shop, json!({"tags": plain}))),
        ("plain http, base image", from(&plain)),
        ("403", from(&format!("{}/a:1", answering(StatusCode::FORBIDDEN).await))),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    wrong token
        no access to registry GITEA: the token server http://GITEA refused the login (401, as user `OWNER`); check the user, the token and its scopes for this repository
    no login
        failed to push GITEA/OWNER/api:bad: unexpected status from POST request to http://GITEA/v2/OWNER/api/blobs/uploads/: 401 Unauthorized: reqPackageAccess; check `registry-secret`: its host, user and token, and the token's right to push to this repository
    token that may only read
        failed to push GITEA/OWNER/api:bad: unexpected status from POST request to http://GITEA/v2/OWNER/api/blobs/uploads/: 401 Unauthorized: reqPackageAccess; check `registry-secret`: its host, user and token, and the token's right to push to this repository
    another's packages
        failed to push GITEA/other/api:bad: unexpected status from POST request to http://GITEA/v2/other/api/blobs/uploads/: 401 Unauthorized: reqPackageAccess; check `registry-secret`: its host, user and token, and the token's right to push to this repository
    no such owner
        failed to push GITEA/nobody/api:bad: unexpected status from POST request to http://GITEA/v2/nobody/api/blobs/uploads/: 404 Not Found: Not found.; check the name of the image or repository in `tags`; some registries want the repository to be created first
    unknown base image
        Dockerfile:1
        >> 1 | FROM REGISTRY/base/busybx:1
           2 | COPY main.txt /
        REGISTRY/base/busybx:1: failed to resolve source metadata for REGISTRY/base/busybx:1: REGISTRY/base/busybx:1: not found; check the image's name and tag
    unknown base image in Gitea
        Dockerfile:1
        >> 1 | FROM GITEA/OWNER/api:none
           2 | COPY main.txt /
        GITEA/OWNER/api:none: failed to resolve source metadata for GITEA/OWNER/api:none: GITEA/OWNER/api:none: not found; check the image's name and tag
    plain http, push
        failed to push 0.0.0.0:PORT/a:1: failed to do request: Head "https://0.0.0.0:PORT/v2/a/blobs/DIGEST": http: server gave HTTP response to HTTPS client; the registry speaks plain http: set `insecure: true` for it under `tags`, or `http = true` in buildkitd's registry configuration
    plain http, base image
        Dockerfile:1
        >> 1 | FROM 0.0.0.0:PORT/a:1
           2 | COPY main.txt /
        0.0.0.0:PORT/a:1: failed to resolve source metadata for 0.0.0.0:PORT/a:1: failed to do request: Head "https://0.0.0.0:PORT/v2/a/manifests/1": http: server gave HTTP response to HTTPS client; the registry speaks plain http: set `http = true` for it in buildkitd's registry configuration (buildkitd.toml)
    403
        Dockerfile:1
        >> 1 | FROM 127.0.0.1:PORT/a:1
           2 | COPY main.txt /
        127.0.0.1:PORT/a:1: failed to resolve source metadata for 127.0.0.1:PORT/a:1: unexpected status from HEAD request to http://127.0.0.1:PORT/v2/a/manifests/1: 403 Forbidden; check `registry-secret`: its host, user, token and the token's scopes
    "#);
    assert_eq!(shop.digest("bad").await, None);
}

#[tokio::test]
async fn a_registry_that_is_broken_or_away_is_an_error_and_not_the_users_failure() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let broken = format!("{}/a:1", answering(StatusCode::INTERNAL_SERVER_ERROR).await);
    let mut said = String::new();
    for base in [broken, "127.0.0.1:1/a:1".to_owned()] {
        let dockerfile = format!("FROM {base}\nCOPY main.txt /\n");
        let node = shop.plugin.node(&template(build(&shop, json!({"dockerfile-inline": dockerfile})))).await;
        expect_phase(&node, "Error");
        said += &format!("{}\n", node["message"].as_str().unwrap());
    }
    insta::assert_snapshot!(shop.steady(&said), @r#"
    Dockerfile:1
    >> 1 | FROM 127.0.0.1:PORT/a:1
       2 | COPY main.txt /
    127.0.0.1:PORT/a:1: failed to resolve source metadata for 127.0.0.1:PORT/a:1: unexpected status from HEAD request to http://127.0.0.1:PORT/v2/a/manifests/1: 500 Internal Server Error; the server is away or overloaded, try again later
    Dockerfile:1
    >> 1 | FROM 127.0.0.1:PORT/a:1
       2 | COPY main.txt /
    127.0.0.1:PORT/a:1: failed to resolve source metadata for 127.0.0.1:PORT/a:1: failed to do request: Head "http://127.0.0.1:PORT/v2/a/manifests/1": dial tcp 127.0.0.1:PORT: connect: connection refused; the server is away or overloaded, try again later
    "#);
    assert_eq!(shop.digest("bad").await, None);
}

/// Several entries may name one Secret, and each solve has a copy of every value.
#[tokio::test]
async fn the_values_of_a_step_have_a_limit_together() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    shop.plugin.put("large", "key", &"0123456789abcdef".repeat(1 << 16));
    let entries = |count: usize| -> Value {
        (0..count)
            .map(|n| json!({"id": format!("s{n}"), "secret": {"name": "large", "key": "key"}}))
            .collect()
    };
    for (fields, is_refused) in [
        (json!({"secrets": entries(9)}), true),
        (json!({"secrets": entries(5), "ssh": entries(4)}), true),
        (json!({"secrets": entries(8)}), false),
    ] {
        let node = shop.plugin.node(&template(shop.build(fields))).await;
        let message = node["message"].as_str().unwrap_or_default();
        assert_eq!(message.contains("more than 8 MiB together"), is_refused, "{message}");
    }
}

#[tokio::test]
async fn the_ignore_files_of_a_step_have_a_limit_together() {
    let shop = Shop::open("FROM scratch\n").await;
    let lines: String = (0..9_000).map(|n| format!("{n:0100}\n")).collect();
    let files = tree(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"), (".dockerignore", &lines)]);
    shop.service.push_directory(files.path(), "main", "ignore much").await;
    let contexts = |count: usize| -> Value {
        let named =
            (0..count).map(|n| (format!("c{n}"), json!({"repo": shop.service.url(), "secret": "git"})));
        json!({"contexts": named.collect::<serde_json::Map<_, _>>()})
    };
    let node = shop.plugin.node(&template(shop.build(contexts(4)))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("`.dockerignore` files of the contexts take more than 8 MiB"), "{message}");
    expect_phase(&shop.plugin.node(&template(shop.build(contexts(1)))).await, "Succeeded");
}
