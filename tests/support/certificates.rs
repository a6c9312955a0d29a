//! Creates certificates with openssl(1).

use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate authority.
pub(crate) struct Authority {
    directory: tempfile::TempDir,
}

/// A certificate and its key, in PEM files.
pub(crate) struct Pair {
    /// The certificate.
    pub(crate) cert: PathBuf,
    /// The key.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// A new authority.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let new =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let out = ["-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.pem"];
        openssl(directory.path(), &[&new[..], &out[..]].concat());
        Self { directory }
    }

    /// The authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate for `name`, valid for 127.0.0.1.
    pub(crate) fn sign(&self, name: &str) -> Pair {
        let root = self.directory.path();
        let file = |extension: &str| format!("{name}.{extension}");
        let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let (key, csr, pem, ext) = (file("key"), file("csr"), file("pem"), file("ext"));
        let subject = format!("/CN={name}");
        openssl(root, &[&new[..], &["-subj", &subject, "-keyout", &key, "-out", &csr][..]].concat());
        let names = format!("subjectAltName=IP:127.0.0.1,DNS:{name}\n");
        std::fs::write(root.join(&ext), names).unwrap();
        let sign = [
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
        ];
        openssl(root, &[&sign[..], &["-extfile", &ext, "-out", &pem][..]].concat());
        Pair { cert: root.join(pem), key: root.join(key) }
    }
}

fn openssl(directory: &Path, args: &[&str]) {
    let output = Command::new(super::bin::system("openssl", "openssl"))
        .current_dir(directory)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
