//! Payloads of classic signatures.

use super::{claim, key};
use crate::signature::{Claim, PublicKey, Unfit};

fn check_signature<'k>(
    claim: &Claim,
    payload: &[u8],
    signature: &[u8],
    keys: &'k [PublicKey],
) -> Result<&'k PublicKey, Unfit> {
    claim.check_payload(payload)?.signer(keys, signature)
}

fn check(claim: &Claim, payload: &str) -> Result<(), Unfit> {
    let (key, payload) = (key(), payload.as_bytes());
    let keys = [key.public().clone()];
    check_signature(claim, payload, &key.sign(payload), &keys).map(drop)
}

#[test]
fn a_payload_is_that_of_cosign() {
    let payload = claim(1, &[]).payload("r.io/shop/api");
    let expected = format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"r.io/shop/api"}},"image":{{"docker-manifest-digest":"sha256:{:064}"}},"type":"cosign container image signature"}},"optional":null}}"#,
        1
    );
    assert_eq!(String::from_utf8(payload), Ok(expected));
    let payload = claim(1, &[("b", "2"), ("a", "<1>")]).payload("r.io/a");
    assert!(String::from_utf8_lossy(&payload).ends_with(r#""optional":{"a":"<1>","b":"2"}}"#));
}

#[test]
fn a_signature_counts_for_its_own_claim_alone() {
    let (key, claimed) = (key(), claim(1, &[("stage", "prod"), ("by", "ci")]));
    let payload = claimed.payload("r.io/a");
    let signature = key.sign(&payload);
    assert_eq!(signature, key.sign(&payload), "the same message has the same signature");
    let keys = [key.public().clone()];
    for (wanted, expected) in [
        (claim(1, &[]), Ok(())),
        (claim(1, &[("stage", "prod")]), Ok(())),
        (claim(1, &[("stage", "dev")]), Err(Unfit::Annotation("stage".to_owned()))),
        (claim(1, &[("team", "a")]), Err(Unfit::Annotation("team".to_owned()))),
        (claim(2, &[]), Err(Unfit::OtherDigest)),
    ] {
        assert_eq!(check_signature(&wanted, &payload, &signature, &keys).map(drop), expected);
    }
    let mut other = payload.clone();
    let name = payload.windows(4).position(|part| part == b"r.io").unwrap_or_default();
    other[name] ^= 1;
    for (payload, signature) in [(&other, &signature[..]), (&payload, &signature[1..]), (&payload, &[])] {
        assert_eq!(check_signature(&claimed, payload, signature, &keys), Err(Unfit::OtherKey));
    }
    let others =
        PublicKey::read_all(include_str!("../../../tests/cosign/keys/other-public.pem")).unwrap_or_default();
    assert_eq!(check_signature(&claimed, &payload, &signature, &others), Err(Unfit::OtherKey));
    let both: Vec<_> = others.into_iter().chain(keys.iter().cloned()).collect();
    assert_eq!(check_signature(&claimed, &payload, &signature, &both), Ok(&keys[0]));
}

#[test]
fn an_odd_payload_does_not_count_even_if_it_is_signed() {
    let digest = format!("sha256:{:064}", 1);
    let critical = |more: &str, kind: &str| {
        format!(
            r#""critical":{{{more}"identity":{{"docker-reference":"a"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{kind}"}}"#
        )
    };
    let good = critical("", "cosign container image signature");
    assert_eq!(check(&claim(1, &[]), &format!(r#"{{{good},"optional":null}}"#)), Ok(()));
    assert_eq!(check(&claim(1, &[]), &format!("{{{good}}}")), Ok(()));
    let twice =
        critical(r#""image":{"docker-manifest-digest":"sha256:x"},"#, "cosign container image signature");
    let atomic = critical("", "atomic container signature");
    for (payload, expected) in [
        (format!("{{{atomic}}}"), "of another kind of statement"),
        (format!("{{{twice}}}"), "unreadable (duplicate field"),
        (format!("{{{good},{good}}}"), "unreadable (duplicate field"),
        (format!(r#"{{{good},"optional":{{"a":"1","a":"2"}}}}"#), "unreadable (an annotation stands twice"),
        (format!(r#"{{{good},"optional":[]}}"#), "unreadable ("),
        (digest.clone(), "unreadable ("),
        ("[".repeat(100_000), "unreadable ("),
    ] {
        let said = check(&claim(1, &[("a", "1")]), &payload).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
    }
    let number = format!(r#"{{{good},"optional":{{"a":1}}}}"#);
    assert_eq!(check(&claim(1, &[("a", "1")]), &number), Err(Unfit::Annotation("a".to_owned())));
}
