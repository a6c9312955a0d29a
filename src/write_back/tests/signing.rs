//! Signatures, verified by Git itself.

use std::path::Path;
use std::process::Command;

use secrecy::SecretString;

use super::fixture::{Fixture, git};
use super::write_back::{replace, request};
use crate::git::{BadSigningKey, SigningKey};
use crate::write_back::WriteBack;

/// A new key: the private key's text and the public key's line.
fn keygen(dir: &Path, name: &str, args: &[&str]) -> (String, String) {
    let path = dir.join(name);
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-C", "ci@example.com", "-f"]).arg(&path).args(args).status().unwrap();
    assert!(made.success());
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    (read(&path), read(&path.with_extension("pub")))
}

#[tokio::test]
async fn git_finds_the_signature_good() {
    for kind in [&["-t", "ed25519"][..], &["-t", "ecdsa", "-b", "256"], &["-t", "ecdsa", "-b", "521"]] {
        let fixture = Fixture::new().await;
        let bare = fixture.repo("ops.git", &[("values.yaml", "tag: v1\n")]);
        let (private, public) = keygen(fixture.root(), "key", &[kind, &["-N", ""]].concat());
        let signers = fixture.root().join("signers");
        std::fs::write(&signers, format!("ci@example.com {public}")).unwrap();
        // Secrets often lack the last line end.
        let key = SigningKey::from_openssh(&private.trim_end().into()).unwrap();
        let request = request(&fixture, "ops.git", &["values.yaml"]);
        let request = WriteBack { signing_key: Some(key), ..request };
        fixture.pusher.write_back(request, replace("v1", "v2 ü")).await.unwrap();
        git(&bare, &["config", "gpg.format", "ssh"]);
        git(&bare, &["config", "gpg.ssh.allowedSignersFile", signers.to_str().unwrap()]);
        assert_eq!(git(&bare, &["log", "-1", "--format=%G? %GS", "main"]), "G ci@example.com", "{kind:?}");
        git(&bare, &["verify-commit", "main"]);
        git(&bare, &["fsck", "--strict", "--no-dangling"]);
        // The owner of another key did not sign it.
        let (_, other) = keygen(fixture.root(), "other", &["-t", "ed25519", "-N", ""]);
        std::fs::write(&signers, format!("ci@example.com {other}")).unwrap();
        assert_ne!(git(&bare, &["log", "-1", "--format=%G?", "main"]), "G");
    }
}

#[test]
fn keys_that_cannot_sign_are_told_apart_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (locked, _) = keygen(dir.path(), "locked", &["-t", "ed25519", "-N", "passphrase"]);
    let (rsa, _) = keygen(dir.path(), "rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
    let (good, _) = keygen(dir.path(), "good", &["-t", "ed25519", "-N", ""]);
    let cut = good[..good.len() / 2].to_owned();
    let table = [
        (locked, BadSigningKey::Encrypted),
        (rsa, BadSigningKey::Unsupported),
        (cut, BadSigningKey::Unreadable),
        (String::new(), BadSigningKey::Unreadable),
        ("ssh-ed25519 AAAA".to_owned(), BadSigningKey::Unreadable),
    ];
    for (text, want) in table {
        let got = SigningKey::from_openssh(&SecretString::from(text.clone())).unwrap_err();
        assert_eq!(got, want);
        let line = text.lines().nth(1).unwrap_or("no key");
        assert!(!format!("{got} {got:?}").contains(line));
    }
    let key = SigningKey::from_openssh(&good.clone().into()).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains("SHA256:") && !good.lines().any(|line| shown.contains(line)), "{shown}");
}
