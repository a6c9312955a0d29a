//! The shared agent's settings: the namespaces that it watches, and the address of buildkitd.

use std::fmt;

use super::AgentDeployment;
use crate::check::Finding;
use crate::check::controller::Config;

/// The subject of the findings about its settings.
const SETTINGS: &str = "shared agent settings";

/// The namespaces that it watches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched {
    All,
    Only(Vec<String>),
}

impl AgentDeployment {
    /// The watched namespaces. Flags override the environment.
    pub(super) fn watched(&self) -> Watched {
        let all = self.settings.value("ARGO_BUILDKIT_ALL_NAMESPACES").is_some_and(is_true);
        if all || self.container.words().any(|word| word == "--all-namespaces") {
            return Watched::All;
        }
        let flags = listed(["--namespace", "-n"].into_iter().flat_map(|flag| self.container.flags(flag)));
        Watched::Only(match flags.is_empty() {
            true => listed(self.settings.value("ARGO_BUILDKIT_NAMESPACES")),
            false => flags,
        })
    }

    /// Checks whether it watches `namespace`, and has the address of buildkitd.
    pub(super) fn settings(&self, namespace: &str) -> Finding {
        let settings = &self.settings;
        if let Some(absent) = settings.absent(SETTINGS) {
            return absent;
        }
        let watched = self.watched();
        if !watched.has(namespace) {
            return settings.unread(SETTINGS).unwrap_or_else(|| self.unwatched(&watched, namespace));
        }
        if watched.is_several() && settings.value("ARGO_BUILDKIT_POLICY").is_none() {
            let unread = settings.unread(SETTINGS);
            return unread.unwrap_or_else(|| {
                let text = "it watches several namespaces without a policy, and does not start; set \
                            ARGO_BUILDKIT_POLICY to the file of one in ";
                Finding::fail(SETTINGS, format!("{text}{}", settings.place()))
            });
        }
        match (settings.buildkit_host(), settings.unread(SETTINGS)) {
            (Some(host), _) => Finding::ok(SETTINGS, format!("watches {watched}, BUILDKIT_HOST={host}")),
            (None, Some(unread)) => unread,
            (None, None) => {
                let text = "nothing tells it where buildkitd is; set BUILDKIT_HOST in";
                Finding::fail(SETTINGS, format!("{text} {}", settings.place()))
            }
        }
    }

    /// Checks whether it serves the workflows of this controller, and not of another.
    pub(super) fn instance(&self, namespace: &str, config: &Config) -> Option<Finding> {
        let ours = self.settings.value("ARGO_BUILDKIT_INSTANCE_ID");
        let theirs = config.instance.as_deref();
        if !config.is_known || ours == theirs {
            return None;
        }
        let shown = |id: Option<&str>| id.map_or_else(|| "none".to_owned(), |id| format!("`{id}`"));
        let mend = match theirs {
            Some(id) => format!("set ARGO_BUILDKIT_INSTANCE_ID={id}"),
            None => "unset ARGO_BUILDKIT_INSTANCE_ID".to_owned(),
        };
        let text = format!(
            "the controller's instanceID is {}, and the agent serves workflows of {}, so plugin steps of {namespace} stay \
             Pending for ever; {mend} in {}, and restart it",
            shown(theirs),
            shown(ours),
            self.settings.place()
        );
        Some(Finding::fail(SETTINGS, text))
    }

    fn unwatched(&self, watched: &Watched, namespace: &str) -> Finding {
        let text = format!(
            "it watches {watched}, and not {namespace}, whose plugin steps stay Pending for ever; add {namespace} to \
             ARGO_BUILDKIT_NAMESPACES in {}, restart it, and apply deploy/components/agent-rights there",
            self.settings.place()
        );
        Finding::fail(SETTINGS, text)
    }
}

/// Splits names at commas.
fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names = texts.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Parses a switch from the environment like clap.
fn is_true(value: &str) -> bool {
    !["0", "f", "false", "n", "no", "off"].contains(&value.to_lowercase().as_str())
}

impl Watched {
    /// Whether `namespace` is one of them.
    pub(super) fn has(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == namespace),
        }
    }

    fn is_several(&self) -> bool {
        !matches!(self, Self::Only(names) if names.len() < 2)
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all namespaces"),
            Self::Only(names) if names.is_empty() => f.write_str("no namespace"),
            Self::Only(names) => f.write_str(&names.join(", ")),
        }
    }
}
