//! `verify`: checks that images are signed by one of some keys.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use super::Engine;
use super::context::Cx;
use super::sanitize::list_that_fits;
use crate::oci::{Auth, Registry, SignatureForm, Verification};
use crate::outcome::{Outputs, StepError, Success};
use crate::signature::{Claim, PublicKey, unsigned};
use crate::step::{RegistryRef, Verify};

/// How many images are checked at the same time.
const AT_A_TIME: usize = 4;

/// An image whose tag was resolved.
struct Resolved<'v> {
    reference: &'v RegistryRef,
    /// The image by its digest.
    name: String,
    digest: String,
}

/// An image that is signed.
struct Verified {
    /// The image by its digest.
    name: String,
    key: String,
    form: SignatureForm,
}

pub(super) async fn run(engine: &Engine, verify: &Verify, cx: &Cx) -> Result<Success, StepError> {
    let mut keys = verify.public_keys.clone();
    if let Some(wanted) = &verify.key {
        let more = engine.public_keys(cx, wanted).await?;
        let refused = |error| StepError::user(format!("`key` with `public-keys` {error}"));
        keys = PublicKey::joined(keys, more).map_err(refused)?;
    }
    let auth = engine.registry_auth(cx, verify.registry_secret.as_ref()).await?;
    cx.now("reading signatures");
    let registry = engine.registry.of(engine.tenancy.tenant(&cx.workflow));
    let (registry, keys) = (&registry, keys.as_slice());
    let mut reads: Vec<BoxFuture<'_, Result<Resolved<'_>, StepError>>> = Vec::new();
    for image in &verify.images {
        reads.push(resolved(registry, image, &auth, cx).boxed());
    }
    let mut images: Vec<_> = stream::iter(reads).buffered(AT_A_TIME).try_collect().await?;
    let mut seen = BTreeSet::new();
    // Several tags may name one image.
    images.retain(|image| seen.insert((image.name.clone(), image.reference.insecure)));
    let mut checks: Vec<BoxFuture<'_, Result<Verified, StepError>>> = Vec::new();
    for image in images {
        checks.push(one(registry, image, &auth, &verify.annotations, keys, cx).boxed());
    }
    let verified: Vec<_> = stream::iter(checks).buffered(AT_A_TIME).try_collect().await?;
    Ok(success(&verified))
}

async fn resolved<'v>(
    registry: &Registry,
    reference: &'v RegistryRef,
    auth: &Auth,
    cx: &Cx,
) -> Result<Resolved<'v>, StepError> {
    let (image, insecure) = (&reference.image, reference.insecure);
    let digest = registry.source_image(image, auth, insecure, cx.deadline).await?.digest().to_owned();
    Ok(Resolved { reference, name: format!("{}@{digest}", image.name()), digest })
}

async fn one(
    registry: &Registry,
    Resolved { reference, name, digest }: Resolved<'_>,
    auth: &Auth,
    annotations: &BTreeMap<String, String>,
    keys: &[PublicKey],
    cx: &Cx,
) -> Result<Verified, StepError> {
    let (image, insecure) = (&reference.image, reference.insecure);
    let claim = Claim { digest, annotations: annotations.clone() };
    let mut store = registry.signatures(image, auth, insecure, false, cx.deadline)?;
    match store.verify(&claim, keys).await? {
        Verification::Signed { key, form } => Ok(Verified { name, key: key.id(), form }),
        Verification::Unsigned(unfit) => Err(StepError::user(unsigned(&name, keys, &unfit))),
    }
}

fn success(verified: &[Verified]) -> Success {
    let first = verified.first();
    let outputs = [
        ("verified", first.map(|first| first.name.clone()).unwrap_or_default()),
        ("images", list_that_fits(verified.iter().map(|each| &each.name))),
        ("key-id", first.map(|first| first.key.clone()).unwrap_or_default()),
    ];
    let outputs: Outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
    let told = |each: &Verified| each.form.signed(&each.name, &each.key);
    let summary = match verified {
        [] => String::new(),
        [one] => told(one),
        [first, rest @ ..] => format!("{}, and {} more are signed", told(first), rest.len()),
    };
    Success { summary, outputs }
}
