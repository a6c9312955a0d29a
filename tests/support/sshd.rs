//! An ssh server that accepts one key, as root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::net::PATIENCE;
use super::{bin, registry};

/// A running server. It is stopped on drop.
pub(crate) struct Sshd {
    child: Child,
    root: tempfile::TempDir,
    port: u16,
}

impl Sshd {
    /// A server with a host key, and a client key that it accepts.
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let host_key = keygen(root.path(), "host");
        keygen(root.path(), "client");
        // The directory that Debian's sshd needs for privilege separation.
        fs::create_dir_all("/run/sshd").unwrap();
        let port = registry::free_port();
        let authorized = root.path().join("client.pub");
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nPidFile none\n\
             MaxStartups 1000\n",
            host_key.display(),
            authorized.display()
        );
        fs::write(root.path().join("config"), config).unwrap();
        let child = Command::new(bin::system("sshd", "openssh-server"))
            .args(["-D", "-f"])
            .arg(root.path().join("config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, root, port };
        bin::wait_for("sshd to listen", PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }

    /// The private key that the server accepts.
    pub(crate) fn client_key(&self) -> String {
        fs::read_to_string(self.root.path().join("client")).unwrap()
    }

    /// A private key that the server does not accept.
    pub(crate) fn other_key(&self) -> String {
        fs::read_to_string(keygen(self.root.path(), "other")).unwrap()
    }

    /// A line for `known_hosts` with the server's key, for any port.
    pub(crate) fn known_hosts(&self) -> String {
        format!("127.0.0.1 {}", fs::read_to_string(self.root.path().join("host.pub")).unwrap())
    }

    /// `127.0.0.1:port`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of a directory on this machine.
    pub(crate) fn url(&self, path: &Path) -> String {
        format!("ssh://root@127.0.0.1:{}{}", self.port, path.display())
    }
}

/// A new ed25519 key in OpenSSH's format.
pub(crate) struct KeyPair {
    pub(crate) private: String,
    pub(crate) public: String,
}

/// A new key.
pub(crate) fn key_pair() -> KeyPair {
    let root = tempfile::tempdir().unwrap();
    let private = keygen(root.path(), "key");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    KeyPair { private: read(&private), public: read(&private.with_extension("pub")) }
}

impl KeyPair {
    /// Writes both keys into `root`. Returns the path of the private key.
    pub(crate) fn write(&self, root: &Path) -> PathBuf {
        let path = root.join("key");
        fs::write(&path, &self.private).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(path.with_extension("pub"), &self.public).unwrap();
        path
    }

    /// `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        let root = tempfile::tempdir().unwrap();
        let mut command = Command::new(bin::system("ssh-keygen", "openssh-client"));
        let output = command.arg("-lf").arg(self.write(root.path())).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }
}

fn keygen(root: &Path, name: &str) -> PathBuf {
    let path = root.join(name);
    let mut command = Command::new(bin::system("ssh-keygen", "openssh-client"));
    let status = command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status().unwrap();
    assert!(status.success());
    path
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
