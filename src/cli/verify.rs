//! `argo-buildkit verify`: whether images are signed by one of some keys.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::time::Instant;

use super::registry::RegistryOptions;
use crate::oci::{Auth, ImageRef, Registry, Verification};
use crate::signature::{Claim, PublicKey, unsigned};

/// How long an overloaded registry is asked again.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug, Args)]
pub(super) struct Command {
    /// The images, by tag or by digest.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<ImageRef>,
    /// A file with the public key as PEM, or with several, of which one must have signed.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// An annotation that the signature must have.
    #[arg(long = "annotation", short = 'a', value_name = "NAME=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let keys = self.keys()?;
        let (registry, auth) = (self.registry.client(), self.registry.auth().await?);
        let annotations: BTreeMap<_, _> = self.annotations.iter().cloned().collect();
        let mut unverified = false;
        for image in &self.images {
            match self.verify(&registry, &auth, image, &annotations, &keys).await? {
                Ok(signed) => writeln!(std::io::stdout(), "{signed}")?,
                Err(why) => {
                    unverified = true;
                    writeln!(std::io::stderr(), "{why}")?;
                }
            }
        }
        Ok(if unverified { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn keys(&self) -> anyhow::Result<Vec<PublicKey>> {
        let files = self.key.iter().map(|file| read(file));
        Ok(files.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The line about a signed image, or why `image` is none.
    async fn verify(
        &self,
        registry: &Registry,
        auth: &Auth,
        image: &ImageRef,
        annotations: &BTreeMap<String, String>,
        keys: &[PublicKey],
    ) -> anyhow::Result<Result<String, String>> {
        let (insecure, deadline) = (self.registry.insecure, Instant::now() + PATIENCE);
        let digest = registry.source_image(image, auth, insecure, deadline).await?.digest().to_owned();
        let claim = Claim { digest, annotations: annotations.clone() };
        let mut store = registry.signatures(image, auth, insecure, false, deadline)?;
        let name = format!("{}@{}", image.name(), claim.digest);
        Ok(match store.verify(&claim, keys).await? {
            Verification::Signed { key, form } => {
                Ok(format!("{name} is signed by key {} ({})", key.id(), form.name()))
            }
            Verification::Unsigned(unfit) => Err(unsigned(&name, keys, &unfit)),
        })
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    PublicKey::read_all(&text).map_err(|error| anyhow!("{} {error}", file.display()))
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}
