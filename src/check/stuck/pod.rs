//! The agent pod: why it does not start, or does not keep running.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};

use super::WorkflowFacts;
use super::words::quoted_after;
use crate::check::plugin::ARGO_USER;

/// Longer than a broken container takes to end, and shorter than people wait.
const SETTLED: Duration = Duration::from_secs(60);

/// The agent's own container.
const AGENT: &str = "main";

/// The time when an event was last seen.
pub(super) fn time_of(event: &Event) -> Option<SystemTime> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let at = last.or_else(|| event.event_time.as_ref().map(|time| time.0));
    at.map(SystemTime::from)
}

/// The Secrets that the pod needs to start.
pub(super) fn mounted_secrets(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let needed = volumes.filter_map(|v| v.secret.as_ref()).filter(|secret| secret.optional != Some(true));
    needed.filter_map(|secret| secret.secret_name.clone()).collect()
}

/// The ServiceAccount of the agent.
pub(super) fn account(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default")
}

/// The problem with the pod, and what to do.
pub(super) fn cause(pod: &Pod, facts: &WorkflowFacts) -> Option<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let text = dead(pod).or_else(|| unscheduled(pod)).or_else(|| unmounted(pod, facts));
    let text =
        text.or_else(|| waiting(pod, facts)).or_else(|| restarting(pod, facts)).or_else(|| slow(pod, facts));
    text.map(|text| format!("its agent pod {name} {text}"))
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn dead(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref().filter(|_| phase(pod) == "Failed")?;
    let said =
        [&status.reason, &status.message].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
    let evicted = "A PodDisruptionBudget keeps drains from it (deploy/base/builds), and requests as high as its limits keep it from \
                   eviction";
    let more = if said.contains("Evicted") || said.contains("evict") {
        format!(". {evicted}")
    } else {
        String::new()
    };
    Some(format!("has failed ({said}), and Argo does not make another; submit the workflow again{more}"))
}

fn unscheduled(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    let message = condition.message.as_deref().unwrap_or("no reason given");
    Some(format!(
        "cannot be scheduled: {message}; free resources or add a node, lower the requests in the plugin's \
         ConfigMap, or correct the workflow's node selector"
    ))
}

/// The finding for a missing Secret or another volume. The kubelet retries for ever and Argo reports nothing.
fn unmounted(pod: &Pod, facts: &WorkflowFacts) -> Option<String> {
    if phase(pod) != "Pending" {
        return None;
    }
    if let Some(secret) = facts.missing_secrets.first() {
        return Some(format!(
            "cannot start: it mounts the Secret {secret}, which does not exist; {}",
            make(secret)
        ));
    }
    let event = facts.events.iter().rev().find(|event| event.reason.as_deref() == Some("FailedMount"))?;
    let message = event.message.as_deref().unwrap_or_default();
    let mend = quoted_after(message, "secret ").map_or_else(|| "correct that".to_owned(), make);
    Some(format!("cannot start: {message}; {mend}"))
}

fn make(secret: &str) -> String {
    match secret.strip_suffix(".service-account-token") {
        Some(account) => format!(
            "create it with type kubernetes.io/service-account-token and the annotation \
             kubernetes.io/service-account.name: {account}"
        ),
        None => "create it".to_owned(),
    }
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_ref());
    let containers = status.and_then(|status| status.container_statuses.as_ref());
    init.into_iter().chain(containers).flatten()
}

/// The finding for a container that has never started.
fn waiting(pod: &Pod, facts: &WorkflowFacts) -> Option<String> {
    statuses(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let (name, image) = (&container.name, &container.image);
        let message = waiting.message.as_deref().unwrap_or_default();
        match waiting.reason.as_deref()? {
            reason @ ("ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull") => {
                let place = match name.as_str() {
                    AGENT | "init" => "the controller's --executor-image",
                    _ => "the plugin's ConfigMap",
                };
                Some(format!(
                    "cannot start: the image {image} of container {name} is not to be had ({reason}: {message}); \
                     check its name in {place}, and that the namespace may pull it (imagePullSecrets)"
                ))
            }
            reason @ ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
                let mend = facts.mend(message);
                let mend = mend.as_deref().unwrap_or("correct that in the plugin's ConfigMap");
                Some(format!("cannot start container {name} ({reason}: {message}); {mend}"))
            }
            _ => None,
        }
    })
}

/// The finding for a container that started and ended again. The agent's own container does so when its account has no rights.
fn restarting(pod: &Pod, facts: &WorkflowFacts) -> Option<String> {
    let ended = |c: &ContainerStatus| {
        let states = [c.state.as_ref(), c.last_state.as_ref()];
        states.into_iter().flatten().find_map(|state| state.terminated.clone()).filter(|t| t.exit_code != 0)
    };
    let (container, end) = statuses(pod).filter(|c| !is_settled(c)).find_map(|c| Some((c, ended(c)?)))?;
    let name = &container.name;
    if let Some(unmet) = facts.unmet.first().filter(|_| name == AGENT) {
        return Some(format!("restarts: its ServiceAccount {} {}", account(pod), unmet.text));
    }
    let said = end.message.or(end.reason).unwrap_or_default();
    let log = format!(
        "see kubectl logs -n {} {} -c {name} --previous",
        facts.namespace,
        pod.metadata.name.as_deref().unwrap_or_default()
    );
    let mend = match (said.as_str(), run_as(pod, name)) {
        ("OOMKilled", _) => "raise its memory limit in the plugin's ConfigMap".to_owned(),
        (_, Some(user)) if user != ARGO_USER => {
            format!(
                "it runs as user {user}, who cannot read its token: set runAsUser: {ARGO_USER} in the \
                 plugin's ConfigMap"
            )
        }
        _ => log,
    };
    Some(format!(
        "restarts container {name} (exit code {}, {} times: {said}); {mend}",
        end.exit_code, container.restart_count
    ))
}

/// Whether a container has run so long that an earlier restart no longer matters.
fn is_settled(container: &ContainerStatus) -> bool {
    let running = container.state.as_ref().and_then(|state| state.running.as_ref());
    let since = running.and_then(|running| running.started_at.as_ref()).map(|time| SystemTime::from(time.0));
    since.is_some_and(|since| since.elapsed().is_ok_and(|elapsed| elapsed > SETTLED))
}

/// Whether the agent's own container has run that long.
pub(super) fn is_settled_in(pod: &Pod) -> bool {
    statuses(pod).any(|container| container.name == AGENT && is_settled(container))
}

fn run_as(pod: &Pod, container: &str) -> Option<i64> {
    let containers = &pod.spec.as_ref()?.containers;
    containers.iter().find(|c| c.name == container)?.security_context.as_ref()?.run_as_user
}

/// The finding for a pod that has not started for a reason that only an event tells.
fn slow(pod: &Pod, facts: &WorkflowFacts) -> Option<String> {
    if phase(pod) != "Pending" {
        return None;
    }
    let event = facts.events.iter().rev().find(|event| event.type_.as_deref() == Some("Warning"))?;
    let (reason, message) = (event.reason.as_deref()?, event.message.as_deref().unwrap_or_default());
    Some(format!("has not started ({reason}: {message}); correct that"))
}
