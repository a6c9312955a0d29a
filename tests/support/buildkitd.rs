//! A real buildkitd with its own root directory, on a unix socket or on TCP with TLS.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::bin;
use super::net::PATIENCE;

/// The certificate files of a daemon with TLS.
pub(crate) struct ServerTls {
    /// The authority of client certificates.
    pub(crate) ca: PathBuf,
    /// The daemon's certificate.
    pub(crate) cert: PathBuf,
    /// The daemon's key.
    pub(crate) key: PathBuf,
}

/// A running daemon. It is stopped and its mounts and files are removed on drop.
pub(crate) struct Buildkitd {
    child: Child,
    root: tempfile::TempDir,
    address: String,
    tls: Option<ServerTls>,
}

impl Buildkitd {
    /// A daemon on a unix socket, with `config` as its buildkitd.toml.
    pub(crate) fn start(config: &str) -> Self {
        let root = new_root(config);
        let address = format!("unix://{}", root.path().join("s").display());
        Self::launch(root, address, None)
    }

    /// A daemon on a TCP port that requires client certificates.
    pub(crate) fn start_tls(config: &str, tls: ServerTls) -> Self {
        let port = super::registry::free_port();
        Self::launch(new_root(config), format!("tcp://127.0.0.1:{port}"), Some(tls))
    }

    /// A daemon on a TCP port without TLS.
    pub(crate) fn start_tcp(config: &str) -> Self {
        let port = super::registry::free_port();
        Self::launch(new_root(config), format!("tcp://127.0.0.1:{port}"), None)
    }

    fn launch(root: tempfile::TempDir, address: String, tls: Option<ServerTls>) -> Self {
        let child = spawn(root.path(), &address, tls.as_ref());
        let mut daemon = Self { child, root, address, tls };
        daemon.wait_ready();
        daemon
    }

    /// `unix:///…` or `tcp://host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The daemon's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The daemon's log so far (debug level).
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    /// Kills the daemon, like a crash.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts the daemon again on the same root and address, after [`Self::kill`].
    pub(crate) fn restart(&mut self) {
        reap_orphans(self.root.path());
        let _ = fs::remove_file(self.root.path().join("s"));
        self.child = spawn(self.root.path(), &self.address, self.tls.as_ref());
        self.wait_ready();
    }

    /// Process ids of the steps that run in this daemon's containers.
    pub(crate) fn steps(&self) -> Vec<u32> {
        processes_under(self.root.path())
    }

    fn wait_ready(&mut self) {
        let log = self.root.path().join("log");
        let child = &mut self.child;
        bin::wait_for("buildkitd to serve", PATIENCE, || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if let Ok(Some(status)) = child.try_wait() {
                panic!("buildkitd ended ({status}):\n{text}");
            }
            text.contains("running server on").then_some(())
        });
    }
}

impl Drop for Buildkitd {
    fn drop(&mut self) {
        bin::stop(&mut self.child, Duration::from_secs(5));
        reap_orphans(self.root.path());
    }
}

fn new_root(config: &str) -> tempfile::TempDir {
    let root = tempfile::Builder::new().prefix("bk-").tempdir().unwrap();
    fs::write(root.path().join("buildkitd.toml"), config).unwrap();
    root
}

fn spawn(root: &Path, address: &str, tls: Option<&ServerTls>) -> Child {
    bin::system("runc", "runc");
    let log = File::create(root.join("log")).unwrap();
    let mut command = Command::new(bin::testbed("buildkitd"));
    command
        .args(["--debug", "--oci-worker=true", "--containerd-worker=false"])
        .args(["--oci-worker-net=host", "--addr", address, "--root"])
        .arg(root.join("r"))
        // By default all daemons of a machine share one path, and if two start at the same time, one fails.
        .arg("--otel-socket-path")
        .arg(root.join("otel"))
        .arg("--config")
        .arg(root.join("buildkitd.toml"))
        .stdout(Stdio::null())
        .stderr(log);
    if !fs::read_to_string(root.join("buildkitd.toml")).unwrap().contains("gcpolicy") {
        command.arg("--oci-worker-gc=false");
    }
    if let Some(tls) = tls {
        command.arg("--tlscacert").arg(&tls.ca).arg("--tlscert").arg(&tls.cert);
        command.arg("--tlskey").arg(&tls.key);
    }
    command.spawn().unwrap()
}

/// Ends the processes of the steps and the mounts that a killed daemon leaves behind.
fn reap_orphans(root: &Path) {
    for pid in processes_under(root) {
        bin::signal(pid, "KILL");
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let prefix = root.display().to_string();
    for target in mounts.lines().rev().filter_map(|line| line.split(' ').nth(4)) {
        if target.starts_with(&prefix) {
            let _ = Command::new("umount").args(["-l", target]).status();
        }
    }
}

/// Processes whose cgroup or root file system belongs to a container under `root`.
fn processes_under(root: &Path) -> Vec<u32> {
    let mounted = |pid: u32| {
        let info = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        // A step's own `/` is an overlay whose lower directories are the daemon's snapshots.
        info.lines()
            .any(|line| line.split(' ').nth(4) == Some("/") && line.contains(&*root.display().to_string()))
    };
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| mounted(*pid))
        .collect()
}
