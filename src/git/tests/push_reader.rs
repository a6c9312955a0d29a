use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use git2::{Oid, Repository, Signature};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::fixture::{Fixture, git, login};
use crate::git::GitError;
use crate::git::push_reader::{PushReader, PushedTrees};

/// The files of a commit: their modes, and a number that makes their contents.
type Tree = BTreeMap<Path, (i32, u8)>;

/// The names of a path.
type Path = Vec<Vec<u8>>;

const NAMES: [&[u8]; 10] = [
    b"a",
    b"b",
    b"a.b",
    b"a-b",
    "ü😀".as_bytes(),
    b"\"q'\"",
    b"new\nline",
    b"\xff\xfe",
    b" $(x) {{y}}",
    b"-x",
];
/// A file, an executable, a symbolic link and a submodule.
const MODES: [i32; 4] = [0o100_644, 0o100_755, 0o120_000, 0o160_000];

/// Two trees of which the second is often a change of the first.
fn trees() -> impl Strategy<Value = (Tree, Tree)> {
    let path = prop::collection::vec(prop::sample::select(&NAMES[..]).prop_map(<[u8]>::to_vec), 1..4);
    let file = (prop::sample::select(&MODES[..]), 0..4_u8);
    let tree = move |most| prop::collection::vec((path.clone(), file.clone()), 0..most);
    (tree(20), tree(8), any::<u32>()).prop_map(|(first, second, kept)| {
        let kept = first.iter().enumerate().filter(|(nth, _)| kept & (1 << nth) != 0).map(|(_, file)| file);
        let second: Vec<_> = second.iter().chain(kept).cloned().collect();
        (tidy(first), tidy(second))
    })
}

/// The files without those below another file.
fn tidy(files: Vec<(Path, (i32, u8))>) -> Tree {
    let mut tree = Tree::new();
    for (path, file) in files {
        if !tree.keys().any(|other| other.starts_with(&path) || path.starts_with(other)) {
            tree.insert(path, file);
        }
    }
    tree
}

fn write(repo: &Repository, files: &Tree, depth: usize) -> Oid {
    let mut builder = repo.treebuilder(None).unwrap();
    let mut below: BTreeMap<&Vec<u8>, Tree> = BTreeMap::new();
    for (path, (mode, content)) in files {
        if path.len() > depth + 1 {
            below.entry(&path[depth]).or_default().insert(path.clone(), (*mode, *content));
        } else {
            let id = match mode {
                0o160_000 => Oid::from_str(&format!("{:040}", content + 1)).unwrap(),
                _ => repo.blob(&[*content]).unwrap(),
            };
            builder.insert(path[depth].as_slice(), id, *mode).unwrap();
        }
    }
    for (name, files) in below {
        builder.insert(name.as_slice(), write(repo, &files, depth + 1), 0o040_000).unwrap();
    }
    builder.write().unwrap()
}

fn commit(bare: &std::path::Path, files: &Tree, parent: Option<Oid>) -> Oid {
    let repo = Repository::open(bare).unwrap();
    let tree = repo.find_tree(write(&repo, files, 0)).unwrap();
    let by = Signature::now("x", "x@example.com").unwrap();
    let parent = parent.map(|parent| repo.find_commit(parent).unwrap());
    repo.commit(None, &by, &by, "change", &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
}

/// What `git diff --name-only` lists. Without renames: a renamed file is two paths.
fn listed(bare: &std::path::Path, before: Oid, after: Oid) -> Vec<Vec<u8>> {
    let (before, after) = (before.to_string(), after.to_string());
    let mut git = std::process::Command::new("git");
    git.args(["diff", "--name-only", "-z", "--no-renames", &before, &after]).current_dir(bare);
    let output = git.output().unwrap();
    assert!(output.status.success());
    output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

#[tokio::test]
async fn a_push_changes_what_git_diff_lists() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("shop.git");
    let (mut runner, trees) = (TestRunner::default(), trees());
    let mut seen = 0;
    for _ in 0..60 {
        let (first, second) = trees.new_tree(&mut runner).unwrap().current();
        let before = commit(&bare, &first, None);
        // Half of the pushes are forced: the new commit does not come from the old one.
        let after = commit(&bare, &second, (seen % 2 == 0).then_some(before));
        let mut reader = PushReader::new(&fixture.git, &fixture.url("shop.git"), &login()).await.unwrap();
        let (old, new) = (before.to_string(), after.to_string());
        assert_eq!(reader.trees(&old, &new).await.unwrap(), PushedTrees::Both);
        let changed = reader.changed(&old, &new).await.unwrap().unwrap();
        assert_eq!(changed, listed(&bare, before, after), "{first:?}\n{second:?}");
        seen += usize::from(!changed.is_empty());
    }
    assert!(seen > 30, "most pushes change something: {seen}");
}

#[tokio::test]
async fn a_push_is_one_request_and_one_more_if_its_beginning_is_gone() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1"), ("b", "2"), ("dir/c", "3")]);
    let (after, before) = (git(&bare, &["rev-parse", "main"]), git(&bare, &["rev-parse", "main~2"]));
    let asked = || std::mem::take(&mut *fixture.server.faults.seen.lock().unwrap()).len();
    let reader = async || PushReader::new(&fixture.git, &fixture.url("shop.git"), &login()).await.unwrap();

    let mut read = reader().await;
    assert_eq!(read.trees(&before, &after).await.unwrap(), PushedTrees::Both);
    assert_eq!(asked(), 1);
    let changed = read.changed(&before, &after).await.unwrap().unwrap();
    assert_eq!(changed, [b"b".to_vec(), b"dir/c".to_vec()]);
    assert_eq!(read.log(&after).await.unwrap().len(), 1);
    read.history(&after).await.unwrap();
    assert_eq!(read.log(&after).await.unwrap().len(), 3);
    assert_eq!(asked(), 1, "the history");

    let gone = "1".repeat(40);
    assert_eq!(reader().await.trees(&gone, &after).await.unwrap(), PushedTrees::UnknownBefore);
    assert_eq!(asked(), 2);
    let error = reader().await.trees(&after, &gone).await.unwrap_err();
    assert!(matches!(&error, GitError::Revision { revision, .. } if *revision == gone), "{error}");
    let blob = git(&bare, &["rev-parse", "main:a"]);
    assert_eq!(reader().await.trees(&blob, &after).await.unwrap(), PushedTrees::UnknownBefore);
    let error = reader().await.trees(&after, &blob).await.unwrap_err();
    assert!(error.to_string().contains("the server sends no commit"), "{error}");
}

#[tokio::test]
async fn servers_of_the_old_protocol_and_without_filters_serve_it_too() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("shop.git", &[("a", "1"), ("b", "2")]);
    git(&bare, &["config", "uploadpack.allowFilter", "false"]);
    git(&bare, &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let (after, before) = (git(&bare, &["rev-parse", "main"]), git(&bare, &["rev-parse", "main~1"]));
    for old in [false, true] {
        fixture.server.faults.only_v0.store(old, Ordering::SeqCst);
        let mut reader = PushReader::new(&fixture.git, &fixture.url("shop.git"), &login()).await.unwrap();
        assert_eq!(reader.trees(&before, &after).await.unwrap(), PushedTrees::Both);
        assert_eq!(reader.changed(&before, &after).await.unwrap().unwrap(), [b"b".to_vec()]);
    }
}

#[tokio::test]
async fn trees_without_end_are_too_much() {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("shop.git");
    let repo = Repository::open(&bare).unwrap();
    // Thirty trees that each name the one below twice: a billion files.
    let (mut id, mut mode) = (repo.blob(b"x").unwrap(), 0o100_644);
    for _ in 0..30 {
        let mut builder = repo.treebuilder(None).unwrap();
        builder.insert("a", id, mode).unwrap();
        builder.insert("b", id, mode).unwrap();
        (id, mode) = (builder.write().unwrap(), 0o040_000);
    }
    let by = Signature::now("x", "x@example.com").unwrap();
    let after = repo.commit(None, &by, &by, "bomb", &repo.find_tree(id).unwrap(), &[]).unwrap();
    let before = commit(&bare, &Tree::new(), None);
    let mut reader = PushReader::new(&fixture.git, &fixture.url("shop.git"), &login()).await.unwrap();
    let (before, after) = (before.to_string(), after.to_string());
    assert_eq!(reader.trees(&before, &after).await.unwrap(), PushedTrees::Both);
    assert_eq!(reader.changed(&before, &after).await.unwrap(), None);
}
