//! Both cosigns: they verify what we sign, and we verify what they sign.

use std::process::{Command, Output};

use serde_json::json;

use super::{repository, run, secrets, verify};
use crate::support::bin;
use crate::support::images::Repository;

/// An empty trusted root. cosign 2.6 wants one as soon as there is a bundle, also for a key, and else fetches it.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cosign/trusted-root.json");

/// A version of cosign, and a form that it can be told to write and read.
struct Peer {
    program: &'static str,
    writing: &'static [&'static str],
    reading: &'static [&'static str],
    form: &'static str,
    /// cosign 2 leaves the annotations out of a bundle, and does not look at them in one.
    annotates: bool,
}

const PEERS: &[Peer] = &[
    Peer {
        program: "cosign-v2",
        writing: &["--tlog-upload=false"],
        reading: &["--trusted-root", ROOT],
        form: "(classic signature)",
        annotates: true,
    },
    Peer {
        program: "cosign-v2",
        writing: &["--tlog-upload=false", "--new-bundle-format"],
        reading: &["--new-bundle-format", "--trusted-root", ROOT],
        form: "(bundle)",
        annotates: false,
    },
    Peer {
        program: "cosign-v3",
        writing: &["--use-signing-config=false", "--tlog-upload=false", "--new-bundle-format=false"],
        reading: &["--new-bundle-format=false"],
        form: "(classic signature)",
        annotates: true,
    },
    Peer {
        program: "cosign-v3",
        writing: &["--use-signing-config=false", "--tlog-upload=false"],
        reading: &[],
        form: "(bundle)",
        annotates: true,
    },
];

/// A key pair that cosign made.
struct Keys(tempfile::TempDir);

impl Keys {
    fn of(peer: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = cosign(peer, &["generate-key-pair"]).current_dir(directory.path()).output().unwrap();
        assert!(made.status.success(), "{}", said(&made));
        Self(directory)
    }

    fn path(&self, file: &str) -> String {
        self.0.path().join(file).display().to_string()
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}

fn cosign(peer: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(bin::testbed(peer));
    command.args(arguments).env("COSIGN_PASSWORD", "open-sesame");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn image() -> (Repository, String) {
    let repository = repository();
    let index = repository.platforms("1").await;
    let name = format!("{}@{}", repository.name, index["digest"].as_str().unwrap());
    (repository, name)
}

#[tokio::test]
#[ignore = "needs both cosigns, which take 10 minutes each to build: make test-peers"]
async fn both_cosigns_verify_what_we_sign() {
    for Peer { program: peer, reading, .. } in PEERS {
        let keys = Keys::of(peer);
        let (_, name) = image().await;
        let secrets =
            secrets(&[("cosign.key", &keys.text("cosign.key")), ("cosign.password", "open-sesame")]);
        let body = json!({"sign": {"image": name, "key": "image-key", "annotations": {"stage": "dev"}}});
        let done = run(secrets.path(), &body).await.unwrap();
        // The command that the step prints, with the path of the key.
        let command = done.outputs["verify-command"].replace("cosign.pub", &keys.path("cosign.pub"));
        let mut words: Vec<_> = command.split(' ').skip(1).collect();
        words.extend(*reading);
        let verified = cosign(peer, &words).output().unwrap();
        assert!(verified.status.success(), "{peer} {words:?}: {}", said(&verified));
        let mut wrong = words.clone();
        wrong.extend(["-a", "stage=prod"]);
        let refused = cosign(peer, &wrong).output().unwrap();
        // With both forms there, cosign 2 reads the bundle.
        assert_eq!(refused.status.success(), peer == &"cosign-v2", "{peer} {wrong:?}");
        let parts: Vec<String> = serde_json::from_str(&done.outputs["signed-digests"]).unwrap();
        let part = format!("{}@{}", name.split('@').next().unwrap(), parts[0]);
        let words: Vec<_> =
            words.iter().map(|word| if word.contains('@') { part.as_str() } else { word }).collect();
        let verified = cosign(peer, &words).output().unwrap();
        assert!(verified.status.success(), "{peer} {words:?}: {}", said(&verified));
    }
}

#[tokio::test]
#[ignore = "needs both cosigns, which take 10 minutes each to build: make test-peers"]
async fn we_verify_what_both_cosigns_sign_and_add_nothing_to_it() {
    for Peer { program: peer, writing, form, annotates, .. } in PEERS {
        let keys = Keys::of(peer);
        let (_, name) = image().await;
        let key = keys.path("cosign.key");
        let words = [&["sign", "--yes", "--key", &key, "-a", "stage=dev"], *writing, &[&name]].concat();
        let signed = cosign(peer, &words).output().unwrap();
        assert!(signed.status.success(), "{peer} {words:?}: {}", said(&signed));
        let public = keys.text("cosign.pub");
        let with = |stage: &str| json!({"public-keys": public, "annotations": {"stage": stage}});
        let wanted = if *annotates { with("dev") } else { json!({"public-keys": public}) };
        let done = verify(&name, wanted).await.unwrap();
        assert!(done.summary.ends_with(form), "{peer} {writing:?}: {}", done.summary);
        verify(&name, with("prod")).await.unwrap_err();
        // The one form is there, so only the other is added.
        let secrets =
            secrets(&[("cosign.key", &keys.text("cosign.key")), ("cosign.password", "open-sesame")]);
        let body = json!({"sign": {"image": name, "key": "image-key", "annotations": {"stage": "dev"}, "children": false}});
        let added = if *annotates { "1" } else { "2" };
        let done = run(secrets.path(), &body).await.unwrap();
        assert_eq!(done.outputs["signatures-added"], added, "{peer} {writing:?}");
    }
}
