//! Submodules: each uses a login for its own server, and is proven like the repository that names it.

use serde_json::{Value, json};

use crate::support::git_http::GitHttp;
use crate::support::gitea::Repo;
use crate::support::plugin::{expect_phase, output, tree};
use crate::support::shop::{Shop, template};

/// A commit on `main` of `repo` with `files`, and submodules at paths, with their addresses and commits.
async fn push(repo: &Repo<'_>, files: &[(&str, &str)], modules: &[(&str, &str, &str)]) -> String {
    let section = |(path, url, _): &(&str, &str, &str)| {
        format!("[submodule \"{path}\"]\n\tpath = {path}\n\turl = {url}\n")
    };
    let text: String = modules.iter().map(section).collect();
    let files: Vec<_> = files.iter().copied().chain([(".gitmodules", text.as_str())]).collect();
    let entries: Vec<_> = modules.iter().map(|(path, _, sha)| format!("160000,{sha},{path}")).collect();
    let mut stage = vec!["update-index", "--add"];
    entries.iter().for_each(|entry| stage.extend(["--cacheinfo", entry]));
    repo.push_staged(tree(&files).path(), "main", "with submodules", &stage).await
}

const ALL: &[(&str, &str)] = &[("Dockerfile", "FROM scratch\nCOPY . /\n")];

async fn refusal(shop: &Shop, more: Value) -> String {
    let node = shop.plugin.node(&template(shop.build(more))).await;
    expect_phase(&node, "Failed");
    node["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_private_submodule_of_the_same_server_is_read_with_the_contexts_login() {
    let shop = Shop::open("FROM scratch\n").await;
    let head = shop.gitops.head("main").await;
    push(&shop.service, ALL, &[("lib", &shop.gitops.url(), &head)]).await;
    let image = shop.image_of(json!({})).await;
    assert!(image.file("lib/chart/values.yaml").await.starts_with("# The shop's API."));
    assert_eq!(image.try_file("lib/.git").await, None, "the daemon's own paths are not in the image");
    let context = json!({"repo": shop.service.url(), "secret": "git", "submodules": false});
    let image = shop.image_of(json!({"context": context})).await;
    assert_eq!(image.try_file("lib/chart/values.yaml").await, None);
}

#[tokio::test]
async fn a_submodule_of_another_server_has_a_login_by_its_host() {
    let shop = Shop::open("FROM scratch\n").await;
    let other = GitHttp::start("reader", "s3cr3t-of-the-other");
    let sha = other.commit_directory("lib", "main", tree(&[("lib.txt", "of the other")]).path(), "first");
    let url = other.repo_url("lib");
    let host = url.strip_suffix("/lib.git").unwrap();
    push(&shop.service, ALL, &[("lib", &url, &sha)]).await;
    let message = refusal(&shop, json!({})).await;
    for words in ["submodule `lib`", "`context.submodule-secrets`", host, "set `submodules: false`"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    shop.plugin.put("other", "username", "reader");
    shop.plugin.put("other", "password", "s3cr3t-of-the-other");
    let context =
        json!({"repo": shop.service.url(), "secret": "git", "submodule-secrets": {host: {"name": "other"}}});
    let image = shop.image_of(json!({"context": context})).await;
    assert_eq!(image.file("lib/lib.txt").await, "of the other");
}

#[tokio::test]
async fn a_dockerfile_in_a_submodule_has_its_ignore_file_there() {
    let shop = Shop::open("FROM scratch\n").await;
    let lib = shop.world.gitea.repo(&shop.owner, "lib").await;
    let files = [
        ("docker/Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("docker/Dockerfile.dockerignore", "**/*.key\n"),
        ("a.key", "x"),
        ("a.txt", "x"),
    ];
    let sha = lib.push_directory(tree(&files).path(), "main", "lib").await;
    let files = [("app/b.key", "x"), ("app/b.txt", "x"), ("app/.dockerignore", "*.txt\n")];
    push(&shop.service, &files, &[("app/lib", &lib.url(), &sha)]).await;
    let context = json!({"repo": shop.service.url(), "secret": "git", "subdir": "app"});
    let image = shop.image_of(json!({"context": context, "dockerfile": "lib/docker/Dockerfile"})).await;
    for (path, is_there) in [("b.key", false), ("lib/a.key", false), ("b.txt", true), ("lib/a.txt", true)] {
        assert_eq!(image.try_file(path).await.is_some(), is_there, "{path}");
    }
}

#[tokio::test]
async fn submodules_within_each_other_are_put_where_the_contexts_directory_has_them() {
    let shop = Shop::open("FROM scratch\n").await;
    let gitea = shop.world.gitea;
    let (outer, inner) = (gitea.repo(&shop.owner, "outer").await, gitea.repo(&shop.owner, "inner").await);
    let files =
        [("inner.txt", "inner"), ("svc/Dockerfile", "FROM scratch\nCOPY . /\n"), ("svc/in.txt", "deep")];
    let inner_sha = inner.push_directory(tree(&files).path(), "main", "inner").await;
    let name = |repo: &Repo<'_>| format!("../{}.git", repo.full_name().split('/').next_back().unwrap());
    let outer_sha =
        push(&outer, &[("outer.txt", "outer")], &[("deep/inner", &name(&inner), &inner_sha)]).await;
    let modules = [
        ("libs/outer", name(&outer), outer_sha),
        ("libs/inner", name(&inner), inner_sha.clone()),
        // This commit does not exist, and a build in `libs` does not need it.
        ("absent", "../absent.git".to_owned(), inner_sha),
    ];
    let modules: Vec<_> =
        modules.iter().map(|(path, url, sha)| (*path, url.as_str(), sha.as_str())).collect();
    let files =
        [("libs/Dockerfile", "FROM scratch\nCOPY . /\n"), ("libs/.dockerignore", "inner/inner.txt\n")];
    push(&shop.service, &files, &modules).await;
    let within =
        |subdir: &str| json!({"context": {"repo": shop.service.url(), "secret": "git", "subdir": subdir}});
    let image = shop.image_of(within("libs")).await;
    assert_eq!(image.file("outer/outer.txt").await, "outer");
    assert_eq!(image.file("outer/deep/inner/inner.txt").await, "inner");
    assert_eq!(image.file("inner/svc/in.txt").await, "deep");
    assert_eq!(image.try_file("inner/inner.txt").await, None, "ignored");
    let image = shop.image_of(within("libs/outer/deep/inner/svc")).await;
    assert_eq!(image.file("in.txt").await, "deep");
    let message = refusal(&shop, json!({})).await;
    assert!(message.contains("submodule `absent`"), "{message}");
}

#[tokio::test]
async fn a_submodule_whose_address_was_mended_in_the_next_commit_is_read_from_there() {
    let shop = Shop::open("FROM scratch\n").await;
    let head = shop.gitops.head("main").await;
    push(&shop.service, ALL, &[("lib", "../no-such-repository.git", &head)]).await;
    let message = refusal(&shop, json!({})).await;
    assert!(message.contains("submodule `lib`") && message.contains("no-such-repository"), "{message}");
    push(&shop.service, ALL, &[("lib", &shop.gitops.url(), &head)]).await;
    assert!(shop.image_of(json!({})).await.try_file("lib/chart/values.yaml").await.is_some());
    push(&shop.service, ALL, &[("lib", "git://127.0.0.1/x.git", &head)]).await;
    let message = refusal(&shop, json!({})).await;
    assert!(
        message.contains("scheme `git` is not supported") && message.contains("`.gitmodules`"),
        "{message}"
    );
}

#[tokio::test]
async fn a_context_that_keeps_its_git_directory_keeps_those_of_its_submodules() {
    let shop = Shop::open("FROM scratch\n").await;
    let head = shop.gitops.head("main").await;
    push(&shop.service, ALL, &[("lib", &shop.gitops.url(), &head)]).await;
    let keep = json!({"build-args": {"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}});
    let image = shop.image_of(keep).await;
    for file in [".git/HEAD", "lib/.git/HEAD", "lib/chart/values.yaml"] {
        assert!(image.try_file(file).await.is_some(), "{file}");
    }
}

#[tokio::test]
async fn files_kept_in_lfs_are_named_in_the_warnings() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let shop = Shop::open("FROM scratch\n").await;
    let files = [
        ALL[0],
        (".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n"),
        (".dockerignore", "ignored.bin\n"),
        ("a.bin", pointer),
        ("sub/b.bin", pointer),
        ("sub/c.bin", "no pointer"),
        ("ignored.bin", pointer),
    ];
    shop.service.push_directory(tree(&files).path(), "main", "lfs").await;
    let warnings = output(&shop.built(json!({})).await, "warnings");
    assert!(warnings.contains("in place of `a.bin`, `sub/b.bin`; "), "{warnings}");
    let context = json!({"repo": shop.service.url(), "secret": "git", "dockerignore": false});
    let warnings = output(&shop.built(json!({"context": context})).await, "warnings");
    assert!(warnings.contains("`a.bin`, `ignored.bin`, `sub/b.bin`"), "{warnings}");
    shop.service
        .commit_file("main", "Dockerfile", &shop.based("FROM BASE\nCOPY . /\nRUN sh a.bin\n"), "run")
        .await;
    let message = refusal(&shop, json!({})).await;
    assert!(message.contains("RUN sh a.bin") && message.contains("in place of `a.bin`"), "{message}");
    shop.service.commit_file("main", "Dockerfile", ALL[0].1, "as before").await;
    shop.service.commit_file("main", ".gitattributes", "* text=auto\n", "no lfs").await;
    assert_eq!(output(&shop.built(json!({})).await, "warnings"), "[]");
}
