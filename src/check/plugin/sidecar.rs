//! One of our containers: the parts that matter to Argo, to the token and to Pod Security, and its settings.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Deserialize;
use serde_json::Value;

/// The only user that can read the token file that Argo writes for a plugin.
pub(in crate::check) const ARGO_USER: i64 = 8737;
/// The port on which `serve` listens by default.
const DEFAULT_PORT: i64 = 4355;

/// The repository of the image that deploy/ names until its user names another. No registry has it.
const PLACEHOLDER: &str = "ghcr.io/argo-buildkit/argo-buildkit";

/// Flags, and the variable with the same meaning.
const FLAGS: [(&str, &str); 11] = [
    ("--buildkit-host", "BUILDKIT_HOST"),
    ("--tls-secret", "ARGO_BUILDKIT_TLS_SECRET"),
    ("--tls-ca", "ARGO_BUILDKIT_TLS_CA"),
    ("--tls-cert", "ARGO_BUILDKIT_TLS_CERT"),
    ("--tls-key", "ARGO_BUILDKIT_TLS_KEY"),
    ("--lease", "ARGO_BUILDKIT_LEASE"),
    ("--lease-namespace", "ARGO_BUILDKIT_LEASE_NAMESPACE"),
    ("--service-account", "ARGO_BUILDKIT_SERVICE_ACCOUNT"),
    ("--policy", "ARGO_BUILDKIT_POLICY"),
    ("--instance-id", "ARGO_BUILDKIT_INSTANCE_ID"),
    ("--listen", "ARGO_BUILDKIT_LISTEN"),
];

/// Amounts by resource, as Kubernetes writes them.
pub(in crate::check) type Amounts = BTreeMap<String, Quantity>;

/// The fields of a Kubernetes container that are checked.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::check) struct Sidecar {
    name: String,
    /// Its image.
    pub(in crate::check) image: String,
    command: Vec<String>,
    args: Vec<String>,
    env: Vec<Variable>,
    env_from: Vec<From>,
    ports: Vec<Port>,
    resources: BTreeMap<String, Value>,
    security_context: Option<Security>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct From {
    config_map_ref: Option<ConfigMapSource>,
}

/// A ConfigMap that supplies environment variables.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::check) struct ConfigMapSource {
    /// Its name.
    pub(super) name: String,
    /// Whether the container starts without it.
    pub(super) optional: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    container_port: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Security {
    run_as_user: Option<i64>,
    run_as_non_root: Option<bool>,
    allow_privilege_escalation: Option<bool>,
    capabilities: Capabilities,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    drop: Vec<String>,
}

impl Sidecar {
    /// Reads a container of a pod.
    pub(in crate::check) fn of(container: &Container) -> Self {
        let known = serde_json::to_value(container).and_then(serde_json::from_value);
        known.unwrap_or_default()
    }

    /// Whether the container runs this program, by its image or its command.
    pub(super) fn is_ours(&self) -> bool {
        let words = self.command.iter().chain(&self.args).chain([&self.image]);
        words.into_iter().any(|word| word.contains("argo-buildkit"))
    }

    /// Violations of Argo's requirements (argo-workflows `pkg/plugins/spec/plugin_types.go`), and those of the token and the agent.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.name.is_empty() || ["main", "init"].contains(&self.name.as_str()) {
            wrong.push(format!(
                "the container's name is `{}`, which the agent pod cannot have; call it `buildkit`",
                self.name
            ));
        }
        for part in ["requests", "limits"] {
            if self.resources.get(part).is_none_or(|value| value.as_object().is_none_or(|map| map.is_empty()))
            {
                wrong.push(format!(
                    "the container has no resources.{part}, so Argo does not load the plugin; set them"
                ));
            }
        }
        match &self.security_context {
            None => wrong.push(format!(
                "the container has no securityContext, so Argo does not load the plugin; set one with \
                 runAsUser: {ARGO_USER}"
            )),
            Some(Security { run_as_user: Some(user), .. }) if *user != ARGO_USER => wrong.push(format!(
                "the container runs as user {user}, who cannot read /var/run/argo/token, so it restarts for \
                 ever; set runAsUser: {ARGO_USER}"
            )),
            Some(_) => {}
        }
        wrong.extend(self.wrong_port());
        wrong.extend(self.placeholder_image());
        wrong
    }

    /// Why its image cannot be pulled, if it is the one of deploy/.
    pub(in crate::check) fn placeholder_image(&self) -> Option<String> {
        let rest = self.image.strip_prefix(PLACEHOLDER)?;
        (rest.is_empty() || rest.starts_with([':', '@'])).then(|| {
            format!(
                "the image {} is a placeholder that no registry has, so pods with it do not start; build \
                 yours (docs/image.md), and name it in the overlay (`sidecar-image` and `images`) or in \
                 the chart's values (`image`)",
                self.image
            )
        })
    }

    /// Its name in the agent pod.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The port that Argo calls, which is the first one.
    pub(super) fn port(&self) -> Option<i64> {
        self.ports.first().map(|port| port.container_port)
    }

    /// Its `requests` or `limits`.
    pub(super) fn amounts(&self, part: &str) -> Amounts {
        let part = self.resources.get(part).and_then(Value::as_object);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        part.into_iter().flatten().map(|(what, value)| (what.clone(), Quantity(text(value)))).collect()
    }

    fn wrong_port(&self) -> Option<String> {
        let listens = self.listens();
        match (self.ports.first().map(|port| port.container_port), listens) {
            (None, listens) => Some(format!(
                "the container has no ports, so Argo does not load the plugin; \
                 set ports: [{{containerPort: {}}}]",
                listens.unwrap_or(DEFAULT_PORT)
            )),
            (Some(port), Some(listens)) if port != listens => Some(format!(
                "Argo calls the first port, {port}, and `serve` listens on {listens}: nodes wait for a \
                 connection, then fail; make them one"
            )),
            (Some(_), _) => None,
        }
    }

    /// The port of `--listen`, as `serve` parses it. None if another object may set it.
    fn listens(&self) -> Option<i64> {
        match self.flag("--listen").or_else(|| self.variable("ARGO_BUILDKIT_LISTEN")) {
            Some(address) => address.rsplit_once(':')?.1.parse().ok(),
            None => self.env_from.is_empty().then_some(DEFAULT_PORT),
        }
    }

    /// The value of a flag.
    fn flag(&self, name: &str) -> Option<&str> {
        self.flags(name).into_iter().next()
    }

    /// The values of a flag that may be given several times.
    pub(in crate::check) fn flags(&self, name: &str) -> Vec<&str> {
        let words: Vec<&str> = self.words().collect();
        let values = words.iter().enumerate().filter_map(|(at, word)| match word.strip_prefix(name)? {
            "" => words.get(at + 1).copied(),
            rest => rest.strip_prefix('='),
        });
        values.collect()
    }

    /// Its command line.
    pub(in crate::check) fn words(&self) -> impl Iterator<Item = &str> {
        self.command.iter().chain(&self.args).map(String::as_str)
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
    }

    /// The ConfigMaps that supply its environment.
    pub(super) fn sources(&self) -> impl Iterator<Item = &ConfigMapSource> {
        self.env_from.iter().filter_map(|from| from.config_map_ref.as_ref())
    }

    /// The settings in the container itself, which override those of [`Self::sources`].
    pub(super) fn own_settings(&self) -> Vec<(String, String)> {
        let written = self.env.iter().map(|variable| (variable.name.clone(), variable.value.clone()));
        let flag =
            |(name, variable): &(&str, &str)| Some(((*variable).to_owned(), self.flag(name)?.to_owned()));
        written.chain(FLAGS.iter().filter_map(flag)).collect()
    }

    /// The violations of the `restricted` Pod Security standard by the container.
    pub(super) fn unrestricted(&self) -> Vec<&'static str> {
        let none = Security::default();
        let security = self.security_context.as_ref().unwrap_or(&none);
        let wrong = [
            (security.allow_privilege_escalation != Some(false), "allowPrivilegeEscalation: false"),
            (!security.capabilities.drop.iter().any(|c| c == "ALL"), "capabilities: {drop: [ALL]}"),
            (security.run_as_non_root == Some(false), "runAsNonRoot: true"),
        ];
        wrong.into_iter().filter_map(|(wrong, mend)| wrong.then_some(mend)).collect()
    }
}
