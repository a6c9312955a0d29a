//! The rules for Secrets: which ones a step may use, and whether unbound Secrets are allowed.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tracing::warn;

use super::binding::{BadBinding, Binding, BindingDecision, HOSTS, UNBOUND, USE, Wanted, bind_command};
use crate::kube::Secret;

/// Secret types that are logins of the cluster itself. No step may use them (Kubernetes: "Types of Secret").
const NEVER: [&str; 3] =
    ["kubernetes.io/tls", "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"];

/// The largest number of unbound Secrets reported in the log.
const TOLD: usize = 1000;

/// The rules of one process.
#[derive(Debug, Default)]
pub struct SecretRules {
    own: Option<String>,
    require_bound: bool,
    told: Mutex<BTreeSet<(String, String)>>,
}

/// Why a step may not use a Secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretRefused {
    /// Steps may not use Secrets of this type.
    #[error(
        "secret `{name}` has the type `{kind}`, and no step may use such a one, in any field: it is a login of the cluster \
         or of a server; name another, or put what the step needs into a Secret of its own"
    )]
    Kind { name: String, kind: String },
    /// The Secret is this process's own login.
    #[error(
        "secret `{name}` is this process's own login to buildkitd (--tls-secret), and no step may use it; name another"
    )]
    Own { name: String },
    /// The Secret is bound to another use or server.
    #[error(
        "secret `{name}` is bound to {binding}, and the step wants it for {wanted}; nothing was sent. Name a Secret that is \
         bound to that; or, if that server or use may have this one, its owner extends its annotations {HOSTS} and {USE}"
    )]
    Elsewhere { name: String, binding: String, wanted: String },
    /// The Secret is not bound, and the rules require a binding.
    #[error(
        "secret `{name}` is not bound to {wanted}, and this installation refuses Secrets that are not bound \
         (--require-bound-secrets); nothing was sent. If it is for that, its owner writes it down: {command}"
    )]
    Unbound { name: String, wanted: String, command: String },
    /// The Secret's binding annotations are invalid.
    #[error("secret `{name}` is not used: {bad}; its owner corrects it")]
    Unreadable { name: String, bad: BadBinding },
}

impl SecretRules {
    /// Creates rules. `own` is the Secret with our certificates. `require_bound` rejects unbound Secrets.
    pub fn new(own: Option<String>, require_bound: bool) -> Self {
        Self { own, require_bound, told: Mutex::default() }
    }

    /// Checks whether a step of `namespace` may use `secret` as `wanted`. Reports an unbound Secret in the log once.
    pub(crate) fn admit(
        &self,
        namespace: &str,
        secret: &Secret,
        wanted: &Wanted,
    ) -> Result<(), SecretRefused> {
        match self.answer(namespace, secret, wanted)? {
            BindingDecision::Unbound if self.is_new(namespace, secret) => warn!(
                secret = secret.name(),
                namespace,
                "secret `{}` {UNBOUND}; bind it: {}",
                secret.name(),
                command(namespace, secret.name(), wanted)
            ),
            _ => {}
        }
        Ok(())
    }

    /// Does the same as [`Self::admit`] without a log message.
    pub(crate) fn answer(
        &self,
        namespace: &str,
        secret: &Secret,
        wanted: &Wanted,
    ) -> Result<BindingDecision, SecretRefused> {
        let name = secret.name().to_owned();
        if self.own.as_deref() == Some(secret.name()) {
            return Err(SecretRefused::Own { name });
        }
        if let Some(kind) = secret.kind().filter(|kind| NEVER.contains(kind)) {
            return Err(SecretRefused::Kind { name, kind: kind.to_owned() });
        }
        let binding =
            Binding::of(secret).map_err(|bad| SecretRefused::Unreadable { name: name.clone(), bad })?;
        match binding.answer(wanted) {
            BindingDecision::Elsewhere => Err(SecretRefused::Elsewhere {
                name,
                binding: binding.to_string(),
                wanted: wanted.to_string(),
            }),
            BindingDecision::Unbound if self.require_bound => Err(SecretRefused::Unbound {
                command: command(namespace, &name, wanted),
                wanted: wanted.to_string(),
                name,
            }),
            answer => Ok(answer),
        }
    }

    /// Whether an unbound Secret was not reported yet. The owner of a local Secrets directory also runs the steps, so only cluster
    /// Secrets are reported.
    fn is_new(&self, namespace: &str, secret: &Secret) -> bool {
        let mut told = self.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        secret.kind().is_some()
            && told.len() < TOLD
            && told.insert((namespace.to_owned(), secret.name().to_owned()))
    }
}

/// The command that binds a Secret. The user must fill in the host, because the step's own host may be an attacker's.
fn command(namespace: &str, name: &str, wanted: &Wanted) -> String {
    let hosts = wanted.purpose.has_host().then(|| "HOST".to_owned());
    bind_command(namespace, name, &hosts.into_iter().collect(), &BTreeSet::from([wanted.purpose]))
}
