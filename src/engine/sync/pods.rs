//! Why pods do not become ready, from their JSON.

use serde_json::Value;

use crate::argocd::is_image;
use crate::oci::ImageRef;
use crate::text;

/// Reasons of a waiting container that do not end by themselves soon (kubelet `pkg/kubelet/images/types.go` and
/// `container/sync_result.go`).
const REASONS: [&str; 7] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
];

/// After so many restarts, a container that is not ready counts as one that crashes again and again.
const RESTARTS: u64 = 2;

/// The most bytes of a message.
const LONGEST: usize = 300;

/// The trouble of the pods that run one of `images`, one sentence for each container. Without images, of all pods: those of an
/// older rollout may be in trouble too, and are not meant.
pub(super) fn troubles(pods: &[Value], images: &[ImageRef]) -> Vec<String> {
    pods.iter().filter(|pod| runs_one_of(pod, images)).flat_map(of_pod).collect()
}

fn runs_one_of(pod: &Value, images: &[ImageRef]) -> bool {
    let wanted = |each: &Value| {
        let image = each["image"].as_str().unwrap_or_default();
        images.iter().any(|wanted| is_image(image, wanted))
    };
    images.is_empty()
        || ["containers", "initContainers"]
            .into_iter()
            .any(|list| items(&pod["spec"][list]).iter().any(wanted))
}

fn of_pod(pod: &Value) -> Vec<String> {
    let name = text::brief(pod["metadata"]["name"].as_str().unwrap_or_default(), LONGEST);
    let lists = ["initContainerStatuses", "containerStatuses"];
    let containers = lists.into_iter().flat_map(|list| items(&pod["status"][list]));
    let troubles = containers.filter_map(|status| {
        let container = status["name"].as_str().unwrap_or_default();
        Some(format!("pod `{name}`, container `{container}`: {}", trouble(status)?))
    });
    troubles.collect()
}

/// The trouble of a container, if it has any.
fn trouble(status: &Value) -> Option<String> {
    let waiting = &status["state"]["waiting"];
    let reason = waiting["reason"].as_str().unwrap_or_default();
    if REASONS.contains(&reason) {
        return Some(match reason {
            "CrashLoopBackOff" => format!("{reason}, {}", crash(status)),
            _ => match text::brief(waiting["message"].as_str().unwrap_or_default(), LONGEST).as_str() {
                "" => reason.to_owned(),
                message => format!("{reason}: {message}"),
            },
        });
    }
    let is_restarted = restarts(status) >= RESTARTS && status["ready"] != true;
    (is_restarted && status["lastState"]["terminated"].is_object()).then(|| crash(status))
}

/// How the container ended last.
fn crash(status: &Value) -> String {
    let last = &status["lastState"]["terminated"];
    let code =
        last["exitCode"].as_i64().map(|code| format!(", last with exit code {code}")).unwrap_or_default();
    let reason = match last["reason"].as_str() {
        Some("OOMKilled") => " (OOMKilled: it needs more memory than its limit)",
        _ => "",
    };
    format!("restarted {} times{code}{reason}", restarts(status))
}

fn restarts(status: &Value) -> u64 {
    status["restartCount"].as_u64().unwrap_or_default()
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(image: &str, status: Value) -> Value {
        json!({
            "metadata": {"name": "api-5d"},
            "spec": {"containers": [{"name": "api", "image": image}]},
            "status": {"containerStatuses": [status]},
        })
    }

    #[test]
    fn pods_in_trouble_are_named_with_the_reason() {
        let pull = json!({"name": "api", "state": {"waiting": {
            "reason": "ImagePullBackOff", "message": "Back-off pulling image \"r.io/a:1\"",
        }}});
        let crash = json!({
            "name": "api", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        });
        let between = json!({
            "name": "api", "restartCount": 2, "ready": false, "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        });
        let starting = json!({"name": "api", "state": {"waiting": {"reason": "ContainerCreating"}}});
        let ready = json!({
            "name": "api", "restartCount": 9, "ready": true, "lastState": {"terminated": {"exitCode": 1}},
        });
        let pods: Vec<_> =
            [pull, crash, between, starting, ready].into_iter().map(|s| pod("r.io/a:1", s)).collect();
        insta::assert_snapshot!(troubles(&pods, &[]).join("\n"), @r#"
        pod `api-5d`, container `api`: ImagePullBackOff: Back-off pulling image "r.io/a:1"
        pod `api-5d`, container `api`: CrashLoopBackOff, restarted 4 times, last with exit code 137 (OOMKilled: it needs more memory than its limit)
        pod `api-5d`, container `api`: restarted 2 times, last with exit code 1
        "#);
    }

    #[test]
    fn pods_of_another_image_are_not_meant() {
        let status = json!({"name": "api", "state": {"waiting": {"reason": "ErrImagePull"}}});
        let pods = [pod("r.io/a:1", status.clone()), pod("r.io/a:2", status)];
        let images: Vec<ImageRef> = "r.io/a:2".parse::<ImageRef>().into_iter().collect();
        assert_eq!(troubles(&pods, &images), ["pod `api-5d`, container `api`: ErrImagePull"]);
        assert_eq!(troubles(&pods, &[]).len(), 2);
    }
}
