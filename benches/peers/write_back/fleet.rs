//! A GitOps repository of 20,000 files and 500 MB, behind a password.

use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;

use super::super::support::bin;
use super::super::support::git::GitServer;

const USER: &str = "writer";
const PASSWORD: &str = "a-password-of-the-bench";
const DIRECTORIES: usize = 2000;
const FILES: usize = 10;
/// Bytes of a file that compress to no fewer.
const SIZE: usize = 25_000;
/// Directories whose first file is a `values.yaml` instead: one for each writer of the batch.
pub(super) const VALUES: usize = 100;

/// The server and the login to it.
pub(super) struct Fleet {
    git: GitServer,
    secrets: tempfile::TempDir,
}

impl Fleet {
    /// A server with a repository of its own; the 500 MB in it are shared between runs of the bench.
    pub(super) fn start() -> Self {
        let git = GitServer::start(USER, PASSWORD);
        let bare = git.path("fleet");
        let clone = ["clone", "--quiet", "--bare", "--shared"].map(std::ffi::OsStr::new);
        succeed(Command::new("git").args(clone).arg(cached()).arg(bare));
        let secrets = tempfile::tempdir().unwrap();
        std::fs::create_dir(secrets.path().join("git")).unwrap();
        std::fs::write(secrets.path().join("git/username"), USER).unwrap();
        std::fs::write(secrets.path().join("git/password"), PASSWORD).unwrap();
        std::fs::write(secrets.path().join("token"), "the-agents-token").unwrap();
        Self { git, secrets }
    }

    pub(super) fn address(&self) -> SocketAddr {
        let url = self.git.url("fleet");
        url.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap()
    }

    pub(super) fn url(&self) -> String {
        self.git.url("fleet")
    }

    pub(super) fn secrets(&self) -> &Path {
        self.secrets.path()
    }

    /// The step that writes `tag` to the `nth` of the values files (JSON is YAML).
    pub(super) fn step(&self, url: &str, nth: usize, tag: &str) -> serde_json::Value {
        let targets = serde_json::json!([{"file": values(nth), "helm": {"image.tag": tag}}]);
        serde_json::json!({"update-manifest": {"repo": url, "secret": {"name": "git"}, "targets": targets}})
    }

    /// The branch's commit as the server keeps it: a look at a file, for asking git takes milliseconds.
    pub(super) fn tip(&self) -> Option<String> {
        std::fs::read_to_string(self.git.path("fleet").join("refs/heads/main")).ok()
    }

    /// Commits on the branch.
    pub(super) fn commits(&self) -> usize {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.git.path("fleet")).args(["rev-list", "--count", "main"]);
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

/// The login as HTTP's Basic scheme has it.
pub(super) fn login() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// The path of the `nth` values file.
pub(super) fn values(nth: usize) -> String {
    format!("apps/{nth:04}/values.yaml")
}

/// The repository in the test bed's cache, made when it is not there.
fn cached() -> PathBuf {
    let tool = bin::testbed("git-http");
    let directory = tool.ancestors().nth(2).unwrap().join("bench");
    let bare = directory.join(format!("fleet-{DIRECTORIES}x{FILES}x{SIZE}.git"));
    if !bare.exists() {
        std::fs::create_dir_all(&directory).unwrap();
        let making = tempfile::tempdir_in(&directory).unwrap();
        import(making.path());
        // Its name says that it is whole.
        std::fs::rename(making.keep(), &bare).unwrap();
    }
    bare
}

fn import(bare: &Path) {
    succeed(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch", "main"]).arg(bare));
    let mut command = Command::new("git");
    command.arg("-C").arg(bare).args(["fast-import", "--quiet", "--depth=0"]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stream = BufWriter::new(child.stdin.take().unwrap());
    commit(&mut stream).unwrap();
    drop(stream.into_inner().unwrap());
    assert!(child.wait().unwrap().success(), "git fast-import failed");
}

/// One commit in the words of `git-fast-import`.
fn commit(stream: &mut impl Write) -> std::io::Result<()> {
    let mut random = fastrand::Rng::with_seed(20_000);
    let mut noise = vec![0; SIZE];
    stream.write_all(b"commit refs/heads/main\ncommitter bench <bench@localhost> 0 +0000\ndata 4\none\n")?;
    for directory in 0..DIRECTORIES {
        for nth in 0..FILES {
            if nth == 0 && directory < VALUES {
                let text =
                    b"replicas: 2\nimage:\n  repository: shop/api\n  tag: one # the pipeline writes this\n";
                file(stream, &values(directory), text)?;
            } else {
                random.fill(&mut noise);
                file(stream, &format!("apps/{directory:04}/asset-{nth}.bin"), &noise)?;
            }
        }
    }
    Ok(())
}

fn file(stream: &mut impl Write, path: &str, bytes: &[u8]) -> std::io::Result<()> {
    write!(stream, "M 100644 inline {path}\ndata {}\n", bytes.len())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\n")
}

fn succeed(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?} failed");
}
