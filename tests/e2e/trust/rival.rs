//! The attacker: a tenant with a namespace, a login, a repository and a server of his own.

use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use crate::cluster::{NODE, gitea, kubectl};
use crate::install;
use crate::mode::{Mode, mode};
use crate::support::gitea::Repo;
use crate::support::net::unique;
use crate::support::plugin::tree;
use crate::tenants::{copy_secrets, may_use, namespace_of_workflows};
use crate::workflow::Workflow;

/// The address of his server. With the shared agent, his section of the policy lists it.
pub(super) const OWN_SERVER: &str = "10.244.0.1:3666";

/// A lock for the test that uses this address.
pub(super) static OWN_SERVER_TURN: Mutex<()> = Mutex::const_new(());

/// The attacker.
pub(super) struct Rival {
    pub(super) namespace: &'static str,
    pub(super) user: String,
    pub(super) repository: Repo<'static>,
}

impl Rival {
    /// In agent mode, the agent serves this tenant in addition to the installation's namespace.
    pub(super) async fn shared() -> &'static Self {
        static RIVAL: OnceCell<Rival> = OnceCell::const_new();
        RIVAL.get_or_init(Self::make).await
    }

    async fn make() -> Self {
        install::site().await;
        let namespace = match mode() {
            Mode::Agent => "tenant",
            Mode::Sidecar => "rival",
        };
        if mode() == Mode::Sidecar {
            namespace_of_workflows(namespace);
            copy_secrets(namespace, &["buildkit-client-tls"]);
        }
        let user = gitea().user(&format!("rival-{}", std::process::id())).await;
        let repository = gitea().repo(&user, "source").await;
        repository.push_directory(tree(&[("readme", "x\n")]).path(), "main", "first").await;
        let token = gitea().token(&user, &["read:repository"]).await;
        let rival = Self { namespace, user, repository };
        let login = [("username", &*rival.user), ("password", &*token)];
        rival.secret("login", &login, Some((&format!("{NODE}:3000"), "git")));
        rival
    }

    /// A Secret that his steps may use, bound to hosts and a use, or to nothing.
    pub(super) fn secret(&self, name: &str, values: &[(&str, &str)], bound: Option<(&str, &str)>) {
        let values: Vec<_> =
            values.iter().map(|(key, value)| format!("--from-literal={key}={value}")).collect();
        let values = values.iter().map(String::as_str);
        // That of a run before, if a test runs once more.
        kubectl(&["delete", "secret", name, "-n", self.namespace, "--ignore-not-found"]);
        let create = ["create", "secret", "generic", name, "-n", self.namespace];
        kubectl(&create.into_iter().chain(values).collect::<Vec<_>>());
        if let Some((hosts, purpose)) = bound {
            let secret = format!("secret/{name}");
            let [hosts, purpose] =
                [format!("argo-buildkit.io/hosts={hosts}"), format!("argo-buildkit.io/use={purpose}")];
            kubectl(&["annotate", "-n", self.namespace, &secret, &hosts, &purpose]);
        }
        may_use(self.namespace, name);
    }

    /// A workflow that builds `dockerfile`, in which `BASE` is replaced by busybox.
    pub(super) fn builds(&self, dockerfile: &str) -> Workflow {
        self.submit(dockerfile, json!({}), json!({}))
    }

    /// The same, with more fields of the build and of the workflow's spec.
    pub(super) fn submit(&self, dockerfile: &str, fields: Value, spec: Value) -> Workflow {
        // It was not built before, so it runs.
        let base = format!("FROM {NODE}:5000/busybox:1\nENV ROUND={}", unique("round"));
        let mut build = json!({
            "context": {"repo": self.repository.url(), "revision": "main", "secret": "login"},
            "dockerfile-inline": dockerfile.replace("FROM BASE", &base),
            "push": false,
        });
        build.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Workflow::of_build(self.namespace, build, spec)
    }
}
