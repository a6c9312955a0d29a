//! Tests against OpenSSH's own server, where it is installed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Fixture, git};
use super::write_back::{append, request};
use crate::git::{Credentials, Git, GitError, GitOptions, RepoUrl};
use crate::write_back::{Edited, Files, Message, WriteBack};

/// An sshd on its own free port with its own keys. It stops when the test ends.
struct Sshd {
    dir: tempfile::TempDir,
    child: Child,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    /// Starts the server; `None` if OpenSSH's server is not installed.
    async fn start(accept_env: bool) -> Option<Self> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for (name, kind) in
            [("host", "ed25519"), ("user", "ed25519"), ("user_rsa", "rsa"), ("other", "ed25519")]
        {
            keygen(dir.path(), name, kind);
        }
        let keys = ["user.pub", "user_rsa.pub"].map(|n| std::fs::read_to_string(dir.path().join(n)).unwrap());
        std::fs::write(dir.path().join("authorized_keys"), keys.concat()).unwrap();
        // The directory for privilege separation, which a service manager would create.
        let _ = std::fs::create_dir_all("/run/sshd");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = dir.path().display();
        let env = if accept_env { "AcceptEnv GIT_PROTOCOL\n" } else { "" };
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nStrictModes no\nUsePAM no\n\
             AuthorizedKeysFile {at}/authorized_keys\nPasswordAuthentication no\nPermitRootLogin yes\n{env}"
        );
        std::fs::write(dir.path().join("config"), config).unwrap();
        let child = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(dir.path().join("config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self { dir, child, port })
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// The server's line for `known_hosts`.
    fn known(&self) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.text("host.pub"))
    }

    fn key(&self, name: &str) -> Credentials {
        Credentials::ssh(&self.text(name).into(), Some(self.known()))
    }

    fn url(&self, bare: &Path) -> RepoUrl {
        let user = git_output("id", &["-un"]);
        format!("ssh://{user}@127.0.0.1:{}{}", self.port, bare.display()).parse().unwrap()
    }
}

fn keygen(dir: &Path, name: &str, kind: &str) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f", name]).current_dir(dir).status();
    assert!(made.unwrap().success());
}

fn git_output(program: &str, args: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(args).output().unwrap().stdout).unwrap().trim().to_owned()
}

async fn site(accept_env: bool) -> Option<(Fixture, Sshd, PathBuf)> {
    let sshd = Sshd::start(accept_env).await?;
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1"), ("values.yaml", "v2")]);
    git(&bare, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    Some((fixture, sshd, bare))
}

/// Reads and writes, with a server that accepts `GIT_PROTOCOL` and one that ignores it.
async fn reads_and_writes(accept_env: bool) {
    let Some((fixture, sshd, bare)) = site(accept_env).await else { return };
    let (tip, below) = (git(&bare, &["rev-parse", "main"]), git(&bare, &["rev-parse", "main~1"]));
    let url = sshd.url(&bare);
    for key in ["user", "user_rsa"] {
        assert_eq!(fixture.git.resolve(&url, &sshd.key(key), "main").await.unwrap().sha, tip, "{key}");
    }
    assert_eq!(fixture.git.resolve(&url, &sshd.key("user"), &below).await.unwrap().sha, below);
    let edit = |files: &Files| {
        let files = files.keys().map(|path| (path.clone(), b"v3".to_vec())).collect();
        Ok(Edited { files, message: Message::new("Set the tag") })
    };
    let over_ssh = WriteBack {
        repo: sshd.url(&bare),
        credentials: sshd.key("user"),
        ..request(&fixture, "ops.git", &["values.yaml"])
    };
    let landed = fixture.pusher.write_back(over_ssh, Arc::new(edit)).await.unwrap();
    assert!(landed.changed);
    assert_eq!(git(&bare, &["rev-parse", "main"]), landed.commit);
    assert_eq!(git(&bare, &["show", "main:values.yaml"]), "v3");
}

#[tokio::test]
async fn reads_and_writes_over_v2() {
    reads_and_writes(true).await;
}

#[tokio::test]
async fn reads_and_writes_over_v0() {
    reads_and_writes(false).await;
}

#[tokio::test]
async fn only_a_known_server_and_a_known_key_will_do() {
    let Some((fixture, sshd, bare)) = site(true).await else { return };
    let user = sshd.text("user");
    let other_host = format!("[127.0.0.1]:{} {}", sshd.port, sshd.text("other.pub"));
    let table = [
        (sshd.key("other"), "refused the login"),
        (Credentials::ssh(&user.clone().into(), None), "add `known_hosts`"),
        (
            Credentials::ssh(&user.clone().into(), Some("elsewhere ssh-ed25519 AAAA".into())),
            "has no readable line",
        ),
        (Credentials::ssh(&user.into(), Some(other_host)), "impostor"),
        (Credentials::ssh(&"rubbish".into(), Some(sshd.known())), "cannot be read"),
        (Credentials::basic("u", &"t".into()), "needs an SSH key"),
    ];
    for (credentials, want) in table {
        let error = fixture.git.resolve(&sshd.url(&bare), &credentials, "main").await.unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
        assert!(!error.is_transient(), "{error}");
    }
    let options = GitOptions { accept_unknown_ssh_hosts: true, ..GitOptions::default() };
    let unchecked = Credentials::ssh(&sshd.text("user").into(), None);
    Git::new(options).unwrap().resolve(&sshd.url(&bare), &unchecked, "main").await.unwrap();
}

#[tokio::test]
async fn a_missing_repository_or_commit_is_said_clearly() {
    let Some((fixture, sshd, bare)) = site(true).await else { return };
    let none = sshd.url(&bare.with_file_name("none.git"));
    let error = fixture.git.resolve(&none, &sshd.key("user"), "main").await.unwrap_err();
    assert!(matches!(error, GitError::NotFound { .. }), "{error}");
    let unknown = "1".repeat(40);
    let error = fixture.git.resolve(&sshd.url(&bare), &sshd.key("user"), &unknown).await.unwrap_err();
    assert!(matches!(error, GitError::Revision { .. }), "{error}");
}

/// An ssh connection stands still while one of its channels is not read.
#[tokio::test]
async fn a_pack_that_waits_for_memory_keeps_no_other_request_waiting() {
    let Some((fixture, sshd, bare)) = site(true).await else { return };
    git(&bare, &["config", "uploadpack.allowFilter", "false"]);
    fixture.work(&bare, "main", |work| {
        let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(16 << 20).collect();
        std::fs::write(work.join("large"), random).unwrap();
    });
    let over_ssh = WriteBack {
        repo: sshd.url(&bare),
        credentials: sshd.key("user"),
        ..request(&fixture, "ops.git", &["values.yaml"])
    };
    let (held, waits) = fixture.git.memory().without_packs().await;
    let write = fixture.pusher.write_back(over_ssh, append("x"));
    tokio::pin!(write);
    tokio::select! {
        landed = &mut write => panic!("{landed:?}"),
        () = waits => {}
    }
    let other = async {
        // The server sends until the connection holds no more.
        tokio::time::sleep(Duration::from_millis(500)).await;
        fixture.git.resolve(&sshd.url(&bare), &sshd.key("user"), "main").await.unwrap();
        drop(held);
    };
    let (landed, ()) = tokio::join!(write, other);
    assert!(landed.unwrap().changed);
}
