//! The settings that decide whether plugins run, and how many seconds a step takes.

use std::time::Duration;

use super::Controller;
use crate::check::quantity::number;
use crate::check::{ExecutionMode, Finding};
use crate::duration::parse_go_duration;

/// The controller's own default (argo-workflows `workflow/controller/rate_limiters.go`).
const DEFAULT_REQUEUE: Duration = Duration::from_secs(10);
/// The recommended maximum of each requeue time.
const GOOD_REQUEUE: Duration = Duration::from_secs(1);
const GOOD_PATCH_RATE: Duration = Duration::from_millis(200);
/// The recommended number of CPUs of the agent.
const GOOD_AGENT_CPU: f64 = 0.5;

/// The rights that upstream's installation does not give the controller.
const RULE: &str =
    "the rule {apiGroups: [argoproj.io], resources: [workflowtasksets/status], verbs: [patch, update]}";

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Unset,
    Value(String),
    /// The value comes from another object, which is not read.
    Elsewhere,
}

impl Controller {
    pub(super) fn plugins(&self) -> Finding {
        let name = "ARGO_EXECUTOR_PLUGINS";
        match (self.loads_plugins(), self.setting(name)) {
            (Some(true), Setting::Value(_)) => Finding::ok(subject(name), "true: plugins are on"),
            (Some(true), _) => Finding::ok("controller flag --executor-plugins", "plugins are on"),
            (None, _) => elsewhere(name, "true"),
            (Some(false), setting) => Finding::fail(
                subject(name),
                format!(
                    "{}: no plugin is loaded, and steps with `plugin` fail; set it to true",
                    text(&setting)
                ),
            ),
        }
    }

    /// Every plugin node waits for two of these (argo-workflows `workflow/controller/taskset.go`). The shared agent
    /// has committed before.
    pub(super) fn requeue(&self, mode: ExecutionMode) -> (Duration, Finding) {
        let name = "DEFAULT_REQUEUE_TIME";
        let setting = self.setting(name);
        if setting == Setting::Elsewhere {
            return (DEFAULT_REQUEUE, elsewhere(name, "1s"));
        }
        let Some(wait) = read_duration(&setting, DEFAULT_REQUEUE) else {
            return (DEFAULT_REQUEUE, unreadable(name, &setting));
        };
        let shown = shown(&setting, "10 s");
        if mode.is_shared() {
            return (wait, requeue_of_shared(&shown, wait));
        }
        if wait <= GOOD_REQUEUE {
            return (wait, Finding::ok(subject(name), format!("{shown}: a plugin step waits twice for it")));
        }
        let costs = format!(
            "{shown}: a plugin step waits twice for it, {} s where 1s costs 2; set 1s or less",
            seconds(wait * 2)
        );
        (wait, Finding::warn(subject(name), costs))
    }

    pub(super) fn patch_rate(&self, requeue: Duration) -> Finding {
        let name = "ARGO_AGENT_PATCH_RATE";
        let setting = self.setting(name);
        if setting == Setting::Elsewhere {
            return elsewhere(name, "100ms");
        }
        let Some(wait) = read_duration(&setting, requeue) else { return unreadable(name, &setting) };
        let shown = match &setting {
            Setting::Unset => format!("unset, so DEFAULT_REQUEUE_TIME ({} s)", seconds(requeue)),
            set => text(set),
        };
        if wait <= GOOD_PATCH_RATE {
            return Finding::ok(
                subject(name),
                format!("{shown}: how long a result waits at most in the agent"),
            );
        }
        let costs = format!("a result waits up to {} s in the agent", seconds(wait));
        Finding::warn(subject(name), format!("{shown}: {costs}; set 100ms"))
    }

    /// The limit of both containers of the agent's pod (argo-workflows `workflow/controller/agent.go`).
    pub(super) fn agent_cpu(&self) -> Finding {
        let name = "ARGO_AGENT_CPU_LIMIT";
        let setting = self.setting(name);
        let shown = shown(&setting, "100m");
        match &setting {
            Setting::Elsewhere => elsewhere(name, "1"),
            Setting::Value(value) if number(value).is_none_or(|limit| limit >= GOOD_AGENT_CPU) => {
                Finding::ok(subject(name), format!("{shown}: the agent is not throttled while it starts"))
            }
            _ => Finding::warn(
                subject(name),
                format!(
                    "{shown}: the agent is throttled while it starts, so every workflow's first plugin step begins \
                     later; set 1"
                ),
            ),
        }
    }

    pub(super) fn write_back(&self, status: Option<bool>, mode: ExecutionMode) -> Finding {
        let name = "INFORMER_WRITE_BACK";
        let setting = match (self.setting(name), self.release()) {
            (_, Some(release)) if release >= (4, 1) => {
                return Finding::ok(subject(name), "Argo 4.1 and newer have no such setting, and need none");
            }
            // The default became `false` in 4.0.
            (Setting::Unset, Some(release)) if release < (4, 0) => Setting::Value("true".to_owned()),
            (setting, _) => setting,
        };
        match (setting, status) {
            (Setting::Elsewhere, _) => elsewhere(name, "true"),
            (Setting::Value(value), Some(false)) if value == "true" => Finding::fail(
                subject(name),
                format!(
                    "true without a right to workflowtasksets/status: workflows hang in Running; give the \
                     controller {RULE}, or unset it"
                ),
            ),
            (Setting::Value(value), Some(true)) if value == "true" => {
                Finding::ok(subject(name), "true, with the right to workflowtasksets/status that it needs")
            }
            (Setting::Value(value), None) if value == "true" => Finding::warn(
                subject(name),
                format!(
                    "true, and it is not known whether the controller has {RULE}, without which workflows \
                     hang in Running"
                ),
            ),
            (setting, _) => Finding::warn(
                subject(name),
                format!(
                    "{}: the controller sleeps 1 s after every update of a workflow{}; set it to true, \
                     together with {RULE}",
                    text(&setting),
                    if mode.is_shared() { "" } else { ", so every plugin step ends later" }
                ),
            ),
        }
    }
}

fn requeue_of_shared(shown: &str, wait: Duration) -> Finding {
    let name = "DEFAULT_REQUEUE_TIME";
    let (once, twice) = (seconds(wait), seconds(wait * 2));
    if wait <= GOOD_REQUEUE {
        let text = format!(
            "{shown}: a step ends in its workflow up to {twice} s after it began, its commit is out before"
        );
        return Finding::ok(subject(name), text);
    }
    let text = format!(
        "{shown}: a step's commit is out at once, but its node ends after {once} s and its workflow, or the next \
         step, comes after {twice} s where 1s costs 2; set 1s or less"
    );
    Finding::warn(subject(name), text)
}

fn subject(name: &str) -> String {
    format!("controller setting {name}")
}

pub(super) fn elsewhere(name: &str, good: &str) -> Finding {
    Finding::skip(
        subject(name),
        format!(
            "may come from another object (envFrom or valueFrom), which is not read; it should be {good}"
        ),
    )
}

fn unreadable(name: &str, setting: &Setting) -> Finding {
    Finding::fail(
        subject(name),
        format!(
            "{} is not a duration such as 1s or 200ms: the controller does not start; correct it",
            text(setting)
        ),
    )
}

pub(super) fn text(setting: &Setting) -> String {
    match setting {
        Setting::Value(value) => value.clone(),
        Setting::Unset | Setting::Elsewhere => "unset".to_owned(),
    }
}

pub(super) fn shown(setting: &Setting, default: &str) -> String {
    match setting {
        Setting::Unset => format!("unset ({default})"),
        set => text(set),
    }
}

fn read_duration(setting: &Setting, default: Duration) -> Option<Duration> {
    match setting {
        Setting::Value(value) => parse_go_duration(value),
        Setting::Unset | Setting::Elsewhere => Some(default),
    }
}

/// Formats seconds as `10` or `1.5`.
fn seconds(duration: Duration) -> String {
    let text = format!("{:.1}", duration.as_secs_f64());
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
