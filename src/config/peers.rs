//! The settings of the servers that steps use (the peers), and the engine for them.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::at_least_one;
use crate::argocd::ArgoCd;
use crate::buildkit::{Certificates, Tls};
use crate::engine::{self, Engine, SecretRules, Tenancy};
use crate::forge::{Forge, ForgeOptions};
use crate::git::{Git, GitOptions};
use crate::kube::{Cluster, Secrets};
use crate::limits::Budget;
use crate::metrics::Metrics;
use crate::notify::{Notifier, NotifierOptions};
use crate::oci::{Auth, ImageRef, LazyClient, Registry, TokenIssuer, TokenServer, TokenServers};
use crate::policy::Policy;
use crate::pool::{MAX_BUILDS, Pool, Seed};
use crate::write_back::{EDIT_MEMORY, Pusher};

/// The groups of options in the help.
const BUILDKITD: &str = "buildkitd";
const SERVERS: &str = "Registries, Git, forges and chats";
const SECRETS: &str = "Secrets";

/// The addresses of the peers, and how to connect to them. All subcommands that run steps have these options.
#[derive(Debug, Clone, Args)]
pub struct PeerOptions {
    /// buildkitd: tcp://HOST:PORT or unix:///PATH, as buildctl takes it. Several with commas between them are a pool, as are those at
    /// the addresses of a name, such as that of a headless Service: dns:HOST:PORT.
    #[arg(
        long,
        env = "BUILDKIT_HOST",
        default_value = "unix:///run/buildkit/buildkitd.sock",
        value_delimiter = ',',
        help_heading = BUILDKITD
    )]
    pub buildkit_host: Vec<Seed>,
    /// Builds that run at a time on one buildkitd of a pool. The next one goes to another, or waits if all have as many.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_MAX_BUILDS_PER_BUILDKITD",
        value_name = "N",
        default_value_t = MAX_BUILDS,
        value_parser = at_least_one,
        help_heading = BUILDKITD
    )]
    pub max_builds_per_buildkitd: usize,
    /// CA that signed buildkitd's certificate (PEM file). With it, the connection is mutual TLS.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TLS_CA",
        value_name = "FILE",
        requires_all = ["tls_cert", "tls_key"],
        help_heading = BUILDKITD
    )]
    pub tls_ca: Option<PathBuf>,
    /// Our client certificate for buildkitd (PEM file).
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TLS_CERT",
        value_name = "FILE",
        requires = "tls_ca",
        help_heading = BUILDKITD
    )]
    pub tls_cert: Option<PathBuf>,
    /// The client certificate's private key (PEM file).
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TLS_KEY",
        value_name = "FILE",
        requires = "tls_ca",
        help_heading = BUILDKITD
    )]
    pub tls_key: Option<PathBuf>,
    /// Mutual TLS from a Secret of our own namespace instead: keys ca.crt, tls.crt and tls.key (or ca.pem, cert.pem
    /// and key.pem). Read at every connect, so that a renewed certificate is used.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TLS_SECRET",
        value_name = "SECRET",
        value_parser = NonEmptyStringValueParser::new(),
        conflicts_with_all = ["tls_ca", "tls_cert", "tls_key"],
        help_heading = BUILDKITD
    )]
    pub tls_secret: Option<String>,
    /// The name in buildkitd's certificate, where it is not the host of --buildkit-host. With commas, one for each of its addresses.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TLS_SERVER_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = BUILDKITD
    )]
    pub tls_server_name: Vec<String>,
    /// CA certificates to trust for Git, registries, forges and chats, beside the system's (PEM file).
    #[arg(long, env = "ARGO_BUILDKIT_CA_BUNDLE", value_name = "FILE", help_heading = SERVERS)]
    pub ca_bundle: Option<PathBuf>,
    /// Token servers that are neither their registry's own server nor, where there is no --policy, a public one:
    /// `REGISTRY=https://HOST[:PORT]`, with commas between several.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_TOKEN_SERVERS",
        value_name = "REGISTRY=URL",
        value_delimiter = ',',
        help_heading = SERVERS
    )]
    pub token_servers: Vec<TokenServer>,
    /// Registries (host, or host:port) that buildkitd reads from a mirror, or that we cannot reach: whether a build may read an image
    /// of theirs by its digest is not asked. With commas between several.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_MIRRORED_REGISTRIES",
        value_name = "REGISTRY",
        value_delimiter = ',',
        value_parser = registry_host,
        help_heading = SERVERS
    )]
    pub mirrored_registries: Vec<String>,
    /// Registries (host, or host:port) that buildkitd speaks plain http with: a login goes there too, to ask whether a build may read an
    /// image. With commas between several.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_INSECURE_REGISTRIES",
        value_name = "REGISTRY",
        value_delimiter = ',',
        value_parser = registry_host,
        help_heading = SERVERS
    )]
    pub insecure_registries: Vec<String>,
    /// Address of Argo's UI. With it, pull requests link to the workflow.
    #[arg(long, env = "ARGO_BUILDKIT_ARGO_URL", value_name = "URL", help_heading = SERVERS)]
    pub argo_url: Option<String>,
    /// Read Secrets from DIR/SECRET/KEY instead of the Kubernetes API.
    #[arg(long, env = "ARGO_BUILDKIT_SECRETS_DIR", value_name = "DIR", help_heading = SECRETS)]
    pub secrets_dir: Option<PathBuf>,
    /// Refuse Secrets whose annotations do not say for which use and hosts they are.
    #[arg(long, env = "ARGO_BUILDKIT_REQUIRE_BOUND_SECRETS", help_heading = SECRETS)]
    pub require_bound_secrets: bool,
}

/// The most bytes of the kept logs of all builds, compressed: an eighth of the shared agent's memory
/// (deploy/base/agent).
const KEPT_LOGS: usize = 64 << 20;

impl PeerOptions {
    /// The engine for these peers, with the rights of this process.
    pub fn engine(&self, metrics: Arc<Metrics>) -> anyhow::Result<Engine> {
        let token_servers = TokenServers::new(self.token_servers.clone());
        self.engine_of(Cluster::default(), Tenancy::own(), token_servers, metrics)
    }

    /// The engine for these peers for many namespaces. It uses the rights of each namespace's ServiceAccount
    /// `account`, and enforces `policy`. `issuer` signs the tokens for the cache registry.
    pub fn shared_engine(
        &self,
        metrics: Arc<Metrics>,
        account: &str,
        policy: Option<Policy>,
        issuer: Option<TokenIssuer>,
    ) -> anyhow::Result<Engine> {
        if self.secrets_dir.is_some() {
            bail!(
                "--secrets-dir (ARGO_BUILDKIT_SECRETS_DIR) knows no namespaces: all would read the same Secrets; leave \
                 it out, and Secrets are read from each workflow's namespace"
            );
        }
        let token_servers = TokenServers::new(self.token_servers.clone());
        // A policy lists all hosts that may be used, so a challenge cannot add another.
        let token_servers = if policy.is_some() { token_servers.only_named() } else { token_servers };
        let tenancy = Tenancy::shared(policy).issuing_tokens(issuer);
        self.engine_of(Cluster::default().acting_as(account), tenancy, token_servers, metrics)
    }

    fn engine_of(
        &self,
        cluster: Cluster,
        tenancy: Tenancy,
        token_servers: TokenServers,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Engine> {
        let git = Git::new(GitOptions { ca_bundle: self.ca_bundle.clone(), ..GitOptions::default() })?;
        let secrets = self.secrets_of(&cluster);
        let client = LazyClient::new(self.ca_bundle.clone())
            .with_token_servers(token_servers)
            .with_mirrored(self.mirrored_registries.clone())
            .with_insecure(self.insecure_registries.clone());
        let registry = Registry::new(client);
        let forge =
            Forge::new(ForgeOptions { ca_bundle: self.ca_bundle.clone(), ..ForgeOptions::default() })?;
        let notifier = Notifier::new(NotifierOptions {
            ca_bundle: self.ca_bundle.clone(),
            ..NotifierOptions::default()
        })?;
        let pool = self.pool_with(&secrets)?;
        let (argocd, argo_url) = (ArgoCd::new(cluster.clone()), self.argo_url.clone());
        let argocd = if tenancy.is_shared() { argocd.sharing_watches() } else { argocd };
        let kept_logs = Budget::new(KEPT_LOGS);
        let secret_rules = SecretRules::new(self.tls_secret.clone(), self.require_bound_secrets);
        Ok(Engine {
            pool,
            pusher: Pusher::new(git.clone(), EDIT_MEMORY),
            git,
            cluster,
            secrets,
            secret_rules,
            registry,
            logins: Auth::default(),
            forge,
            argocd,
            notifier,
            metrics,
            kept_logs,
            argo_url,
            tenancy,
        })
    }

    /// The build daemons, for a command that runs no step.
    pub(crate) fn pool(&self) -> anyhow::Result<Pool> {
        self.pool_with(&self.secrets_of(&Cluster::default()))
    }

    fn pool_with(&self, secrets: &Secrets) -> anyhow::Result<Pool> {
        let (seeds, names) = (&self.buildkit_host, &self.tls_server_name);
        if let Some(twice) = (1..seeds.len()).find(|&nth| seeds[..nth].contains(&seeds[nth])) {
            bail!("--buildkit-host (BUILDKIT_HOST) names {} twice; name each once", seeds[twice]);
        }
        if names.len() > 1 && names.len() != seeds.len() {
            bail!(
                "--tls-server-name (ARGO_BUILDKIT_TLS_SERVER_NAME) has {} names, and --buildkit-host (BUILDKIT_HOST) has {} addresses; \
                 give one name for all, or one for each",
                names.len(),
                seeds.len()
            );
        }
        if self.tls_ca.is_some() && seeds.iter().all(Seed::is_socket) {
            bail!(
                "--tls-ca, --tls-cert and --tls-key (ARGO_BUILDKIT_TLS_CA, …) are for a buildkitd behind tcp://, and \
                 --buildkit-host (BUILDKIT_HOST) is {}; leave them out, or give the daemon's tcp://HOST:PORT",
                seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            );
        }
        let certificates = self.certificates(secrets);
        let seeds = seeds.iter().enumerate().map(|(nth, seed)| {
            let server_name = if names.len() > 1 { names.get(nth) } else { names.first() };
            let server_name = server_name.cloned();
            (seed.clone(), certificates.clone().map(|certificates| Tls { certificates, server_name }))
        });
        Ok(Pool::new(seeds.collect(), self.max_builds_per_buildkitd))
    }

    fn secrets_of(&self, cluster: &Cluster) -> Secrets {
        let from_cluster = || Secrets::Cluster(cluster.clone());
        self.secrets_dir.clone().map_or_else(from_cluster, Secrets::Directory)
    }

    fn certificates(&self, secrets: &Secrets) -> Option<Certificates> {
        let files = (self.tls_ca.clone(), self.tls_cert.clone(), self.tls_key.clone());
        match (&self.tls_secret, files) {
            (Some(name), _) => Some(engine::certificates_in(secrets, name)),
            (None, (Some(ca), Some(cert), Some(key))) => Some(Certificates::Files { ca, cert, key }),
            // clap requires all of them together.
            _ => None,
        }
    }
}

fn registry_host(text: &str) -> Result<String, String> {
    let host = text.trim();
    // Another text would be the beginning of a repository at Docker Hub.
    let is_host = host.contains(['.', ':']) || host == "localhost";
    match is_host && !host.contains('/') && format!("{host}/x").parse::<ImageRef>().is_ok() {
        true => Ok(host.to_owned()),
        false => Err(format!("{text:?} is not of the form HOST[:PORT], such as registry.example.com:5000")),
    }
}

#[cfg(test)]
mod tests;
