//! `.dockerignore` is used in Git contexts, as in contexts that a client sends.

use serde_json::{Value, json};

use super::image::Image;
use crate::support::plugin::{expect_phase, output, tree};
use crate::support::shop::{Shop, template};

/// A shop whose service has `files`.
async fn shop(files: &[(&str, &str)]) -> Shop {
    let shop = Shop::open("FROM scratch\n").await;
    push(&shop, files).await;
    shop
}

async fn push(shop: &Shop, files: &[(&str, &str)]) {
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, shop.based(text))).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    shop.service.push_directory(tree(&files).path(), "main", "files").await;
}

fn context(shop: &Shop, more: Value) -> Value {
    let mut context = json!({"repo": shop.service.url(), "revision": "main", "secret": "git"});
    crate::support::shop::merge(&mut context, more);
    json!({"context": context})
}

/// Those of `names` that the image contains.
async fn has<'n>(image: &Image, names: &[&'n str]) -> Vec<&'n str> {
    let mut there = Vec::new();
    for name in names {
        if image.try_file(name).await.is_some() {
            there.push(*name);
        }
    }
    there
}

const ALL: &str = "FROM scratch\nCOPY . /\n";

/// As with `docker build .`: an empty file of the Dockerfile's own does not stand for "nothing is left out".
#[tokio::test]
async fn an_empty_ignore_file_of_the_dockerfile_leaves_the_contexts_own_in_force() {
    let files =
        [("Dockerfile", ALL), ("Dockerfile.dockerignore", ""), (".dockerignore", "a.key\n"), ("a.key", "x")];
    let shop = shop(&files).await;
    assert_eq!(shop.image_of(json!({})).await.try_file("a.key").await, None);
    let comment: Vec<_> =
        files.map(|(name, text)| (name, if text.is_empty() { "# nothing\n" } else { text })).into();
    push(&shop, &comment).await;
    assert!(shop.image_of(json!({})).await.try_file("a.key").await.is_some(), "a comment stands for nothing");
}

#[tokio::test]
async fn what_an_ignore_file_says_is_not_in_the_context() {
    let ignore = "\u{feff}# secrets\r\n*.key\r\n**/*.env\r\n docs/ \r\n!docs/keep.md\r\n/Dockerfile\r\n";
    let shop = shop(&[
        ("Dockerfile", ALL),
        (".dockerignore", ignore),
        ("a.key", "x"),
        ("sub/a.key", "kept"),
        ("sub/deep/prod.env", "x"),
        ("docs/a.md", "x"),
        ("docs/keep.md", "kept"),
        ("main.txt", "kept"),
    ])
    .await;
    let names = [
        "a.key",
        "sub/a.key",
        "sub/deep/prod.env",
        "docs/a.md",
        "docs/keep.md",
        "main.txt",
        "Dockerfile",
        ".dockerignore",
    ];
    let image = shop.image_of(json!({})).await;
    assert_eq!(has(&image, &names).await, ["sub/a.key", "docs/keep.md", "main.txt", ".dockerignore"]);
    let all = shop.image_of(context(&shop, json!({"dockerignore": false}))).await;
    assert_eq!(has(&all, &names).await, names);
}

#[tokio::test]
async fn the_dockerfiles_own_ignore_file_comes_first_and_both_are_the_subdirectorys() {
    let shop = shop(&[
        (".dockerignore", "*"),
        ("svc/.dockerignore", "general"),
        ("svc/docker/Dockerfile", ALL),
        ("svc/docker/Dockerfile.dockerignore", "own"),
        ("svc/docker/Other", ALL),
        ("svc/general", "x"),
        ("svc/own", "x"),
    ])
    .await;
    let names = ["general", "own"];
    for (dockerfile, expected) in [("docker/Dockerfile", "general"), ("docker/Other", "own")] {
        let mut fields = context(&shop, json!({"subdir": "svc"}));
        fields["dockerfile"] = json!(dockerfile);
        let image = shop.image_of(fields).await;
        assert_eq!(has(&image, &names).await, [expected], "{dockerfile}");
    }
    let mut inline = context(&shop, json!({"subdir": "svc"}));
    inline["dockerfile-inline"] = json!(ALL);
    assert_eq!(has(&shop.image_of(inline).await, &names).await, ["own"]);
}

#[tokio::test]
async fn a_named_context_has_an_ignore_file_of_its_own() {
    let shop =
        shop(&[("Dockerfile", "FROM scratch\nCOPY --from=lib . /\n"), (".dockerignore", "chart")]).await;
    let chart = tree(&[("chart/values.yaml", "a: 1"), ("secret", "x"), (".dockerignore", "secret\n")]);
    shop.gitops.push_directory(chart.path(), "main", "with a secret").await;
    let lib = json!({"repo": shop.gitops.url(), "revision": "main", "secret": "git"});
    let image = shop.image_of(json!({"contexts": {"lib": lib}})).await;
    assert_eq!(has(&image, &["secret", "chart/values.yaml"]).await, ["chart/values.yaml"]);
}

#[tokio::test]
async fn a_copy_of_an_ignored_file_is_told_which_file_ignores_it() {
    let dockerfile = "FROM BASE\nCOPY config/app.key /\n";
    let shop =
        shop(&[("Dockerfile", dockerfile), (".dockerignore", "config\n"), ("config/app.key", "x")]).await;
    let node = shop.plugin.node(&template(shop.build(json!({})))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    for words in ["`.dockerignore` excludes it", "`!config/app.key`", "COPY config/app.key /"] {
        assert!(message.contains(words), "{words}: {message}");
    }
}

#[tokio::test]
async fn a_change_of_an_ignored_file_leaves_what_copies_the_context_cached() {
    let files = |text: &'static str, kept: &'static str| {
        [
            ("Dockerfile", "FROM BASE\nCOPY . /src\nRUN cat /src/main.txt\n"),
            (".dockerignore", "notes\n"),
            ("notes", text),
            ("main.txt", kept),
        ]
    };
    let unique = crate::support::net::free_port().to_string().leak();
    let shop = shop(&files("one", unique)).await;
    let cached = async |shop: &Shop| output(&shop.built(json!({})).await, "cached-steps");
    assert_eq!(cached(&shop).await, "0");
    push(&shop, &files("two", unique)).await;
    assert_eq!(cached(&shop).await, "2");
    push(&shop, &files("two", "changed")).await;
    assert_eq!(cached(&shop).await, "0");
}

#[tokio::test]
async fn the_git_directory_is_ignored_by_a_pattern_and_that_is_told_to_whoever_keeps_it() {
    let shop = shop(&[("Dockerfile", ALL), (".dockerignore", "**/.git\n"), ("main.txt", "x")]).await;
    let keep = json!({"build-args": {"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}});
    let node = shop.built(keep.clone()).await;
    let image = shop.pushed(&node).await;
    assert_eq!(has(&image, &[".git/HEAD", "main.txt"]).await, ["main.txt"]);
    assert!(output(&node, "warnings").contains("excludes `.git`"), "{node}");
    push(&shop, &[("Dockerfile", ALL), (".dockerignore", "other\n")]).await;
    let node = shop.built(keep).await;
    assert_eq!(has(&shop.pushed(&node).await, &[".git/HEAD"]).await, [".git/HEAD"]);
    assert_eq!(output(&node, "warnings"), "[]");
}

#[tokio::test]
async fn an_ignore_file_that_cannot_be_read_ends_the_step() {
    let shop = shop(&[("Dockerfile", ALL), (".dockerignore", "a\n[b\n")]).await;
    let node = shop.plugin.node(&template(shop.build(json!({})))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("`.dockerignore`, line 2: `[` has no `]`"), "{message}");
    push(&shop, &[("Dockerfile", ALL), (".dockerignore", &"# long\n".repeat(200_000))]).await;
    let node = shop.plugin.node(&template(shop.build(json!({})))).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("more than the 1 MiB"), "{node}");
}
