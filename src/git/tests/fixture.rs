//! Test repositories, made with the real `git`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::server::{Server, TOKEN};
use crate::git::{Credentials, Git, GitOptions, RepoUrl};

/// A directory of bare repositories, a server for it, and a client.
pub(crate) struct Fixture {
    dir: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) git: Git,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path()).await;
        Self { server, git: Git::new(GitOptions::default()).unwrap(), dir }
    }

    /// The repository's URL on the server.
    pub(crate) fn url(&self, name: &str) -> RepoUrl {
        format!("{}/{name}", self.server.address).parse().unwrap()
    }

    /// An empty bare repository with partial clones allowed.
    pub(crate) fn bare(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        git(self.dir.path(), &["init", "-q", "--bare", "-b", "main", name]);
        git(&path, &["config", "uploadpack.allowFilter", "true"]);
        git(&path, &["config", "http.receivepack", "true"]);
        path
    }

    /// A bare repository whose `main` holds `files`, with one commit for each.
    pub(crate) fn repo(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.bare(name);
        for (file, content) in files {
            self.commit(&path, "main", file, content);
        }
        path
    }

    /// Commits `file` to `branch`; returns the SHA.
    pub(crate) fn commit(&self, bare: &Path, branch: &str, file: &str, content: &str) -> String {
        self.work(bare, branch, |work| {
            let target = work.join(file);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, content).unwrap();
        })
    }

    /// Applies `change` to a work tree of `branch` and commits it; returns the SHA.
    pub(crate) fn work(&self, bare: &Path, branch: &str, change: impl FnOnce(&Path)) -> String {
        let work = tempfile::tempdir_in(self.dir.path()).unwrap();
        let there = !git(bare, &["for-each-ref", &format!("refs/heads/{branch}")]).is_empty();
        git(work.path(), &["init", "-q", "-b", branch, "."]);
        if there {
            git(work.path(), &["pull", "-q", bare.to_str().unwrap(), branch]);
        }
        change(work.path());
        git(work.path(), &["add", "-A"]);
        git(work.path(), &["commit", "-q", "-m", "change"]);
        git(work.path(), &["push", "-q", bare.to_str().unwrap(), &format!("HEAD:refs/heads/{branch}")]);
        git(work.path(), &["rev-parse", "HEAD"])
    }

    /// The directory of the bare repositories.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }
}

/// The login that the test server accepts.
pub(crate) fn login() -> Credentials {
    Credentials::basic("tester", &format!("{TOKEN}\n").into())
}

/// Runs `git` in `dir` without the user's configuration; returns the trimmed output.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "core.autocrlf=false"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Fixture")
        .env("GIT_AUTHOR_EMAIL", "fixture@example.com")
        .env("GIT_COMMITTER_NAME", "Fixture")
        .env("GIT_COMMITTER_EMAIL", "fixture@example.com")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
