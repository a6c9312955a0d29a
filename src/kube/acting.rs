//! Acting for a namespace: with the rights of its own ServiceAccount, over the one connection that there is.
//!
//! Requests carry `Impersonate-User`; the API server checks that we may impersonate that account, gives the
//! request the groups that a ServiceAccount has, and from there on RBAC sees the account alone.

use std::fmt;

use http::{HeaderName, HeaderValue};
use kube::Client;
use kube::core::Status;

use super::{Account, Cluster, NoCluster};

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// The account whose rights a call has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// This process's own.
    Own,
    /// A ServiceAccount for which this process acts.
    Of(Account),
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the plugin's ServiceAccount"),
            Self::Of(account) => write!(f, "ServiceAccount `{account}`"),
        }
    }
}

/// We may not act for a namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "acting as ServiceAccount `{0}` is forbidden to this agent; apply deploy/components/agent-rights to namespace \
     `{namespace}`, or give the agent's own ServiceAccount there the rule {{apiGroups: [\"\"], resources: [serviceaccounts], \
     resourceNames: [{name}], verbs: [impersonate]}}",
    namespace = .0.namespace,
    name = .0.name
)]
pub struct MayNotAct(pub Account);

impl Rights {
    /// What to do first about missing rights. RBAC knows names only: whether there is such an account, it does not say.
    pub(crate) fn grant(&self) -> &'static str {
        match self {
            Self::Own => "grant it",
            Self::Of(_) => "create that account where there is none, and grant it",
        }
    }

    /// Whether `refusal` is not about what the account may do, but about acting as it.
    pub(crate) fn not_ours(&self, refusal: &Status) -> Option<MayNotAct> {
        match self {
            // The account's name is the object of the refusal, and the verb stands in its text alone.
            Self::Of(account) if refusal.message.contains("impersonate") => Some(MayNotAct(account.clone())),
            _ => None,
        }
    }
}

impl Cluster {
    /// This cluster, where what is done for a namespace is done as its ServiceAccount `account`. Clones and the
    /// original share one connection.
    #[must_use]
    pub fn acting_as(&self, account: &str) -> Self {
        Self { account: Some(account.into()), ..self.clone() }
    }

    /// Whose rights [`Cluster::client_for`] has in `namespace`.
    pub fn rights_for(&self, namespace: &str) -> Rights {
        self.account.as_ref().map_or(Rights::Own, |name| Rights::Of(Account::new(namespace, name)))
    }

    /// A client with the rights of `namespace`: its ServiceAccount's where this cluster acts as one, else our own.
    pub async fn client_for(&self, namespace: &str) -> Result<Client, NoCluster> {
        self.for_namespace(self.client().await?, namespace)
    }

    /// [`Cluster::client_for`], with the shorter limit for a Secret.
    pub(super) async fn quick_client_for(&self, namespace: &str) -> Result<Client, NoCluster> {
        self.for_namespace(self.quick_client().await?, namespace)
    }

    fn for_namespace(&self, client: Client, namespace: &str) -> Result<Client, NoCluster> {
        match self.rights_for(namespace) {
            Rights::Own => Ok(client),
            Rights::Of(account) => impersonating(client, &account),
        }
    }
}

fn impersonating(client: Client, account: &Account) -> Result<Client, NoCluster> {
    let user = HeaderValue::try_from(account.user())
        .map_err(|_| NoCluster(format!("`{account}` is no name of a ServiceAccount")))?;
    let (namespace, inner) = (client.default_namespace().to_owned(), client);
    let service = tower::service_fn(move |mut request: http::Request<kube::client::Body>| {
        request.headers_mut().insert(IMPERSONATE_USER, user.clone());
        let client = inner.clone();
        async move { client.send(request).await }
    });
    Ok(Client::new(service, namespace))
}
