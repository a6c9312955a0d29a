//! The keys are in tests/cosign/keys. Its README says how they were made.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bundles;
mod keys;
mod payloads;

use std::collections::BTreeMap;

use super::*;

/// A key as `openssl ecparam` writes it, and its public key.
const SEC1: &str = include_str!("../../tests/cosign/keys/sec1.pem");
const PUBLIC: &str = include_str!("../../tests/cosign/keys/public.pem");

fn key() -> PrivateKey {
    PrivateKey::read(&SEC1.into(), None).unwrap_or_else(|error| panic!("the key {error}"))
}

fn claim(digest: u8, annotations: &[(&str, &str)]) -> Claim {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let annotations: BTreeMap<_, _> = annotations.iter().map(owned).collect();
    Claim { digest: format!("sha256:{digest:064}"), annotations }
}
