//! The payload of a classic signature: "simple signing" (cosign `specs/SIGNATURE_SPEC.md`, sigstore
//! `pkg/signature/payload`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::unique::UniqueKeys;
use super::{Claim, Unfit};

/// The media type of a payload.
pub const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What a payload is about.
const KIND: &str = "cosign container image signature";

#[derive(Serialize, Deserialize)]
struct PayloadWire<O> {
    critical: Critical,
    optional: Option<O>,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

pub(super) fn write(claim: &Claim, repository: &str) -> Vec<u8> {
    let annotations: Option<&BTreeMap<String, String>> =
        Some(&claim.annotations).filter(|annotations| !annotations.is_empty());
    let wire = PayloadWire {
        critical: Critical {
            identity: Identity { docker_reference: repository.to_owned() },
            image: Image { docker_manifest_digest: claim.digest.clone() },
            kind: KIND.to_owned(),
        },
        optional: annotations,
    };
    // Maps of texts have a JSON form.
    serde_json::to_vec(&wire).unwrap_or_default()
}

/// Whether `payload` states `claim`. A field that stands twice makes it unreadable.
pub(super) fn check(claim: &Claim, payload: &[u8]) -> Result<(), Unfit> {
    let wire: PayloadWire<UniqueKeys> =
        serde_json::from_slice(payload).map_err(|error| Unfit::unreadable(&error))?;
    if wire.critical.kind != KIND {
        return Err(Unfit::OtherStatement);
    }
    if wire.critical.image.docker_manifest_digest != claim.digest {
        return Err(Unfit::OtherDigest);
    }
    let annotations = wire.optional.unwrap_or_default();
    claim.check_annotations(|name| annotations.text(name))
}
