//! A server that claims a commit it does not have is no proof of the right to read it.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use serde_json::json;
use sha1::{Digest as _, Sha1};

use crate::support::plugin::{Plugin, Setup, expect_phase, output, tree};
use crate::support::shared::World;
use crate::support::shop::{Shop, template};

/// What a lying server sends.
#[derive(Clone, Default)]
struct Lies {
    /// The commit that its `main` claims to be.
    tip: String,
    /// Kind and bytes of the objects in its packs.
    objects: Vec<(u8, Vec<u8>)>,
    /// Protocol v0, in which the refs come first.
    v0: bool,
}

const COMMIT: u8 = 1;
const TREE: u8 = 2;
const TAG: u8 = 4;

fn packet(data: &[u8]) -> Vec<u8> {
    [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
}

impl Lies {
    fn pack(&self) -> Vec<u8> {
        let count = u32::try_from(self.objects.len()).unwrap();
        let mut pack = [&b"PACK\0\0\0\x02"[..], &count.to_be_bytes()].concat();
        for (kind, bytes) in &self.objects {
            let (mut left, mut byte) = (bytes.len() >> 4, (kind << 4) | (bytes.len() & 15) as u8);
            while left > 0 {
                pack.push(byte | 128);
                (byte, left) = ((left & 127) as u8, left >> 7);
            }
            pack.push(byte);
            let mut encoder = flate2::write::ZlibEncoder::new(&mut pack, flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
        let sum = Sha1::digest(&pack);
        pack.extend_from_slice(&sum);
        pack
    }

    fn advert(&self) -> Vec<u8> {
        let mut said = packet(b"# service=git-upload-pack\n");
        said.extend_from_slice(b"0000");
        if self.v0 {
            let head =
                "side-band-64k shallow filter allow-reachable-sha1-in-want symref=HEAD:refs/heads/main";
            said.extend(packet(format!("{} HEAD\0{head}\n", self.tip).as_bytes()));
            said.extend(packet(format!("{} refs/heads/main\n", self.tip).as_bytes()));
        } else {
            for line in ["version 2\n", "ls-refs\n", "fetch=shallow filter\n"] {
                said.extend(packet(line.as_bytes()));
            }
        }
        said.extend_from_slice(b"0000");
        said
    }

    fn answer(&self, asked: &[u8]) -> Vec<u8> {
        let asked = String::from_utf8_lossy(asked);
        let mut said = Vec::new();
        if asked.contains("command=ls-refs") {
            said.extend(packet(format!("{} refs/heads/main\n", self.tip).as_bytes()));
        } else {
            if self.v0 {
                said.extend_from_slice(b"0000");
                said.extend(packet(b"NAK\n"));
            } else {
                said.extend(packet(b"packfile\n"));
            }
            said.extend(packet(&[&b"\x01"[..], &self.pack()].concat()));
        }
        said.extend_from_slice(b"0000");
        said
    }

    /// Serves the lies; gives a repository's URL.
    async fn serve(self) -> String {
        async fn answer(
            State(lies): State<Arc<Lies>>,
            request: Request,
        ) -> ([(HeaderName, &'static str); 1], Vec<u8>) {
            if request.uri().path().ends_with("/info/refs") {
                return ([(CONTENT_TYPE, "application/x-git-upload-pack-advertisement")], lies.advert());
            }
            let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            ([(CONTENT_TYPE, "application/x-git-upload-pack-result")], lies.answer(&body))
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/lies.git", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::new(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

fn id(kind: &str, bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", bytes.len()));
    hash.update(bytes);
    hex::encode(hash.finalize())
}

fn commit_of(tree: &str) -> Vec<u8> {
    format!("tree {tree}\nauthor a <a@a> 1 +0000\ncommitter a <a@a> 1 +0000\n\nmine\n").into_bytes()
}

/// What a step that builds `revision` of the lying repository says.
async fn refusal(plugin: &Plugin, repo: &str, revision: &str) -> String {
    let build = json!({"build": {"context": {"repo": repo, "revision": revision}, "push": false}});
    let node = plugin.node(&template(build)).await;
    expect_phase(&node, "Failed");
    node["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_commit_that_others_built_is_not_read_through_a_server_that_only_names_it() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    // From now on the daemon has the victim's checkout, and hands it to whoever names the commit.
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
        let repo = Lies { tip: tip.clone(), ..lies }.serve().await;
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
    let bare = told(vec![(COMMIT, commit.clone())]).serve().await;
    let other = told(vec![(COMMIT, commit.clone()), (TREE, b"100644 x\0aaaaaaaaaaaaaaaaaaaa".to_vec())])
        .serve()
        .await;
    for repo in [bare, other] {
        for revision in ["main", &*sha] {
            let message = refusal(&attacker, &repo, revision).await;
            assert!(message.contains("without its files"), "{revision}: {message}");
        }
    }
    // With both it is theirs to give; that the file is missing, the daemon finds.
    let whole = told(vec![(COMMIT, commit), (TREE, entry)]).serve().await;
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
