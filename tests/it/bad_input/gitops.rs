//! Errors of a commit that come from a GitOps repository. In each case nothing is committed.

use serde_json::{Value, json};

use crate::support::gitea::Repo;
use crate::support::plugin::tree;
use crate::support::shop::{Shop, merge};

/// An `update-manifest` of `repo`.
fn update(repo: &Repo<'_>, values: Value, more: Value) -> Value {
    let targets = [json!({"file": "chart/values.yaml", "helm": values})];
    let mut update = json!({"repo": repo.url(), "secret": "git", "targets": targets});
    merge(&mut update, more);
    json!({"update-manifest": update})
}

fn tag() -> Value {
    json!({"image.tag": "2"})
}

#[tokio::test]
async fn repositories_that_take_no_commit_say_why() {
    let shop = Shop::open("FROM scratch\n").await;
    let gitea = shop.world.gitea;
    let chart = tree(&[("chart/values.yaml", "image:\n  tag: old\n")]);
    let repo = async |prefix: &str| {
        let repo = gitea.repo(&shop.owner, prefix).await;
        let head = repo.push_directory(chart.path(), "main", "lay out").await;
        (repo, head)
    };
    let (protected, hooked, archived) =
        (repo("protected").await, repo("hooked").await, repo("archived").await);
    protected.0.protect("main").await;
    hooked.0.pre_receive("#!/bin/sh\necho 'commits need a ticket' >&2\nexit 1\n");
    archived.0.archive().await;
    let empty = gitea.empty_repo(&shop.owner, "empty").await;
    let other = Shop::open("FROM scratch\n").await;
    shop.plugin.put("wrong", "token", &"0123456789".repeat(4));
    shop.plugin.put("reader", "token", &gitea.token(&shop.owner, &["read:repository"]).await);
    let nothing = format!("{}/{}/nothing.git", gitea.url(), shop.owner);
    let rows = vec![
        ("protected branch", update(&protected.0, tag(), json!({}))),
        ("declined by a hook", update(&hooked.0, tag(), json!({}))),
        ("archived", update(&archived.0, tag(), json!({}))),
        ("empty", update(&empty, tag(), json!({}))),
        ("wrong token", shop.update(tag(), json!({"secret": "wrong"}))),
        ("no login", shop.update(tag(), json!({"secret": null}))),
        ("token that may only read", shop.update(tag(), json!({"secret": "reader"}))),
        ("no such repository", shop.update(tag(), json!({"repo": nothing}))),
        ("another's repository", shop.update(tag(), json!({"repo": other.gitops.url()}))),
        ("no such branch", shop.update(tag(), json!({"branch": "mian"}))),
        ("no such Secret", shop.update(tag(), json!({"secret": "gitt"}))),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    protected branch
        `http://GITEA/OWNER/protected.git` refused the push to branch `main`: pre-receive hook declined (the server says: Not allowed to push to protected branch main); check the branch protection and its hooks
    declined by a hook
        `http://GITEA/OWNER/hooked.git` refused the push to branch `main`: pre-receive hook declined (the server says: commits need a ticket); check the branch protection and its hooks
    archived
        cannot push to `http://GITEA/OWNER/archived.git`: the repository is archived; unarchive it or name another one
    empty
        `http://GITEA/OWNER/empty.git` is empty: it has no commit yet; push a first one
    wrong token
        cannot push to `http://GITEA/OWNER/gitops.git`: the Git server refused the login; check that the token is right, has not expired and was not revoked (the server says: Failed to authenticate user)
    no login
        cannot read `http://GITEA/OWNER/gitops.git`: the Git server refused the login; no login was given: name a secret that holds a token with read access (the server says: Unauthorized)
    token that may only read
        cannot push to `http://GITEA/OWNER/gitops.git`: the login has no right to; give the token write access (Gitea scope `write:repository`) and its owner write permission (the server says: Forbidden)
    no such repository
        repository `http://GITEA/OWNER/nothing.git` was not found: check the URL, and that the login may see the repository (the server says: Repository not found)
    another's repository
        repository `http://GITEA/OTHER/gitops.git` was not found: check the URL, and that the login may see the repository (the server says: Repository not found)
    no such branch
        revision `mian` of `http://GITEA/OWNER/gitops.git`: there is no such branch; did you mean `main`?
    no such Secret
        secret `gitt` does not exist in the secrets directory `SECRETS`; create it there, or correct the step's reference
    "#);
    for (repo, head) in [protected, hooked, archived] {
        assert_eq!(repo.head("main").await, head, "{}", repo.url());
    }
    assert_eq!(shop.gitops.commits("main").await.len(), 1);
    assert_eq!(other.gitops.commits("main").await.len(), 1);
}

#[tokio::test]
async fn files_that_cannot_be_edited_show_the_place() {
    let shop = Shop::open("FROM scratch\n").await;
    let files = tree(&[
        ("chart/values.yaml", "image:\n  tag: old\n"),
        ("twice.yaml", "image:\n  tag: a\n  tag: b\n"),
        ("alias.yaml", "default: &tag old\nimage:\n  tag: *tag\n"),
        ("anchor.yaml", "image:\n  tag: &tag old\nother: *tag\n"),
        ("broken.yaml", "image: [\n"),
        ("template.yaml", "image:\n  tag: {{ .Values.tag }}\n"),
        ("kustomization.yaml", "images:\n- name: api\n  newTag: a\n"),
    ]);
    let head = shop.gitops.push_directory(files.path(), "main", "lay out").await;
    let helm = |file: &str, path: &str| {
        let target = json!({"file": file, "helm": {path: "2"}});
        shop.update(json!({}), json!({"targets": [target]}))
    };
    let image = json!({"file": "kustomization.yaml", "kustomize": {"name": "apy", "newTag": "2"}});
    let rows = vec![
        ("no such file", helm("chart/valeus.yaml", "image.tag")),
        ("a directory", helm("chart", "image.tag")),
        ("no such key", helm("chart/values.yaml", "image.tga")),
        ("key twice", helm("twice.yaml", "image.tag")),
        ("alias", helm("alias.yaml", "image.tag")),
        ("anchor", helm("anchor.yaml", "image.tag")),
        ("not a scalar", helm("chart/values.yaml", "image")),
        ("not YAML", helm("broken.yaml", "image.tag")),
        ("a template", helm("template.yaml", "image.tag")),
        ("no such image", shop.update(json!({}), json!({"targets": [image]}))),
        ("a path that leaves", helm("../values.yaml", "image.tag")),
        ("git's own", helm(".git/config", "image.tag")),
    ];
    insta::assert_snapshot!(shop.refusals(rows).await, @r#"
    no such file
        cannot edit `chart/valeus.yaml` on branch `main` of `http://GITEA/OWNER/gitops.git`: `chart` has no `valeus.yaml`; did you mean `values.yaml`?
    a directory
        cannot edit `chart` on branch `main` of `http://GITEA/OWNER/gitops.git`: it is a directory; name a file in it
    no such key
        chart/values.yaml:2:3: `image.tga` does not exist; the nearest is `image`, which has the keys `tag`. Add the key `tga` there first, or let it be added with `create: true` (`--create`)
    key twice
        twice.yaml:3:3: `image.tag` is not certain: the key `tag` stands here again, first at 2:3, and readers disagree on which counts; remove one
    alias
        alias.yaml:3:8: `image.tag` leads to the alias `*tag`, so setting it would change everything that uses `&tag`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
    anchor
        anchor.yaml:2:8: `image.tag` is shared: it belongs to the anchor `&tag`, and the alias at 3:8 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
    not a scalar
        chart/values.yaml:2:3: `image` is a mapping, not a single value; name a path inside it
    not YAML
        broken.yaml:2:1: the file is not valid YAML: did not find expected node content, while parsing a flow node from 2:1; correct it first
    a template
        template.yaml:2:8: the file holds an unquoted `{{`, so it is a Go template, not YAML: edit the values file that feeds it
    no such image
        kustomization.yaml:2:1: `images[name=apy].newTag` does not exist; the nearest is `images`, which has items with the `name` `api`. Add an item that fits `[name=apy]` there first, or let it be added with `create: true` (`--create`)
    a path that leaves
        update-manifest.targets[0].file: `..` would leave the directory
    git's own
        update-manifest.targets[0].file: `.git` holds the repository itself and cannot be used
    "#);
    assert_eq!(shop.gitops.head("main").await, head);

    let good = json!({"file": "chart/values.yaml", "helm": {"image.tag": "2"}});
    let bad = json!({"file": "chart/absent.yaml", "helm": {"image.tag": "2"}});
    let both =
        shop.refusals(vec![("one of two", shop.update(json!({}), json!({"targets": [good, bad]})))]).await;
    assert!(both.contains("chart/absent.yaml"), "{both}");
    assert_eq!(shop.gitops.head("main").await, head, "all targets or none");
}
