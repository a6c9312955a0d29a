//! `argo-buildkit verify` at a terminal.

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

use super::{KEY, OTHER_PUBLIC, PUBLIC, repository, sign};

/// Runs the subcommand with `arguments` in a directory with keys.
fn verify(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    for (name, key) in [("cosign.pub", PUBLIC), ("other.pub", OTHER_PUBLIC), ("cosign.key", KEY)] {
        fs::write(directory.path().join(name), key).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.env_clear().current_dir(directory.path()).arg("verify").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn each_image_is_told_and_one_unsigned_image_fails() {
    let repository = repository();
    let image = repository.image("1", b"one".to_vec()).await;
    repository.image("2", b"two".to_vec()).await;
    sign(&format!("{}:1", repository.name), json!({"annotations": {"stage": "dev"}})).await.unwrap();
    let (signed, unsigned) = (format!("{}:1", repository.name), format!("{}:2", repository.name));
    for arguments in [
        &["--key", "cosign.pub", &signed][..],
        &["--key", "cosign.pub", "-a", "stage=dev", &signed],
        &["--key", "other.pub", "--key", "cosign.pub", &signed],
    ] {
        let output = verify(arguments);
        let (told, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}");
        let digest = image["digest"].as_str().unwrap();
        let expected = format!("{}@{digest} is signed by key sha256:1c1c3987", repository.name);
        assert!(told.starts_with(&expected), "{told}");
    }
    let both = verify(&["--key", "cosign.pub", &unsigned, &signed]);
    assert_eq!(both.status.code(), Some(1));
    assert!(text(&both.stdout).contains(":1c1c3987"), "{both:?}");
    assert!(text(&both.stderr).contains("it has no signatures"), "{both:?}");
    // One that cannot be read keeps nobody from the others.
    let (absent, silent) = (format!("{}:3", repository.name), "127.0.0.1:1/api:1");
    for (arguments, code, why) in [
        (&["--key", "cosign.pub", &absent, &signed][..], 75, "has no such image"),
        (&["--key", "cosign.pub", &absent, &unsigned, &signed], 1, "it has no signatures"),
        (&["--key", "cosign.pub", silent, &signed], 75, "cannot reach"),
    ] {
        let output = verify(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(text(&output.stdout).contains(":1c1c3987"), "{output:?}");
        assert!(said.contains(why) && said.contains("is signed is not known: "), "{said}");
    }
    for (arguments, why) in [
        (&["--key", "other.pub", &signed][..], "its signatures do not count: 2 made by another key"),
        (&["--key", "cosign.pub", "-a", "stage=prod", &signed], "without the wanted annotation `stage`"),
        (
            &["--key", "cosign.key", &signed],
            "cosign.key is a private key, and verifying needs the public key",
        ),
        (&["--key", "absent.pub", &signed], "reading absent.pub"),
        (&["--key", "cosign.pub", "-a", "stage", &signed], "write it as NAME=VALUE"),
        (&[&signed], "--key"),
    ] {
        let output = verify(arguments);
        let said = text(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}: {output:?}");
        assert!(said.contains(why) && !said.contains(&KEY[60..80]), "{said}");
    }
}
