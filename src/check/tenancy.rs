//! What the builds of several namespaces share: whether a step sees processes of another, reaches a node's credentials, or writes
//! another's cache.

mod cache;
mod egress;
mod images;
mod processes;

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PodSpec, ServiceAccount};

use super::api_login::ApiLogin;
use super::plugin::{ContainerSettings, OUR_NAME};
use super::security::{namespace_of, service_of};
use super::{Doctor, Finding};
use crate::buildkit::{BuildError, Description};
use crate::kube::{By, ReadError};

/// The namespaces whose workflows build on this daemon, as far as known: those that have the account of steps.
#[derive(Debug)]
enum Tenants {
    Known(BTreeSet<String>),
    Unknown,
}

impl Doctor {
    /// The findings about builds of several namespaces on one daemon.
    pub(super) async fn tenancy(
        &self,
        api_login: &ApiLogin,
        settings: &ContainerSettings,
        answer: &Result<Description, BuildError>,
    ) -> Vec<Finding> {
        let seen = answer.as_ref().ok().map(|daemon| daemon.shares_processes);
        if !api_login.is_open() {
            let images = answer.as_ref().ok().and_then(|daemon| images::judge(daemon, &Tenants::Unknown));
            return processes::judge(seen, None, &Tenants::Unknown).into_iter().chain(images).collect();
        }
        let tenants = self.tenants(settings).await;
        let host = self.engine.pool.host().or(settings.buildkit_name());
        let daemon = host.and_then(|host| Some((namespace_of(host)?, service_of(host)?)));
        let mut found = Vec::new();
        let deployed = match daemon {
            Some((namespace, name)) => self.daemon_pod(settings, namespace, name).await,
            None => None,
        };
        found.extend(processes::judge(seen, deployed.as_ref(), &tenants));
        found.extend(answer.as_ref().ok().and_then(|daemon| images::judge(daemon, &tenants)));
        if let (Some((namespace, _)), true) = (daemon, deployed.is_some()) {
            found.push(self.egress(namespace).await);
        }
        if settings.is_of_shared() {
            found.push(self.egress(&self.site.agent_namespace).await);
        }
        found.extend(self.cache_registry(&tenants).await);
        found
    }

    /// The pod of buildkitd's Deployment; with several daemons, that of their StatefulSet.
    async fn daemon_pod(&self, settings: &ContainerSettings, namespace: &str, name: &str) -> Option<PodSpec> {
        let cluster = &self.engine.cluster;
        let found = cluster.find::<Deployment>(namespace, name).await.ok().flatten();
        if let Some(deployment) = found {
            return deployment.spec?.template.spec;
        }
        if self.engine.pool.is_single() && !settings.has_pool() {
            return None;
        }
        let found = cluster.find::<StatefulSet>(namespace, name).await.ok().flatten()?;
        found.spec?.template.spec
    }

    async fn tenants(&self, settings: &ContainerSettings) -> Tenants {
        let account = settings.value("ARGO_BUILDKIT_SERVICE_ACCOUNT").unwrap_or(OUR_NAME);
        let by = format!("metadata.name={account}");
        let read = self.engine.cluster.list_everywhere::<ServiceAccount>(&By::Fields(&by)).await;
        Tenants::of(read)
    }
}

impl Tenants {
    fn of(read: Result<Vec<ServiceAccount>, ReadError>) -> Self {
        let namespaces = |accounts: Vec<ServiceAccount>| {
            accounts.into_iter().filter_map(|account| account.metadata.namespace).collect()
        };
        read.map_or(Self::Unknown, |accounts| Self::Known(namespaces(accounts)))
    }

    /// The only namespace that builds, if there is one.
    fn only(&self) -> Option<&str> {
        match self {
            Self::Known(names) if names.len() == 1 => names.first().map(String::as_str),
            _ => None,
        }
    }

    /// Describes the namespaces that share the daemon.
    fn who(&self) -> String {
        match self {
            Self::Known(names) if names.len() > 1 => {
                let some: Vec<_> = names.iter().take(5).map(String::as_str).collect();
                let more = if names.len() > some.len() { ", …" } else { "" };
                format!("{} namespaces build here ({}{more})", names.len(), some.join(", "))
            }
            _ => "if more than one team builds here".to_owned(),
        }
    }
}

#[cfg(test)]
impl Tenants {
    fn named(names: &[&str]) -> Self {
        Self::Known(names.iter().map(|name| (*name).to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_the_namespaces_with_the_account() {
        assert_eq!(Tenants::named(&["builds"]).only(), Some("builds"));
        let two = Tenants::named(&["builds", "team-b"]);
        assert_eq!((two.only(), two.who()), (None, "2 namespaces build here (builds, team-b)".to_owned()));
        let unknown = Tenants::of(Err(ReadError::Forbidden("list serviceaccounts".to_owned())));
        assert_eq!((unknown.only(), unknown.who()), (None, "if more than one team builds here".to_owned()));
    }
}
