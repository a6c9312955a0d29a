//! git's own http-backend with Basic authentication: a Git server other than Gitea.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bin;
use super::gitea::git;
use super::process::{self, Process};

/// A running server of bare repositories. It is stopped and they are removed on drop.
pub(crate) struct GitHttp {
    _process: Process,
    root: tempfile::TempDir,
    url: String,
}

impl GitHttp {
    /// A server that demands `user` and `password`. If both are empty, it demands no login.
    pub(crate) fn start(user: &str, password: &str) -> Self {
        Self::spawn(user, password, &[])
    }

    /// A server without support for filters, like Git's default.
    pub(crate) fn without_filter(user: &str, password: &str) -> Self {
        Self::spawn(user, password, &["-filter=false"])
    }

    fn spawn(user: &str, password: &str, more: &[&str]) -> Self {
        let root = process::directory("git-http-");
        let repositories = root.path().join("repositories");
        fs::create_dir(&repositories).unwrap();
        let mut command = Command::new(bin::testbed("git-http"));
        command.arg("-root").arg(&repositories).args(["-user", user, "-password", password]).args(more);
        let mut process = Process::spawn("git-http", command, &root.path().join("log"));
        let first_line = |log: &str| log.contains('\n').then(|| log.lines().next().map(str::to_owned))?;
        let url = process.wait_until("for its address", first_line);
        Self { _process: process, root, url }
    }

    /// The clone URL of repository `name`.
    pub(crate) fn repo_url(&self, name: &str) -> String {
        format!("{}/{name}.git", self.url)
    }

    /// The bare repository `name` on disk. It is created if it does not exist. Its default branch is `main`.
    pub(crate) fn repo(&self, name: &str) -> PathBuf {
        let path = self.root.path().join("repositories").join(format!("{name}.git"));
        if !path.exists() {
            fs::create_dir_all(&path).unwrap();
            git(&path, &["init", "--quiet", "--bare", "."], None);
        }
        path
    }

    /// Replaces `branch` of repository `name` by a commit with exactly the files of `directory`. Returns its id.
    pub(crate) fn commit_directory(
        &self,
        name: &str,
        branch: &str,
        directory: &Path,
        message: &str,
    ) -> String {
        let path = self.repo(name);
        let tree = format!("--work-tree={}", directory.display());
        git(&path, &["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")], None);
        git(&path, &[&tree, "add", "--all", "--force", "."], None);
        git(&path, &[&tree, "commit", "--quiet", "--allow-empty", "--message", message], None);
        self.head(name, branch)
    }

    /// The tip of `branch`.
    pub(crate) fn head(&self, name: &str, branch: &str) -> String {
        git(&self.repo(name), &["rev-parse", branch], None).trim().to_owned()
    }
}
