//! Settings of the shared agent.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::{LISTENING, STEPS, at_least_one, listening};
use crate::argo::PLUGIN;
use crate::duration::parse_timeout;
use crate::jobs::JobLimits;
use crate::kube::{LeaderElectionConfig, Scope, TaskSetsOptions};
use crate::oci::{ImageRef, IssuerOptions, TokenIssuer};
use crate::policy::Policy;

/// The duration of the lease, and the pause between two renewals. Kubernetes' own controllers use the same.
const LEASE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(2));

/// The groups of options in the help.
const TENANTS: &str = "Whose workflows";
const CACHE_REGISTRY: &str = "Cache registry";
const REPLICAS: &str = "Replicas";

/// Settings of `agent`.
#[derive(Debug, Clone, Args)]
pub struct AgentSettings {
    /// A namespace whose workflows are served; may be given several times, each name once.
    #[arg(
        long = "namespace",
        short = 'n',
        env = "ARGO_BUILDKIT_NAMESPACES",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = namespace,
        required_unless_present = "all_namespaces",
        conflicts_with = "all_namespaces",
        help_heading = TENANTS
    )]
    pub namespaces: Vec<String>,
    /// Serve the workflows of all namespaces.
    #[arg(long, env = "ARGO_BUILDKIT_ALL_NAMESPACES", help_heading = TENANTS)]
    pub all_namespaces: bool,
    /// What the namespaces' workflows may name (YAML file). Without it only one namespace can be served, and only its rights
    /// and logins are its limits.
    #[arg(long, env = "ARGO_BUILDKIT_POLICY", value_name = "FILE", help_heading = TENANTS)]
    pub policy: Option<PathBuf>,
    /// The registry of the build caches, `HOST[:PORT]` as steps name it. We sign its tokens ourselves: each step gets one for the
    /// caches that its `cache.from` and `cache.to` name.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_CACHE_REGISTRY",
        value_name = "HOST[:PORT]",
        value_parser = registry,
        requires_all = ["cache_registry_key", "cache_registry_cert"],
        help_heading = CACHE_REGISTRY
    )]
    pub cache_registry: Option<String>,
    /// The private key that the cache registry's tokens are signed with (PEM file: ECDSA P-256, PKCS#8). Read for each token.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_CACHE_REGISTRY_KEY",
        value_name = "FILE",
        requires = "cache_registry",
        help_heading = CACHE_REGISTRY
    )]
    pub cache_registry_key: Option<PathBuf>,
    /// The key's certificate, from an authority that the cache registry trusts (PEM file).
    #[arg(
        long,
        env = "ARGO_BUILDKIT_CACHE_REGISTRY_CERT",
        value_name = "FILE",
        requires = "cache_registry",
        help_heading = CACHE_REGISTRY
    )]
    pub cache_registry_cert: Option<PathBuf>,
    /// How long a token for the cache registry lives. buildkitd asks for the next one by itself.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_CACHE_REGISTRY_TOKEN_LIFETIME",
        default_value = "5m",
        value_parser = parse_timeout,
        help_heading = CACHE_REGISTRY
    )]
    pub cache_registry_token_lifetime: Duration,
    /// The ServiceAccount of the workflow's namespace with whose rights its steps read Secrets and change objects.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_SERVICE_ACCOUNT",
        value_name = "NAME",
        default_value = "buildkit-executor-plugin",
        value_parser = account,
        help_heading = TENANTS
    )]
    pub service_account: String,
    /// The `instanceID` of the controller whose workflows are served, where there are several controllers.
    #[arg(long, env = "ARGO_BUILDKIT_INSTANCE_ID", value_name = "ID", help_heading = TENANTS)]
    pub instance_id: Option<String>,
    /// The Lease that tells which of several replicas works.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_LEASE",
        value_name = "NAME",
        default_value = "buildkit-agent",
        help_heading = REPLICAS
    )]
    pub lease: String,
    /// The Lease's namespace, where it is not our own.
    #[arg(long, env = "ARGO_BUILDKIT_LEASE_NAMESPACE", value_name = "NAMESPACE", help_heading = REPLICAS)]
    pub lease_namespace: Option<String>,
    /// The address of /healthz, /readyz and /metrics.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_OPS_LISTEN",
        value_name = "IP:PORT",
        default_value = "0.0.0.0:4356",
        value_parser = listening,
        help_heading = LISTENING
    )]
    pub ops_listen: SocketAddr,
    /// Steps that work at a time; the rest queue, and the namespaces take turns.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_MAX_RUNNING",
        default_value_t = 64,
        value_parser = at_least_one,
        help_heading = STEPS
    )]
    pub max_running: usize,
    /// Steps of one namespace that work at a time.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_MAX_RUNNING_PER_NAMESPACE",
        default_value_t = 16,
        value_parser = at_least_one,
        help_heading = STEPS
    )]
    pub max_running_per_namespace: usize,
    /// How long a step may take whose template has no `timeout`.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_DEFAULT_TIMEOUT",
        default_value = "1h",
        value_parser = parse_timeout,
        help_heading = STEPS
    )]
    pub default_timeout: Duration,
    /// How long a SIGTERM waits for steps to stop. Less than the pod's grace, which is 30 s by default.
    #[arg(
        long,
        env = "ARGO_BUILDKIT_DRAIN_GRACE",
        default_value = "25s",
        value_parser = parse_timeout,
        help_heading = STEPS
    )]
    pub drain_grace: Duration,
}

impl AgentSettings {
    /// The limits of the job table. The reporter keeps ended jobs, and nobody polls, so the table keeps none.
    pub fn limits(&self) -> JobLimits {
        JobLimits {
            running: self.max_running,
            per_group: self.max_running_per_namespace,
            kept: usize::MAX,
            kept_bytes: usize::MAX,
            lease: None,
        }
    }

    /// Returns the namespaces whose WorkflowTaskSets the agent watches, and how it lists them. Fails if a namespace is named
    /// twice: one of the two names is probably a typing error, and the intended namespace would not be served.
    pub fn task_sets(&self) -> anyhow::Result<TaskSetsOptions> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.namespaces.iter().find(|name| !seen.insert(name.as_str())) {
            bail!(
                "namespace `{twice}` is named twice among those to be served ({}); name each once with --namespace \
                 (ARGO_BUILDKIT_NAMESPACES)",
                self.namespaces.join(", ")
            );
        }
        let scope = match self.all_namespaces {
            true => Scope::All,
            false => Scope::Namespaces(self.namespaces.clone()),
        };
        let (plugin, page) = (PLUGIN, TaskSetsOptions::PAGE);
        Ok(TaskSetsOptions { scope, instance_id: self.instance_id.clone(), plugin, page })
    }

    /// Reads the policy. It is an error if a policy is required and missing, because tenants must be kept apart.
    pub fn policy(&self) -> anyhow::Result<Option<Policy>> {
        match &self.policy {
            Some(path) => {
                let policy = Policy::read(path)?;
                if let Some(warning) = policy.warning() {
                    tracing::warn!("{warning}");
                }
                Ok(Some(policy))
            }
            None if self.all_namespaces || self.namespaces.len() > 1 => bail!(
                "several namespaces are to be served, and nothing says what the workflows of each may name; write it \
                 into a file and name that with --policy (ARGO_BUILDKIT_POLICY); docs/agent-tenants.md has one to begin with"
            ),
            None => Ok(None),
        }
    }

    /// The issuer of tokens for the cache registry, if one is set.
    pub fn token_issuer(&self) -> anyhow::Result<Option<TokenIssuer>> {
        let named = (&self.cache_registry, &self.cache_registry_key, &self.cache_registry_cert);
        // clap requires all of them together.
        let (Some(registry), Some(key), Some(certificate)) = named else { return Ok(None) };
        let (registry, key, certificate) = (registry.clone(), key.clone(), certificate.clone());
        let lifetime = self.cache_registry_token_lifetime;
        let issuer = TokenIssuer::new(IssuerOptions { registry, key, certificate, lifetime });
        issuer.map(Some).context(
            "--cache-registry-key and --cache-registry-cert (ARGO_BUILDKIT_CACHE_REGISTRY_KEY, …_CERT) name what signs the cache \
             registry's tokens",
        )
    }

    /// The settings of the leader election. A restarted container keeps its identity.
    pub fn leader_election(&self) -> std::io::Result<LeaderElectionConfig> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
        Ok(LeaderElectionConfig {
            namespace: self.lease_namespace.clone(),
            name: self.lease.clone(),
            identity: format!("{}_{}", host.trim(), std::process::id()),
            duration: LEASE.0,
            retry: LEASE.1,
        })
    }
}

/// Parses `HOST[:PORT]` of a registry, as in image names.
fn registry(text: &str) -> Result<String, String> {
    let named = format!("{text}/cache").parse::<ImageRef>();
    match named.is_ok_and(|image| image.registry() == text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{text:?} is not a registry's HOST[:PORT], such as `cache-registry.buildkit-cache.svc:5000`"
        )),
    }
}

/// Checks the name of a namespace (Kubernetes: "RFC 1123 Label Names"). A watch of an invalid name would wait for
/// ever.
fn namespace(name: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label = (1..=63).contains(&name.len()) && name.bytes().all(allowed);
    match is_label && !name.starts_with('-') && !name.ends_with('-') {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "{name:?} is not the name of a namespace: lower-case letters, digits and `-`, at most 63; several have \
             commas between them, without spaces"
        )),
    }
}

/// Checks the name of a ServiceAccount (Kubernetes: "DNS Subdomain Names").
fn account(name: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    match !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "{name:?} is not the name of a ServiceAccount: lower-case letters, digits, `-` and `.`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::LEASE;
    use crate::time_limits::calls::KUBE_LEASE;

    #[test]
    fn a_request_about_the_lease_may_take_a_third_of_it() {
        assert_eq!(LEASE.0 / 3, KUBE_LEASE.whole());
    }
}
