//! Which Secrets steps may use at all, and whether what is not bound may be used.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tracing::warn;

use super::binding::{Answer, BadBinding, Binding, HOSTS, UNBOUND, USE, Wanted, bind_command};
use crate::kube::Secret;

/// Types whose Secrets are logins of the cluster itself, and never a step's (Kubernetes: "Types of Secret").
const NEVER: [&str; 3] =
    ["kubernetes.io/tls", "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"];

/// As many unbound Secrets are told of in the log.
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
pub(crate) enum NotForThis {
    /// Its type.
    #[error(
        "secret `{name}` has the type `{kind}`, and no step may use such a one, in any field: it is a login of the cluster \
         or of a server; name another, or put what the step needs into a Secret of its own"
    )]
    Kind { name: String, kind: String },
    /// It is our own.
    #[error(
        "secret `{name}` is this process's own login to buildkitd (--tls-secret), and no step may use it; name another"
    )]
    Own { name: String },
    /// It is bound to something else.
    #[error(
        "secret `{name}` is bound to {binding}, and the step wants it for {wanted}; nothing was sent. Name a Secret that is \
         bound to that; or, if that server or use may have this one, its owner extends its annotations {HOSTS} and {USE}"
    )]
    Elsewhere { name: String, binding: String, wanted: String },
    /// Nothing says what it is for, and such are refused.
    #[error(
        "secret `{name}` is not bound to {wanted}, and this installation refuses Secrets that are not bound \
         (--require-bound-secrets); nothing was sent. If it is for that, its owner writes it down: {command}"
    )]
    Unbound { name: String, wanted: String, command: String },
    /// What is written beside it is not understood.
    #[error("secret `{name}` is not used: {bad}; its owner corrects it")]
    Unreadable { name: String, bad: BadBinding },
}

impl SecretRules {
    /// Rules where `own` is the Secret with our certificates, and, with `require_bound`, unbound Secrets are refused.
    pub fn new(own: Option<String>, require_bound: bool) -> Self {
        Self { own, require_bound, told: Mutex::default() }
    }

    /// Whether a step of `namespace` may use `secret` as `wanted`. One that nothing is said of is told of in the log, once.
    pub(crate) fn admit(&self, namespace: &str, secret: &Secret, wanted: &Wanted) -> Result<(), NotForThis> {
        match self.answer(namespace, secret, wanted)? {
            Answer::Unbound if self.is_new(namespace, secret) => warn!(
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

    /// The same, without a word in the log.
    pub(crate) fn answer(
        &self,
        namespace: &str,
        secret: &Secret,
        wanted: &Wanted,
    ) -> Result<Answer, NotForThis> {
        let name = secret.name().to_owned();
        if self.own.as_deref() == Some(secret.name()) {
            return Err(NotForThis::Own { name });
        }
        if let Some(kind) = secret.kind().filter(|kind| NEVER.contains(kind)) {
            return Err(NotForThis::Kind { name, kind: kind.to_owned() });
        }
        let binding =
            Binding::of(secret).map_err(|bad| NotForThis::Unreadable { name: name.clone(), bad })?;
        match binding.answer(wanted) {
            Answer::Elsewhere => {
                Err(NotForThis::Elsewhere { name, binding: binding.to_string(), wanted: wanted.to_string() })
            }
            Answer::Unbound if self.require_bound => Err(NotForThis::Unbound {
                command: command(namespace, &name, wanted),
                wanted: wanted.to_string(),
                name,
            }),
            answer => Ok(answer),
        }
    }

    /// Whoever lays out a directory of Secrets runs the steps too: only the cluster's are told of.
    fn is_new(&self, namespace: &str, secret: &Secret) -> bool {
        let mut told = self.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        secret.kind().is_some()
            && told.len() < TOLD
            && told.insert((namespace.to_owned(), secret.name().to_owned()))
    }
}

/// What binds a Secret. The step's own host is left to be filled in: it may be an attacker's.
fn command(namespace: &str, name: &str, wanted: &Wanted) -> String {
    let hosts = wanted.purpose.has_host().then(|| "HOST".to_owned());
    bind_command(namespace, name, &hosts.into_iter().collect(), &BTreeSet::from([wanted.purpose]))
}
