//! No Dockerfile can read the Git login, or an ssh key that the step did not name for it.

use serde_json::{Value, json};

use crate::support::gitea::Gitea;
use crate::support::plugin::{expect_phase, tree};
use crate::support::shop::{Shop, merge, template};
use crate::support::sshd::key_pair;

/// Every id for this host that BuildKit's sources ask for (`source/git/source.go`, `source/http/source.go`).
fn ids(gitea: &Gitea) -> Vec<String> {
    let (host, port) = gitea.host().split_once(':').unwrap();
    let hosts = [gitea.host().to_owned(), host.to_owned(), format!("{host}_{port}"), "github.com".to_owned()];
    let kinds = ["GIT_AUTH_HEADER", "GIT_AUTH_TOKEN", "HTTP_AUTH_HEADER", "HTTP_AUTH_TOKEN"];
    let named = kinds.iter().flat_map(|kind| {
        hosts.iter().flat_map(move |host| [format!("{kind}.{host}"), format!("{kind}_{host}")])
    });
    let bare = kinds.map(str::to_owned);
    let ours =
        ["git", "git-", "default", "ssh-privatekey", "username", "password", "token"].map(str::to_owned);
    named.chain(bare).chain(ours).collect()
}

/// A `RUN` that mounts all of them, and fails if one exists, or an ssh agent.
fn thief(base: &str, ids: &[String]) -> String {
    let mounts: String = ids
        .iter()
        .enumerate()
        .map(|(n, id)| format!(" --mount=type=secret,id={id},target=/loot/{n}"))
        .collect();
    format!(
        "FROM {base}\nCOPY main.txt /\nRUN{mounts} --mount=type=ssh --mount=type=ssh,id=git \
         for loot in /loot/*; do test ! -s $loot || exit 7; done; test ! -S \"$SSH_AUTH_SOCK\"\n"
    )
}

#[tokio::test]
async fn no_id_that_can_be_guessed_is_a_login() {
    let shop = Shop::open("FROM scratch\n").await;
    let ids = ids(shop.world.gitea);
    let dockerfile = thief(&shop.world.busybox, &ids);
    let files = [
        ("Dockerfile", &*dockerfile),
        ("main.txt", "top"),
        ("sub/Dockerfile", &dockerfile),
        ("sub/main.txt", "sub"),
    ];
    shop.service.push_directory(tree(&files).path(), "main", "steal").await;
    let context = |more: Value| {
        let mut context = json!({"repo": shop.service.url(), "revision": "main", "secret": "git"});
        merge(&mut context, more);
        context
    };
    let other = json!({"lib": {"repo": shop.gitops.url(), "secret": "git"}});
    for fields in [
        json!({}),
        json!({"context": context(json!({"submodules": false}))}),
        json!({"context": context(json!({"subdir": "sub"}))}),
        json!({"dockerfile-inline": dockerfile}),
        json!({"contexts": other, "dockerfile-inline": dockerfile.replace("COPY main.txt", "COPY --from=lib chart/values.yaml")}),
    ] {
        let node = shop.plugin.node(&template(shop.build(fields.clone()))).await;
        assert_eq!(node["phase"], "Succeeded", "{fields}: {}", node["message"]);
    }
    // The same `RUN` finds a login that exists: the step names this one.
    let secrets = json!([{"id": ids[0], "secret": {"name": "git", "key": "token"}}]);
    let node = shop.plugin.node(&template(shop.build(json!({"secrets": secrets, "no-cache": true})))).await;
    expect_phase(&node, "Failed");
    assert!(node["message"].as_str().unwrap().contains("exited with 7"), "{node}");
}

#[tokio::test]
async fn an_ssh_key_is_mounted_where_the_step_names_one() {
    let run = "FROM BASE\nRUN --mount=type=ssh,id=deploy,required=true test -S \"$SSH_AUTH_SOCK\"\n";
    let shop = Shop::open(run).await;
    shop.plugin.put("deploy", "ssh-privatekey", &key_pair().private);
    let ssh = |id: &str| json!({"ssh": [{"id": id, "secret": "deploy"}]});
    expect_phase(&shop.plugin.node(&template(shop.build(ssh("deploy")))).await, "Succeeded");
    for fields in [json!({}), ssh("other"), json!({"ssh": [{"secret": "deploy"}]})] {
        let node =
            shop.plugin.node(&template(shop.build(json!({"no-cache": true, "ssh": fields["ssh"]})))).await;
        expect_phase(&node, "Failed");
        let message = node["message"].as_str().unwrap();
        assert!(message.contains("deploy") && message.contains("ssh"), "{message}");
    }
}
