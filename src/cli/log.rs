//! `argo-buildkit log`: the whole log of a build, from the repository of its image.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use flate2::read::MultiGzDecoder;

use crate::oci::{Auth, ImageRef, LazyClient, Registry, TokenServer, TokenServers};

#[derive(Debug, Args)]
pub(super) struct Command {
    /// An image that was built, or the output `log` of its build.
    reference: ImageRef,
    /// The docker config with the registry's login. By default that of docker, where there is one; a
    /// credential helper is not asked.
    #[arg(long, value_name = "FILE")]
    docker_config: Option<PathBuf>,
    /// Ask over plain http.
    #[arg(long)]
    insecure: bool,
    /// CA certificates to trust beside the system's (PEM file).
    #[arg(long, env = "ARGO_BUILDKIT_CA_BUNDLE", value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// Token servers that are neither their registry's own server nor a public one: REGISTRY=https://HOST[:PORT],
    /// with commas between several.
    #[arg(long, env = "ARGO_BUILDKIT_TOKEN_SERVERS", value_name = "REGISTRY=URL", value_delimiter = ',')]
    token_servers: Vec<TokenServer>,
}

impl Command {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let auth = match self.docker_config.or_else(dockers_own) {
            Some(file) => read(&file)?,
            None => Auth::default(),
        };
        let registry = Registry::new(
            LazyClient::new(self.ca_bundle).with_token_servers(TokenServers::new(self.token_servers)),
        );
        let Some(log) = registry.log(&self.reference, &auth, self.insecure).await? else {
            bail!(
                "the registry has no log of {}; a build keeps its own when it pushes, unless every step was cached \
                 or it says `attach-log: false`",
                self.reference
            );
        };
        print(&log)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Where `docker login` writes.
fn dockers_own() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let directory = directory.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    Some(directory.join("config.json")).filter(|file| file.exists())
}

fn read(file: &Path) -> anyhow::Result<Auth> {
    let config = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Auth::from_docker_config(&config).with_context(|| file.display().to_string())
}

fn print(gzip: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let printed = std::io::copy(&mut MultiGzDecoder::new(gzip), &mut out).and_then(|_| out.flush());
    match printed {
        // `argo-buildkit log … | head`
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("printing the log"),
    }
}
