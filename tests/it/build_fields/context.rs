//! The source of a build: revision, subdir, Dockerfile, named contexts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::git_http::GitHttp;
use crate::support::gitea::git;
use crate::support::plugin::{expect_phase, output, tree};
use crate::support::shop::{Shop, merge, template};

/// A `context` of the service, with `more` fields set.
fn context(shop: &Shop, more: Value) -> Value {
    let mut context = json!({"repo": shop.service.url(), "secret": "git"});
    merge(&mut context, more);
    json!({"context": context})
}

#[tokio::test]
async fn a_revision_is_a_branch_a_tag_or_any_commit() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let first = shop.sha.clone();
    let second = shop.service.commit_file("main", "main.txt", "second", "second").await;
    shop.service.branch("feature/side", "main").await;
    shop.service.branch("fix/#42-crash", "main").await;
    shop.service.tag("v1", &second).await;
    let annotated = json!({"tag_name": "v1-annotated", "target": second, "message": "say more"});
    let tags = format!("/repos/{}/tags", shop.service.full_name());
    shop.world.gitea.call(Method::POST, &tags, Some(annotated)).await;
    let third = shop.service.commit_file("main", "main.txt", "third", "third").await;

    let rows = [
        (json!(null), &third, "third"),
        (json!(""), &third, "third"),
        (json!("main"), &third, "third"),
        (json!("feature/side"), &second, "second"),
        (json!("fix/#42-crash"), &second, "second"),
        (json!("refs/heads/fix/#42-crash"), &second, "second"),
        (json!("refs/heads/main"), &third, "third"),
        (json!("v1"), &second, "second"),
        (json!("refs/tags/v1"), &second, "second"),
        (json!("v1-annotated"), &second, "second"),
        (json!(third), &third, "third"),
        (json!(second), &second, "second"),
        (json!(first), &first, "hello"),
    ];
    for (revision, commit, text) in rows {
        let node = shop.built(context(&shop, json!({"revision": revision}))).await;
        assert_eq!(
            (&output(&node, "revision"), &*shop.pushed(&node).await.file("main.txt").await),
            (commit, text)
        );
    }
}

#[tokio::test]
async fn the_dockerfile_is_where_the_step_says() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /root\n").await;
    let files = tree(&[
        ("main.txt", "top"),
        ("Dockerfile", "FROM scratch\nCOPY main.txt /default\n"),
        ("ci/other.Dockerfile", "FROM scratch\nCOPY main.txt /other\n"),
        ("services/api/main.txt", "below"),
        ("services/api/Dockerfile", "FROM scratch\nCOPY main.txt /sub\n"),
        ("services/api/docker/Dockerfile", "FROM scratch\nCOPY main.txt /both\n"),
    ]);
    shop.service.push_directory(files.path(), "main", "lay out").await;
    let inline = json!("FROM scratch\nCOPY main.txt /inline\n");
    let rows = [
        (json!({}), "default", "top"),
        (json!({"dockerfile": ""}), "default", "top"),
        (json!({"dockerfile": "ci/other.Dockerfile"}), "other", "top"),
        (context(&shop, json!({"subdir": "services/api"})), "sub", "below"),
        (context(&shop, json!({"subdir": "./services/api/"})), "sub", "below"),
        (
            with(context(&shop, json!({"subdir": "services/api"})), "dockerfile", json!("docker/Dockerfile")),
            "both",
            "below",
        ),
        (json!({"dockerfile-inline": inline}), "inline", "top"),
        (
            with(context(&shop, json!({"subdir": "services/api"})), "dockerfile-inline", inline.clone()),
            "inline",
            "below",
        ),
    ];
    for (fields, path, text) in rows {
        assert_eq!(shop.image_of(fields.clone()).await.file(path).await, text, "{fields}");
    }
}

fn with(mut fields: Value, name: &str, value: Value) -> Value {
    fields[name] = value;
    fields
}

#[tokio::test]
async fn further_contexts_are_images_and_repositories_with_secrets_of_their_own() {
    let shop = Shop::open("FROM base AS build\nRUN cp /lib.txt /copied 2>/dev/null || echo from the image >/copied\n\
        FROM scratch\nCOPY --from=build /copied /image\nCOPY --from=lib lib.txt /lib\nCOPY --from=same main.txt /same\n")
    .await;
    let other = GitHttp::start("reader", "s3cr3t-of-the-other");
    let files = tree(&[("deep/lib.txt", "from the repository")]);
    let pinned = other.commit_directory("lib", "main", files.path(), "first");
    other.commit_directory("lib", "main", tree(&[("deep/lib.txt", "moved on")]).path(), "second");
    shop.plugin.put("other-git", "username", "reader");
    shop.plugin.put("other-git", "password", "s3cr3t-of-the-other\n");
    let contexts = json!({
        "base": format!("docker-image://{}", shop.world.busybox),
        "lib": {"repo": other.repo_url("lib"), "revision": pinned, "subdir": "deep", "secret": "other-git"},
        "same": {"repo": shop.service.url(), "secret": {"name": "git", "key": "token"}},
    });
    let image = shop.image_of(json!({"contexts": contexts})).await;
    assert_eq!(image.file("image").await, "from the image");
    assert_eq!(image.file("lib").await, "from the repository");
    assert_eq!(image.file("same").await, "hello");
}

#[tokio::test]
async fn two_contexts_of_one_git_server_may_have_two_logins() {
    let shop = Shop::open("FROM scratch\nCOPY --from=theirs main.txt /\n").await;
    let gitea = shop.world.gitea;
    let other = gitea.user("other").await;
    let theirs = gitea.repo(&other, "lib").await;
    theirs.push_directory(tree(&[("main.txt", "theirs")]).path(), "main", "first").await;
    let token = gitea.token(&other, &["read:repository"]).await;
    shop.plugin.put("theirs", "token", &token);
    let contexts = json!({"theirs": {"repo": theirs.url(), "secret": "theirs"}});
    assert_eq!(shop.image_of(json!({"contexts": contexts})).await.file("main.txt").await, "theirs");
}

/// The same as `buildctl build --opt context=URL#REF`, whose checkout has that branch or tag.
#[tokio::test]
async fn a_kept_git_directory_has_the_branch_or_tag_that_was_named() {
    let shop = Shop::open("FROM scratch\nCOPY .git /.git\n").await;
    let tags = format!("/repos/{}/tags", shop.service.full_name());
    for name in ["light", "release/1.0"] {
        shop.service.tag(name, &shop.sha).await;
    }
    let notes = "what is new\n".repeat(1000);
    let annotated = json!({"tag_name": "v1.0", "target": shop.sha, "message": notes});
    shop.world.gitea.call(Method::POST, &tags, Some(annotated)).await;
    let branches = ["feature/x", "fix/#42"];
    for name in branches {
        shop.service.branch(name, "main").await;
    }
    let kept = async |revision: &str| {
        let fields = with(
            context(&shop, json!({"revision": revision})),
            "build-args",
            json!({"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}),
        );
        shop.image_of(fields).await.unpacked().await
    };
    // The daemon fetches all tags with the commit into its own copy of the repository.
    let bare = kept(&shop.sha).await;
    assert_eq!(git(bare.path(), &["for-each-ref"], None), "");
    for tag in ["light", "release/1.0", "v1.0", "refs/tags/v1.0"] {
        let name = tag.trim_start_matches("refs/tags/");
        let kept = kept(tag).await;
        let run = |arguments: &[&str]| git(kept.path(), arguments, None).trim().to_owned();
        assert_eq!(run(&["tag", "--points-at", "HEAD"]), name);
        assert_eq!(run(&["describe", "--tags"]), name);
        assert_eq!(run(&["rev-parse", "HEAD"]), shop.sha);
        if name == "v1.0" {
            assert_eq!(run(&["describe"]), name, "an annotated tag");
            assert_eq!(run(&["tag", "--list", "--format=%(contents)"]), notes.trim());
        }
        run(&["fsck", "--strict"]);
    }
    for branch in branches {
        let kept = kept(branch).await;
        let refs = git(kept.path(), &["for-each-ref", "--format=%(refname) %(objectname)"], None);
        assert_eq!(refs.trim(), format!("refs/heads/{branch} {}", shop.sha));
    }
}

#[tokio::test]
async fn a_directory_without_git_gets_no_ref() {
    let shop = Shop::open("FROM scratch\nCOPY . /\n").await;
    let files = tree(&[("api/Dockerfile", "FROM scratch\nCOPY . /\n")]);
    shop.service.push_directory(files.path(), "main", "lay out").await;
    for (more, kept) in [(json!({"subdir": "api"}), "1"), (json!({}), "0")] {
        let fields = with(context(&shop, more), "build-args", json!({"BUILDKIT_CONTEXT_KEEP_GIT_DIR": kept}));
        let fields = with(fields, "dockerfile-inline", json!("FROM scratch\nCOPY . /\n"));
        assert!(!shop.image_of(fields).await.unpacked().await.path().join(".git").exists());
    }
}

/// The server's statement about what a name means is no proof.
#[tokio::test]
async fn a_dockerfile_reads_no_commit_by_the_contexts_branch() {
    let shop = Shop::open("FROM scratch\n").await;
    let add = format!("FROM scratch\nADD {}#refs/heads/main /x\n", shop.service.url());
    let fields = with(context(&shop, json!({"revision": "main"})), "dockerfile-inline", json!(add));
    let fields = with(fields, "build-args", json!({"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"}));
    let node = shop.plugin.node(&template(shop.build(fields))).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("the build may read the commits"), "{node}");
}

/// A daemon before v0.19 would follow the link.
#[tokio::test]
async fn a_directory_behind_a_link_is_no_context() {
    let shop = Shop::open("FROM scratch\n").await;
    let files = tree(&[("api/Dockerfile", "FROM scratch\nCOPY . /\n"), ("api/deep/main.txt", "x")]);
    std::os::unix::fs::symlink("api", files.path().join("linked")).unwrap();
    shop.service.push_directory(files.path(), "main", "lay out").await;
    for subdir in ["linked", "linked/deep"] {
        let fields = context(&shop, json!({"subdir": subdir}));
        let named = json!({"contexts": {"other": fields["context"]}});
        for fields in [fields, named] {
            let node = shop.plugin.node(&template(shop.build(fields))).await;
            expect_phase(&node, "Failed");
            let message = node["message"].as_str().unwrap();
            assert!(message.contains("`linked` is a symbolic link"), "{message}");
        }
    }
}
