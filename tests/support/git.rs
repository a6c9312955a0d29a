//! A Git server over smart HTTP, with an optional password.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::bin;
use super::process::kill_group;

/// A running server. It is stopped and its repositories are removed on drop.
pub(crate) struct GitServer {
    child: Child,
    root: tempfile::TempDir,
    url: String,
}

impl GitServer {
    /// A server that accepts only `user` with `password`.
    pub(crate) fn start(user: &str, password: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut child = Command::new(bin::testbed("git-http"))
            .args(["-user", user, "-password", password, "-root"])
            .arg(root.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, root, url: url.trim().to_owned() }
    }

    /// `http://host:port`.
    pub(crate) fn origin(&self) -> &str {
        &self.url
    }

    /// A repository's URL.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}.git", self.url)
    }

    /// The path of a repository on this machine.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(format!("{name}.git"))
    }

    /// Creates a repository whose branch `main` holds `files`. Returns the commit's id.
    pub(crate) fn create(&self, name: &str, files: &[(&str, &str)]) -> String {
        self.commit(name, files, &[])
    }

    /// Creates a repository like [`Self::create`], with a commit of another repository as a submodule.
    pub(crate) fn create_with_submodule(
        &self,
        name: &str,
        files: &[(&str, &str)],
        module: (&str, &str),
    ) -> String {
        let entry = format!("160000,{},{}", module.1, module.0);
        self.commit(name, files, &["update-index", "--add", "--cacheinfo", &entry])
    }

    fn commit(&self, name: &str, files: &[(&str, &str)], stage: &[&str]) -> String {
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["init", "-q", "-b", "main"]);
        for (path, text) in files {
            let path = work.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(work.path(), &["add", "-A"]);
        if !stage.is_empty() {
            git(work.path(), stage);
        }
        git(work.path(), &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one"]);
        let bare = self.path(name);
        git(work.path(), &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        git(work.path(), &["rev-parse", "HEAD"])
    }
}

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(directory).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Drop for GitServer {
    fn drop(&mut self) {
        kill_group(&mut self.child);
    }
}
