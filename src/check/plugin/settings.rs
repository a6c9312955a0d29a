//! The settings of one of our containers: its environment, and the ConfigMaps that its environment names.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::{Plugin, Sidecar};
use crate::check::Finding;
use crate::check::api_login::unread;
use crate::kube::{Cluster, ReadError};

/// A container's settings, as far as they could be read.
#[derive(Debug, Default)]
pub(in crate::check) struct ContainerSettings {
    values: BTreeMap<String, String>,
    /// `namespace/name` of the ConfigMaps that were read or are not there.
    places: Vec<String>,
    /// Those of them that do not exist and without which the sidecar does not start.
    missing: Vec<String>,
    unread: Option<ReadError>,
    /// Whether the settings are the shared agent's instead of a sidecar's.
    of_shared: bool,
}

impl Plugin {
    /// The plugin's settings in the agent pods of `namespace`.
    pub(in crate::check) async fn settings(&self, cluster: &Cluster, namespace: &str) -> ContainerSettings {
        match &self.container {
            Ok(container) => ContainerSettings::of(container, cluster, namespace).await,
            Err(_) => ContainerSettings::default(),
        }
    }
}

impl ContainerSettings {
    /// The settings of `container` in a pod of `namespace`.
    pub(in crate::check) async fn of(container: &Sidecar, cluster: &Cluster, namespace: &str) -> Self {
        let mut settings = Self::default();
        for source in container.sources() {
            let place = format!("{namespace}/{}", source.name);
            match cluster.find::<ConfigMap>(namespace, &source.name).await {
                Ok(Some(map)) => settings.values.extend(map.data.unwrap_or_default()),
                Ok(None) if source.optional => {}
                Ok(None) => settings.missing.push(place.clone()),
                Err(error) => settings.unread = Some(error),
            }
            settings.places.push(place);
        }
        settings.values.extend(container.own_settings());
        settings
    }

    /// The settings of the shared agent's `container`.
    pub(in crate::check) async fn of_shared(container: &Sidecar, cluster: &Cluster, namespace: &str) -> Self {
        Self { of_shared: true, ..Self::of(container, cluster, namespace).await }
    }

    /// The finding for a missing ConfigMap without which the container does not start.
    pub(in crate::check) fn absent(&self, subject: &str) -> Option<Finding> {
        let (place, whose) = (self.missing.first()?, self.whose());
        let text = format!("ConfigMap {place} does not exist, so the {whose} does not start; create it");
        Some(Finding::fail(subject, text))
    }

    /// The finding for settings that may not be read.
    pub(in crate::check) fn unread(&self, subject: &str) -> Option<Finding> {
        self.unread.as_ref().map(|error| unread(subject, error))
    }

    /// Where to set a setting.
    pub(in crate::check) fn place(&self) -> String {
        match self.places.first() {
            Some(place) => format!("ConfigMap {place}"),
            None => "the container's env".to_owned(),
        }
    }

    /// Whether the settings are the shared agent's.
    pub(in crate::check) fn is_of_shared(&self) -> bool {
        self.of_shared
    }

    /// The component that has these settings.
    pub(in crate::check) fn whose(&self) -> &'static str {
        if self.of_shared { "shared agent" } else { "sidecar" }
    }

    /// The value of a variable.
    pub(in crate::check) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// buildkitd's address.
    pub(in crate::check) fn buildkit_host(&self) -> Option<&str> {
        self.value("BUILDKIT_HOST")
    }

    /// Whether buildkitd's address is that of a pool.
    pub(in crate::check) fn has_pool(&self) -> bool {
        self.buildkit_host().is_some_and(|host| host.contains(',') || host.starts_with("dns:"))
    }

    /// The host of buildkitd's address, or of the first of several. None for a socket.
    pub(in crate::check) fn buildkit_name(&self) -> Option<&str> {
        let first = self.buildkit_host()?.split(',').next()?;
        let address = first.strip_prefix("tcp://").or_else(|| first.strip_prefix("dns:"))?;
        address.rsplit_once(':').map(|(host, _)| host)
    }

    /// The Secret with the certificates for buildkitd.
    pub(in crate::check) fn tls_secret(&self) -> Option<&str> {
        self.value("ARGO_BUILDKIT_TLS_SECRET")
    }

    /// The finding if `serve` does not listen where Argo calls, at `port` of `localhost`.
    pub(in crate::check) fn misheard(&self, port: Option<i64>) -> Option<Finding> {
        let (address, port) = (self.value("ARGO_BUILDKIT_LISTEN")?, port?);
        let (host, listens) = address.rsplit_once(':')?;
        let is_near =
            matches!(host, "" | "localhost" | "0.0.0.0" | "[::]" | "[::1]") || host.starts_with("127.");
        (!is_near || listens.parse() != Ok(port)).then(|| {
            Finding::fail(
                "plugin settings",
                format!(
                    "ARGO_BUILDKIT_LISTEN={address}, and Argo calls localhost:{port}, the first containerPort: nobody hears it, and \
                     nodes end with `connection refused`; make them one, in {}",
                    self.place()
                ),
            )
        })
    }

    /// The finding about the settings.
    pub(in crate::check) fn judge(&self) -> Finding {
        let subject = "plugin settings";
        if let Some(absent) = self.absent(subject) {
            return absent;
        }
        match (self.buildkit_host(), self.unread(subject)) {
            (Some(host), _) => {
                let secret = self.tls_secret().map(|name| format!(", certificates of Secret {name}"));
                Finding::ok(subject, format!("BUILDKIT_HOST={host}{}", secret.unwrap_or_default()))
            }
            (None, Some(unread)) => unread,
            (None, None) => {
                let text = "nothing tells the sidecar where buildkitd is, and no socket is in an agent pod";
                Finding::fail(subject, format!("{text}; set BUILDKIT_HOST in {}", self.place()))
            }
        }
    }
}

#[cfg(test)]
impl ContainerSettings {
    /// The settings in the shared agent's container itself, without the ConfigMaps that it names.
    pub(in crate::check) fn of_container_alone(container: &Sidecar) -> Self {
        let values = container.own_settings().into_iter().collect();
        Self { values, of_shared: true, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> ContainerSettings {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ContainerSettings {
            values,
            places: vec!["builds/buildkit-settings".to_owned()],
            ..ContainerSettings::default()
        }
    }

    #[test]
    fn a_sidecar_must_be_told_where_buildkitd_is() {
        let host = ("BUILDKIT_HOST", "tcp://buildkitd.buildkit.svc:1234");
        assert_eq!(settings(&[host]).buildkit_name(), Some("buildkitd.buildkit.svc"));
        for several in
            ["dns:buildkitd.buildkit.svc:1234", "tcp://buildkitd.buildkit.svc:1234,tcp://10.0.0.7:1234"]
        {
            let settings = settings(&[("BUILDKIT_HOST", several)]);
            assert_eq!(settings.buildkit_name(), Some("buildkitd.buildkit.svc"));
            assert!(settings.has_pool());
        }
        assert!(!settings(&[host]).has_pool());
        let with_secret = settings(&[host, ("ARGO_BUILDKIT_TLS_SECRET", "buildkit-client-tls")]).judge();
        assert_eq!(
            with_secret.to_string(),
            "ok   plugin settings: BUILDKIT_HOST=tcp://buildkitd.buildkit.svc:1234, certificates of Secret \
             buildkit-client-tls"
        );
        let none = settings(&[("BUILDKIT_HOST", "")]).judge().to_string();
        assert!(
            none.starts_with("FAIL")
                && none.ends_with("set BUILDKIT_HOST in ConfigMap builds/buildkit-settings")
        );
        let missing = ContainerSettings { missing: vec!["builds/x".to_owned()], ..settings(&[host]) };
        assert!(missing.judge().text.contains("builds/x does not exist"));
        let forbidden = ReadError::Forbidden("get configmaps x".to_owned());
        assert!(
            ContainerSettings { unread: Some(forbidden), ..settings(&[]) }
                .judge()
                .to_string()
                .starts_with("skip")
        );
    }
}
