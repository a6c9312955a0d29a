//! `sign`: signs an image, and everything that its index names.

use std::collections::BTreeMap;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use super::Engine;
use super::context::Cx;
use super::sanitize::list_that_fits;
use crate::oci::{Descriptor, OciError, SignatureStore};
use crate::outcome::{Outputs, StepError, Success};
use crate::signature::{Claim, PrivateKey};
use crate::step::{Sign, SignTarget};

/// How many parts of an image are signed at the same time.
const AT_A_TIME: usize = 4;
/// What to do about an index that names what the registry does not have.
const GAP: &str = "`children: false` signs the image's own digest alone";

pub(super) async fn run(engine: &Engine, sign: &Sign, cx: &Cx) -> Result<Success, StepError> {
    let Some(SignTarget { image: reference, key: wanted }) = &sign.target else { return Ok(off()) };
    let (image, insecure) = (&reference.image, reference.insecure);
    cx.now(format!("reading {image}"));
    let key = engine.image_key(cx, wanted).await?;
    let auth = engine.registry_auth(cx, sign.registry_secret.as_ref()).await?;
    let registry = engine.registry.of(engine.tenancy.tenant(&cx.workflow));
    let source = registry.source_image(image, &auth, insecure, cx.deadline).await?.advising(GAP);
    let subjects = source.subjects(sign.children).await?;
    let name = format!("{}@{}", image.name(), source.digest());
    // What is read of the image has memory, and nobody may wait for more who has some.
    drop(source);
    let store = registry.signatures(image, &auth, insecure, true, cx.deadline)?;
    cx.now(format!("signing {image}"));
    let added = sign_all(&store, &subjects, sign, &key, cx).await?;
    let command = command(insecure, &sign.annotations, &name);
    Ok(success(&name, &subjects, added, &key, &command))
}

/// Signs the parts of the image, and last the image itself: if that is signed, everything in it is. A stop waits for the requests
/// that write signatures, as for every push, and for nothing else: what is signed by then stays, and is not signed again.
async fn sign_all(
    store: &SignatureStore<'_>,
    subjects: &[Descriptor],
    sign: &Sign,
    key: &PrivateKey,
    cx: &Cx,
) -> Result<usize, OciError> {
    let Some((image, parts)) = subjects.split_last() else { return Ok(0) };
    let mut signing: Vec<BoxFuture<'_, Result<usize, OciError>>> = Vec::new();
    for part in parts {
        signing.push(sign_one(store.fork(), part, sign, key, cx).boxed());
    }
    let signed: Vec<_> = stream::iter(signing).buffer_unordered(AT_A_TIME).try_collect().await?;
    let last = sign_one(store.fork(), image, sign, key, cx).await?;
    Ok(signed.into_iter().sum::<usize>() + last)
}

async fn sign_one(
    mut store: SignatureStore<'_>,
    subject: &Descriptor,
    sign: &Sign,
    key: &PrivateKey,
    cx: &Cx,
) -> Result<usize, OciError> {
    let claim = Claim { digest: subject.digest.clone(), annotations: sign.annotations.clone() };
    store.sign(subject, &claim, key, &|| cx.enter()).await
}

fn off() -> Success {
    let names = ["signed", "signed-digests", "signatures-added", "key-id", "verify-command"];
    let outputs = names.map(|name| (name.to_owned(), String::new()));
    Success { summary: "signing is off".to_owned(), outputs: outputs.into() }
}

fn success(name: &str, subjects: &[Descriptor], added: usize, key: &PrivateKey, command: &str) -> Success {
    let id = key.public().id();
    let outputs = [
        ("signed", name.to_owned()),
        ("signed-digests", list_that_fits(subjects.iter().map(|subject| &subject.digest))),
        ("signatures-added", added.to_string()),
        ("key-id", id.clone()),
        ("verify-command", command.to_owned()),
    ];
    let outputs: Outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
    let parts = match subjects.len() {
        0 | 1 => String::new(),
        count => format!(" and {} parts", count - 1),
    };
    let done = match added {
        0 => format!("{name}{parts} had signatures of key {id} already"),
        _ => format!("signed {name}{parts} with key {id} ({added} signatures added)"),
    };
    Success { summary: format!("{done}; verify with `{command}`"), outputs }
}

/// The command with which cosign verifies the image. It looks for no transparency log, since there is none.
fn command(insecure: bool, annotations: &BTreeMap<String, String>, name: &str) -> String {
    let mut command = "cosign verify --key cosign.pub --insecure-ignore-tlog=true".to_owned();
    if insecure {
        command.push_str(" --allow-http-registry --allow-insecure-registry");
    }
    for (annotation, value) in annotations {
        command.push_str(&format!(" -a {}", quoted(&csv_field(format!("{annotation}={value}")))));
    }
    format!("{command} {name}")
}

/// The annotation as cosign reads it: as a line of CSV, in which each field is one annotation.
fn csv_field(annotation: String) -> String {
    match annotation.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", annotation.replace('"', "\"\"")),
        false => annotation,
    }
}

/// The word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=./:@".contains(&b);
    match word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        for (word, shown) in [("a=b", "a=b"), ("a=b c", "'a=b c'"), ("a=$(x)'", r"'a=$(x)'\'''")] {
            assert_eq!(quoted(word), shown);
        }
    }

    #[test]
    fn cosign_reads_each_annotation_of_the_command_as_one() {
        for (value, shown) in [
            ("b", "a=b"),
            ("b c", "'a=b c'"),
            ("b=c", "a=b=c"),
            ("b,c=d", r#"'"a=b,c=d"'"#),
            (r#"say "b""#, r#"'"a=say ""b"""'"#),
            ("it's, b", r#"'"a=it'\''s, b"'"#),
            ("b\nc", "'\"a=b\nc\"'"),
        ] {
            let annotations = [("a".to_owned(), value.to_owned())].into();
            let expected =
                format!("cosign verify --key cosign.pub --insecure-ignore-tlog=true -a {shown} r.io/a");
            assert_eq!(command(false, &annotations, "r.io/a"), expected);
        }
    }
}
