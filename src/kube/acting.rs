//! Impersonation: calls for a namespace are made with the rights of its own ServiceAccount, over one shared
//! connection.
//!
//! Requests carry `Impersonate-User`. The API server checks that this process may impersonate that account and gives
//! the request the groups of a ServiceAccount. From there on, RBAC checks only the rights of that account.

use std::fmt;

use http::{HeaderName, HeaderValue};
use kube::Client;
use kube::core::Status;

use super::{Account, Cluster, NoCluster};

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// The account with whose rights a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// The account of this process.
    Own,
    /// A ServiceAccount that this process impersonates.
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

/// This process may not impersonate the ServiceAccount of a namespace.
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
    /// The first words of the advice about missing rights. RBAC checks names only: it does not say whether the
    /// account exists.
    pub(crate) fn grant(&self) -> &'static str {
        match self {
            Self::Own => "grant it",
            Self::Of(_) => "create that account where there is none, and grant it",
        }
    }

    /// Returns the error if `refusal` is about the impersonation, and not about the rights of the account.
    pub(crate) fn not_ours(&self, refusal: &Status) -> Option<MayNotAct> {
        match self {
            // The refused object is the account, and only the text names the verb.
            Self::Of(account) if refusal.message.contains("impersonate") => Some(MayNotAct(account.clone())),
            _ => None,
        }
    }
}

impl Cluster {
    /// The same cluster, which does the work of a namespace as its ServiceAccount `account`. The clones and the
    /// original share one connection.
    #[must_use]
    pub fn acting_as(&self, account: &str) -> Self {
        Self { account: Some(account.into()), ..self.clone() }
    }

    /// The account with whose rights [`Cluster::client_for`] works in `namespace`.
    pub fn rights_for(&self, namespace: &str) -> Rights {
        self.account.as_ref().map_or(Rights::Own, |name| Rights::Of(Account::new(namespace, name)))
    }

    /// A client for `namespace`, with the rights of its ServiceAccount if [`Cluster::acting_as`] was used, and else
    /// with those of this process.
    pub async fn client_for(&self, namespace: &str) -> Result<Client, NoCluster> {
        self.for_namespace(self.client().await?, namespace)
    }

    /// Like [`Cluster::client_for`], with the shorter time limit for a Secret.
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
