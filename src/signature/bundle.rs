//! A sigstore bundle, version 0.3: an in-toto statement in a DSSE envelope, with a hint at the key (sigstore
//! `protobuf-specs/protos/sigstore_bundle.proto`, DSSE `protocol.md`, cosign `cmd/cosign/cli/sign/sign.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::unique::UniqueKeys;
use super::{Claim, MessageHash, PrivateKey, PublicKey, Unfit};

/// The media type of a bundle, and the artifact type of its manifest.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The statement that an image is signed.
pub const PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// The beginning of the media types of all versions.
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";
/// The media type of an in-toto statement.
const STATEMENT: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The most subjects of a statement.
const SUBJECTS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleWire {
    media_type: String,
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: UniqueKeys,
    #[serde(default)]
    annotations: Option<UniqueKeys>,
}

pub(super) fn write(claim: &Claim, key: &PrivateKey) -> Vec<u8> {
    let (algorithm, hex) = claim.digest.split_once(':').unwrap_or(("sha256", &claim.digest));
    let mut subject = json!({"digest": {algorithm: hex}});
    if !claim.annotations.is_empty() {
        subject["annotations"] = json!(claim.annotations);
    }
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "subject": [subject],
        "predicateType": PREDICATE,
        "predicate": {},
    });
    let payload = statement.to_string();
    let signature = key.sign(&encoded(STATEMENT, payload.as_bytes()));
    let bundle: Value = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.public().hint()}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": STATEMENT,
            "signatures": [{"sig": STANDARD.encode(signature)}],
        },
    });
    bundle.to_string().into_bytes()
}

/// The key of `keys` that signed `bundle`, which states `claim`. What a log or an authority says in it is not read.
pub(super) fn check<'k>(claim: &Claim, bundle: &[u8], keys: &'k [PublicKey]) -> Result<&'k PublicKey, Unfit> {
    let wire: BundleWire = serde_json::from_slice(bundle).map_err(|error| Unfit::unreadable(&error))?;
    if !wire.media_type.starts_with(BUNDLES) {
        return Err(Unfit::Unreadable("it is no bundle".to_owned()));
    }
    let envelope = wire.dsse_envelope.ok_or(Unfit::OtherStatement)?;
    if envelope.payload_type != STATEMENT {
        return Err(Unfit::OtherStatement);
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| Unfit::unreadable(&error));
    let payload = decode(&envelope.payload)?;
    // "MUST only have exactly one signature" (`sigstore_bundle.proto`).
    let [signature] = envelope.signatures.as_slice() else {
        return Err(Unfit::Unreadable("its envelope has not one signature".to_owned()));
    };
    // It is cheaper to read than to verify, and proves nothing before it is verified.
    check_statement(claim, &payload)?;
    MessageHash::of(&encoded(STATEMENT, &payload)).signer(keys, &decode(&signature.sig)?)
}

pub(super) fn check_statement(claim: &Claim, payload: &[u8]) -> Result<(), Unfit> {
    let statement: Statement = serde_json::from_slice(payload).map_err(|error| Unfit::unreadable(&error))?;
    // The same key may sign attestations, which say something else about an image.
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != PREDICATE {
        return Err(Unfit::OtherStatement);
    }
    let names = |subject: &&Subject| {
        let claimed = claim.digest.split_once(':');
        claimed.is_some_and(|(algorithm, hex)| subject.digest.text(algorithm) == Some(hex))
    };
    let subject = statement.subject.iter().take(SUBJECTS).find(names).ok_or(Unfit::OtherDigest)?;
    claim.check_annotations(|name| subject.annotations.as_ref()?.text(name))
}

/// What is signed of a DSSE envelope: its "pre-authentication encoding".
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}
