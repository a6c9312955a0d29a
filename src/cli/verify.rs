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
use super::run::TEMPORARY;
use crate::oci::{Auth, ImageRef, OciError, Registry, Verification};
use crate::signature::{Claim, PublicKey, unsigned};
use crate::text;

/// How long an overloaded registry is asked again.
const PATIENCE: Duration = Duration::from_secs(300);

const AFTER_HELP: &str = "\
Examples:
  # One of the keys in the file must have signed.
  argo-buildkit verify --key keys.pem registry.example.com/shop/api:1.4.0
  # The signature must also have an annotation.
  argo-buildkit verify --key key.pem -a stage=prod registry.example.com/shop/api:1.4.0

Exit codes:
  0   all images are signed
  1   an image is not signed, or a key cannot be read
  2   the command line is wrong
  75  of some images it is not known: try again";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
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

/// Exit codes: 0 all are signed, 1 an image is not signed, [`TEMPORARY`] of some it is not known.
const UNSIGNED: u8 = 1;

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let keys = self.keys()?;
        let (registry, auth) = (self.registry.client(), self.registry.auth().await?);
        let annotations: BTreeMap<_, _> = self.annotations.iter().cloned().collect();
        let (mut is_unsigned, mut is_unknown) = (false, false);
        for image in &self.images {
            let told = match self.verify(&registry, &auth, image, &annotations, &keys).await {
                Ok(Ok(signed)) => {
                    writeln!(std::io::stdout(), "{}", text::lines(&signed))?;
                    continue;
                }
                Ok(Err(why)) => {
                    is_unsigned = true;
                    why
                }
                Err(error) => {
                    is_unknown = true;
                    format!("whether {image} is signed is not known: {error}")
                }
            };
            writeln!(std::io::stderr(), "{}", text::lines(&told))?;
        }
        Ok(match (is_unsigned, is_unknown) {
            (true, _) => ExitCode::from(UNSIGNED),
            (false, true) => ExitCode::from(TEMPORARY),
            (false, false) => ExitCode::SUCCESS,
        })
    }

    fn keys(&self) -> anyhow::Result<Vec<PublicKey>> {
        let joined = |keys, file: &PathBuf| {
            PublicKey::joined(keys, read(file)?).map_err(|error| anyhow!("`--key` {error}"))
        };
        self.key.iter().try_fold(Vec::new(), joined)
    }

    /// The line about a signed image, or why `image` is none.
    ///
    /// # Errors It cannot be read, so nothing is known of its signatures.
    async fn verify(
        &self,
        registry: &Registry,
        auth: &Auth,
        image: &ImageRef,
        annotations: &BTreeMap<String, String>,
        keys: &[PublicKey],
    ) -> Result<Result<String, String>, OciError> {
        let (insecure, deadline) = (self.registry.insecure, Instant::now() + PATIENCE);
        let digest = registry.source_image(image, auth, insecure, deadline).await?.digest().to_owned();
        let claim = Claim { digest, annotations: annotations.clone() };
        let mut store = registry.signatures(image, auth, insecure, false, deadline)?;
        let name = format!("{}@{}", image.name(), claim.digest);
        Ok(match store.verify(&claim, keys).await? {
            Verification::Signed { key, form } => Ok(form.signed(&name, &key.id())),
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
