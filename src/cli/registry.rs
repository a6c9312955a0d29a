//! The options of subcommands that ask a registry.

use std::path::PathBuf;

use clap::Args;

use super::docker_config;
use crate::oci::{Auth, LazyClient, Registry, TokenServer, TokenServers};

/// The group of options in the help.
const REGISTRY: &str = "Registry";

/// How a registry is reached, and with which login.
#[derive(Debug, Args)]
pub(super) struct RegistryOptions {
    /// The docker config with the registry's login. By default that of docker, where there is one.
    #[arg(long, value_name = "FILE", help_heading = REGISTRY)]
    docker_config: Option<PathBuf>,
    /// Take any certificate, and plain http.
    #[arg(long, help_heading = REGISTRY)]
    pub(super) insecure: bool,
    /// CA certificates to trust beside the system's (PEM file).
    #[arg(long, env = "ARGO_BUILDKIT_CA_BUNDLE", value_name = "FILE", help_heading = REGISTRY)]
    ca_bundle: Option<PathBuf>,
    /// Token servers that are neither their registry's own server nor a public one: `REGISTRY=https://HOST[:PORT]`,
    /// with commas between several.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TOKEN_SERVERS",
        value_name = "REGISTRY=URL",
        value_delimiter = ',',
        help_heading = REGISTRY
    )]
    token_servers: Vec<TokenServer>,
}

impl RegistryOptions {
    /// The logins of the docker config.
    pub(super) async fn auth(&self) -> anyhow::Result<Auth> {
        docker_config::logins(self.docker_config.clone()).await
    }

    pub(super) fn client(&self) -> Registry {
        let token_servers = TokenServers::new(self.token_servers.clone());
        Registry::new(LazyClient::new(self.ca_bundle.clone()).with_token_servers(token_servers))
    }
}
