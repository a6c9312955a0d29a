//! The settings of Argo's controller.

use std::fmt;

use crate::cluster::kubectl;

/// Under which settings workflows run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settings {
    /// Those of `deploy/components/argo-settings`, and what the shared agent's docs recommend beside them.
    Ours,
    /// Argo's own: nothing set but that plugins are allowed.
    Defaults,
}

impl Settings {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Ours, Self::Defaults].into_iter().find(|settings| settings.to_string() == name)
    }

    /// Puts them into force.
    pub(crate) fn apply(self) {
        let controller = ["-n", "argo", "deployment/workflow-controller"];
        let unset = [
            "DEFAULT_REQUEUE_TIME-",
            "ARGO_AGENT_PATCH_RATE-",
            "ARGO_AGENT_CPU_LIMIT-",
            "INFORMER_WRITE_BACK-",
            "ARGO_QPS-",
            "ARGO_BURST-",
        ];
        kubectl(&[&["set", "env"], &controller[..], &unset].concat());
        if self == Self::Ours {
            for component in ["argo-settings", "agent"] {
                let file = format!("--patch-file=deploy/components/{component}/controller.yaml");
                kubectl(&[&["patch"], &controller[..], &[&file]].concat());
            }
        }
        kubectl(&[&["rollout", "status", "--timeout=5m"], &controller[..]].concat());
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Defaults => "defaults",
        })
    }
}
