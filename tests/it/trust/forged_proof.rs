//! A server that claims to have a commit, without having it, does not prove the right to read it.

use serde_json::json;

use crate::support::lying_git::{COMMIT, Lies, TAG, TREE, commit_of, id};
use crate::support::plugin::{Plugin, Setup, expect_phase, output, tree};
use crate::support::shared::World;
use crate::support::shop::{Shop, template};

/// The message of a step that builds `revision` of the false repository.
async fn refusal(plugin: &Plugin, repo: &str, revision: &str) -> String {
    let build = json!({"build": {"context": {"repo": repo, "revision": revision}, "push": false}});
    let node = plugin.node(&template(build)).await;
    expect_phase(&node, "Failed");
    node["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_commit_that_others_built_is_not_read_through_a_server_that_only_names_it() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    // From now on, the daemon has the victim's checkout, and gives it to every build that names the commit.
    expect_phase(&shop.plugin.node(&template(shop.build(json!({})))).await, "Succeeded");
    let attacker = Setup::new(shop.world.buildkitd.address()).start();
    let victim = shop.sha.clone();
    let mine = commit_of(&id("tree", b""));
    let tag = format!("object {victim}\ntype commit\ntag v1\ntagger a <a@a> 1 +0000\n\nx\n").into_bytes();
    let tagged = Lies { tip: id("tag", &tag), objects: vec![(TAG, tag)], v0: false };
    let rows = [
        ("nothing but the name", Lies { tip: victim.clone(), ..Lies::default() }),
        ("a commit of its own", Lies { objects: vec![(COMMIT, mine.clone())], ..Lies::default() }),
        (
            "one with its tree",
            Lies { objects: vec![(COMMIT, mine.clone()), (TREE, Vec::new())], ..Lies::default() },
        ),
        ("the name in v0", Lies { v0: true, objects: vec![(COMMIT, mine)], ..Lies::default() }),
        ("a tag of its own that points there", tagged),
    ];
    for (what, lies) in rows {
        let tip = if lies.tip.is_empty() { victim.clone() } else { lies.tip.clone() };
        let repo = Lies { tip: tip.clone(), ..lies }.serve("127.0.0.1:0").await;
        for revision in ["main", &*tip] {
            let message = refusal(&attacker, &repo, revision).await;
            assert!(message.contains("server"), "{what}, {revision}: {message}");
        }
    }
    assert!(!attacker.log().contains("panicked"), "{}", attacker.log());
}

#[tokio::test]
async fn a_commit_object_without_its_tree_is_no_proof() {
    let world = World::shared().await;
    let attacker = Setup::new(world.buildkitd.address()).start();
    let entry = [b"100644 Dockerfile\0".as_slice(), &[7; 20]].concat();
    let (tree, commit) = (id("tree", &entry), commit_of(&id("tree", &entry)));
    let sha = id("commit", &commit);
    let told = |objects: Vec<(u8, Vec<u8>)>| Lies { tip: sha.clone(), objects, v0: false };
    let bare = told(vec![(COMMIT, commit.clone())]).serve("127.0.0.1:0").await;
    let other = told(vec![(COMMIT, commit.clone()), (TREE, b"100644 x\0aaaaaaaaaaaaaaaaaaaa".to_vec())]);
    let other = other.serve("127.0.0.1:0").await;
    for repo in [bare, other] {
        for revision in ["main", &*sha] {
            let message = refusal(&attacker, &repo, revision).await;
            assert!(message.contains("without its files"), "{revision}: {message}");
        }
    }
    // With both objects, the attacker can serve the commit. The daemon finds that the file is missing.
    let whole = told(vec![(COMMIT, commit), (TREE, entry)]).serve("127.0.0.1:0").await;
    let message = refusal(&attacker, &whole, "main").await;
    assert!(!message.contains("does not show that it has it"), "{tree}: {message}");
}

#[tokio::test]
async fn an_annotated_tag_and_an_empty_tree_are_proven() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let full = shop.service.full_name();
    let body = json!({"tag_name": "v1", "target": shop.sha, "message": "annotated"});
    shop.world.gitea.call(reqwest::Method::POST, &format!("/repos/{full}/tags"), Some(body)).await;
    let context = json!({"repo": shop.service.url(), "revision": "v1", "secret": "git"});
    let node = shop.plugin.node(&template(shop.build(json!({"context": context})))).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(output(&node, "revision"), shop.sha);
    let empty = shop.service.push_directory(tree(&[]).path(), "empty", "nothing").await;
    let context = json!({"repo": shop.service.url(), "revision": empty, "secret": "git"});
    let fields = json!({"context": context, "dockerfile-inline": "FROM scratch\nLABEL a=b\n"});
    expect_phase(&shop.plugin.node(&template(shop.build(fields))).await, "Succeeded");
}
