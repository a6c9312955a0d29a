use std::os::unix::fs::symlink;
use std::sync::atomic::Ordering;

use super::fixture::{Fixture, git, login};
use crate::git::{EntryType, GitError, Pointers, Snapshot};

/// A repository with files in directories, and symbolic links to them.
async fn tree() -> Fixture {
    let fixture = Fixture::new().await;
    let bare = fixture.bare("shop.git");
    fixture.work(&bare, "main", |work| {
        std::fs::create_dir_all(work.join("a/b")).unwrap();
        std::fs::write(work.join(".dockerignore"), "x\n").unwrap();
        // The files are similar, so that a server may send one as a delta against the other.
        let text = "one line of many\n".repeat(200);
        std::fs::write(work.join("a/b/first"), format!("{text}1")).unwrap();
        std::fs::write(work.join("a/b/second"), format!("{text}2")).unwrap();
        symlink("b/first", work.join("a/link")).unwrap();
        symlink("/a/b", work.join("dir")).unwrap();
        symlink("circle", work.join("circle")).unwrap();
        symlink("../../../.dockerignore", work.join("a/up")).unwrap();
    });
    git(&bare, &["repack", "-adfq"]);
    fixture
}

async fn text(snapshot: &mut Snapshot, base: &str, path: &str) -> Option<String> {
    let found = snapshot.find(base, path, true).await.unwrap()?;
    assert_eq!(found.entry_type, EntryType::File, "{path}");
    Some(String::from_utf8(snapshot.file(&found).await.unwrap().to_vec()).unwrap())
}

async fn files_are_read(fixture: &Fixture) {
    let mut snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    assert_eq!(text(&mut snapshot, "", ".dockerignore").await.as_deref(), Some("x\n"));
    assert!(text(&mut snapshot, "a", "b/first").await.unwrap().ends_with('1'));
    assert!(text(&mut snapshot, "a", "./b//second").await.unwrap().ends_with('2'));
    assert!(text(&mut snapshot, "", "a/link").await.unwrap().ends_with('1'));
    assert!(text(&mut snapshot, "", "dir/second").await.unwrap().ends_with('2'));
    // A link that leads above the directory leads to the directory itself.
    assert_eq!(text(&mut snapshot, "", "a/up").await.as_deref(), Some("x\n"));
    assert_eq!(text(&mut snapshot, "a", "up").await, None);
    for absent in ["circle", "a/none", "none/a", ".dockerignore/a", "a/b/first/x"] {
        assert_eq!(text(&mut snapshot, "", absent).await, None, "{absent}");
    }
    // The directory of a build context must not be a symbolic link (buildkit `source/git`, `validateDirsOnly`).
    assert_eq!(text(&mut snapshot, "dir", "first").await, None);
    for (path, link) in [("dir", Some("dir")), ("dir/x", Some("dir")), ("a/link/x", Some("a/link"))] {
        assert_eq!(snapshot.link_in(path).await.unwrap().as_deref(), link, "{path}");
    }
    for path in ["", "a", "a/b", "a/none/x", "a/b/first/x"] {
        assert_eq!(snapshot.link_in(path).await.unwrap(), None, "{path}");
    }
}

#[tokio::test]
async fn files_of_a_commit_are_read_one_by_one() {
    files_are_read(&tree().await).await;
}

/// A link may have a thousand names, each of which is a search through a directory.
#[tokio::test]
async fn a_path_has_a_limit_of_names() {
    let fixture = tree().await;
    let bare = fixture.root().join("shop.git");
    for (name, times) in [("long", 100), ("endless", 200)] {
        fixture.work(&bare, "main", |work| {
            symlink("a/../".repeat(times) + ".dockerignore", work.join(name)).unwrap()
        });
    }
    let mut snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    assert_eq!(text(&mut snapshot, "", "long").await.as_deref(), Some("x\n"));
    let error = snapshot.find("", "endless", true).await.unwrap_err();
    assert!(error.to_string().contains("more than 256 names"), "{error}");
}

#[tokio::test]
async fn files_are_read_from_a_server_that_serves_whole_commits_only() {
    let fixture = tree().await;
    fixture.server.faults.only_v0.store(true, Ordering::SeqCst);
    files_are_read(&fixture).await;
    let fixture = tree().await;
    git(&fixture.root().join("shop.git"), &["config", "uploadpack.allowFilter", "false"]);
    files_are_read(&fixture).await;
}

#[tokio::test]
async fn what_is_in_the_root_is_known_from_the_proof_and_small_files_are_asked_for_once() {
    let fixture = tree().await;
    let requests = || fixture.server.faults.seen.lock().unwrap().len();
    let url = fixture.url("shop.git");
    let mut snapshot = fixture.git.open(&url, &login(), "main").await.unwrap();
    let proven = requests();
    assert_eq!(text(&mut snapshot, "", "none").await, None);
    assert_eq!(requests(), proven);
    assert!(text(&mut snapshot, "", ".dockerignore").await.is_some());
    assert_eq!(requests(), proven + 1);
    let mut again = fixture.git.open(&url, &login(), "main").await.unwrap();
    let proven = requests();
    assert!(text(&mut again, "", ".dockerignore").await.is_some());
    assert_eq!(requests(), proven);
}

#[tokio::test]
async fn pointers_are_found_and_a_file_that_is_too_large_is_refused() {
    let fixture = tree().await;
    let bare = fixture.root().join("shop.git");
    fixture.commit(&bare, "main", "large", &"x".repeat((1 << 20) + 1));
    let mut snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    for name in ["a/one", "a/b/two", "a/b/three", "four"] {
        fixture.commit(&bare, "main", name, "version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n");
    }
    let mut tip = fixture.git.open(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    let found = tip.pointers("a", 1, |path| path != "b/three").await.unwrap();
    assert_eq!(found, Pointers { paths: vec!["b/two".to_owned()], count: 2 });
    let found = tip.pointers("", 9, |_| true).await.unwrap();
    assert_eq!((found.count, found.paths.len()), (4, 4));
    let large = snapshot.find("", "large", true).await.unwrap().unwrap();
    let error = snapshot.file(&large).await.unwrap_err();
    assert!(matches!(error, GitError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("more than the 1 MiB"), "{error}");
}

#[tokio::test]
async fn what_was_dropped_is_read_again() {
    let fixture = tree().await;
    let mut snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    assert!(text(&mut snapshot, "", "a/b/first").await.is_some());
    assert!(snapshot.held() > "one line of many\n".len() * 200);
    snapshot.clear();
    assert_eq!(snapshot.held(), 0);
    assert!(text(&mut snapshot, "", "a/b/second").await.is_some());
}

#[tokio::test]
async fn several_files_are_read_in_one_request() {
    let fixture = tree().await;
    let requests = || fixture.server.faults.seen.lock().unwrap().len();
    let mut snapshot = fixture.git.open(&fixture.url("shop.git"), &login(), "main").await.unwrap();
    let proven = requests();
    snapshot.prefetch("", &[".dockerignore", "none", "a", "circle"]).await.unwrap();
    snapshot.prefetch("a/b", &["first"]).await.unwrap();
    let read = requests();
    assert!(text(&mut snapshot, "", ".dockerignore").await.is_some());
    assert!(text(&mut snapshot, "a/b", "first").await.is_some());
    // The four requests are for a file, two directories and a file.
    assert_eq!((read - proven, requests()), (4, read));
}
