//! Bundles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{claim, key};
use crate::signature::{BUNDLE, Claim, PREDICATE, Unfit};

const STATEMENT: &str = "application/vnd.in-toto+json";

/// A bundle of `statement`, signed with the key.
fn signed(statement: &str) -> Value {
    let message = format!("DSSEv1 {} {STATEMENT} {} {statement}", STATEMENT.len(), statement.len());
    let signature = STANDARD.encode(key().sign(message.as_bytes()));
    json!({"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": {"payload": STANDARD.encode(statement), "payloadType": STATEMENT, "signatures": [{"sig": signature}]}})
}

fn statement() -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": PREDICATE, "predicate": {},
        "subject": [{"digest": {"sha256": format!("{:064}", 1)}, "annotations": {"stage": "prod"}}]})
}

fn check(claim: &Claim, bundle: &Value) -> Result<(), Unfit> {
    claim.check_bundle(bundle.to_string().as_bytes(), &[key().public().clone()]).map(drop)
}

#[test]
fn a_bundle_counts_for_its_own_claim_alone() {
    let ours = |claim: &Claim| serde_json::from_slice::<Value>(&claim.bundle(&key())).unwrap_or_default();
    let bundle = ours(&claim(1, &[("stage", "prod")]));
    assert_eq!(
        bundle["verificationMaterial"]["publicKey"]["hint"],
        "HBw5h7OI/m1vnxwOQLxI5OqMztuQnlSIgVHSRlSZ64I="
    );
    for bundle in [bundle, signed(&statement().to_string())] {
        assert_eq!(check(&claim(1, &[]), &bundle), Ok(()));
        assert_eq!(check(&claim(1, &[("stage", "prod")]), &bundle), Ok(()));
        assert_eq!(check(&claim(2, &[]), &bundle), Err(Unfit::OtherDigest));
        let missing = Err(Unfit::Annotation("stage".to_owned()));
        assert_eq!(check(&claim(1, &[("stage", "dev")]), &bundle), missing);
    }
    assert_eq!(ours(&claim(1, &[])), ours(&claim(1, &[])));
}

#[test]
fn a_bundle_that_states_something_else_does_not_count() {
    let with = |path: &str, value: Value| {
        let mut changed = statement();
        if let Some(place) = changed.pointer_mut(path) {
            *place = value;
        }
        signed(&changed.to_string())
    };
    for (bundle, expected) in [
        (with("/predicateType", "https://slsa.dev/provenance/v1".into()), Unfit::OtherStatement),
        (with("/_type", "https://in-toto.io/Statement/v9".into()), Unfit::OtherStatement),
        (with("/subject", json!([])), Unfit::OtherDigest),
        (with("/subject/0/digest", json!({"sha512": format!("{:064}", 1)})), Unfit::OtherDigest),
    ] {
        assert_eq!(check(&claim(1, &[]), &bundle), Err(expected));
    }
    let digest = format!(r#""digest":{{"sha256":"{:064}""#, 1);
    let twice = statement().to_string().replace(&digest, &format!(r#"{digest},"sha256":"b""#));
    assert!(matches!(check(&claim(1, &[]), &signed(&twice)), Err(Unfit::Unreadable(_))), "{twice}");
}

#[test]
fn a_bundle_whose_envelope_is_odd_does_not_count() {
    let good = signed(&statement().to_string());
    let with = |path: &str, value: Value| {
        let mut changed = good.clone();
        if let Some(place) = changed.pointer_mut(path) {
            *place = value;
        }
        changed
    };
    let own = &good["dsseEnvelope"]["signatures"][0];
    let other = STANDARD.encode(statement().to_string().replace("prod", "dev"));
    for (bundle, expected) in [
        (with("/mediaType", "application/json".into()), "unreadable (it is no bundle)"),
        (with("/dsseEnvelope/payloadType", "text/plain".into()), "of another kind of statement"),
        (with("/dsseEnvelope", Value::Null), "of another kind of statement"),
        (with("/dsseEnvelope/payload", other.into()), "made by another key"),
        (with("/dsseEnvelope/payload", "%".into()), "unreadable (Invalid"),
        (with("/dsseEnvelope/signatures", json!([])), "unreadable (its envelope has not one signature)"),
        (with("/dsseEnvelope/signatures", json!([own, own])), "unreadable (its envelope has not one"),
        (with("/dsseEnvelope/signatures/0/sig", "AAAA".into()), "made by another key"),
        (json!([]), "unreadable ("),
    ] {
        let said = check(&claim(1, &[]), &bundle).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
    }
}
