//! The Secrets with which EventSources know who posts to them.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::super::{Doctor, Finding};
use super::name;
use crate::kube::{Secret, SecretError, Secrets};

/// The field of each kind of source that names the Secret.
const FIELDS: [(&str, &str); 5] = [
    ("github", "webhookSecret"),
    ("webhook", "authSecret"),
    ("gitlab", "secretToken"),
    ("bitbucketserver", "webhookSecret"),
    ("slack", "signingSecret"),
];

/// A Secret that an event of a source names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HookSecret {
    pub(super) event: String,
    pub(super) name: String,
    pub(super) key: String,
}

/// The Secrets that a source names.
pub(super) fn named(source: &Value) -> Vec<HookSecret> {
    let mut found = Vec::new();
    for (kind, field) in FIELDS {
        for (event, settings) in source["spec"][kind].as_object().into_iter().flatten() {
            let text = |key: &str| settings[field][key].as_str().map(str::to_owned);
            if let (Some(secret), Some(key)) = (text("name"), text("key")) {
                found.push(HookSecret { event: format!("{}/{event}", name(source)), name: secret, key });
            }
        }
    }
    found
}

impl Doctor {
    /// The findings about each Secret that a source names.
    pub(super) async fn hook_secrets(&self, sources: &[Value]) -> Vec<Finding> {
        let secrets = Secrets::Cluster(self.engine.cluster.clone());
        let mut found: Vec<Finding> = Vec::new();
        for wanted in sources.iter().flat_map(named) {
            let read = secrets.get(&self.site.namespace, &wanted.name).await;
            let finding = judge(&self.site.namespace, &wanted, &read);
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
        found
    }
}

/// Judges the Secret of an event.
pub(super) fn judge(namespace: &str, wanted: &HookSecret, read: &Result<Secret, SecretError>) -> Finding {
    let HookSecret { event, name, key } = wanted;
    let subject = format!("hook Secret {namespace}/{name}");
    let effect = format!("so the pod of EventSource {event} does not start");
    let value = match read {
        Ok(secret) => secret.bytes(key),
        Err(error @ SecretError::NotFound { .. }) => {
            return Finding::fail(
                subject,
                format!("{error}, {effect}; create it with the hook's secret under `{key}`"),
            );
        }
        Err(error) => return Finding::skip(subject, error.to_string()),
    };
    let Ok(value) = value else {
        return Finding::fail(
            subject,
            format!("has no key `{key}`, {effect}; write the hook's secret under it"),
        );
    };
    judge_value(subject, key, value.expose_secret())
}

fn judge_value(subject: String, key: &str, value: &[u8]) -> Finding {
    // An EventSource removes one newline at the end (argo-events `pkg/shared/util`).
    let used = value.strip_suffix(b"\n").unwrap_or(value);
    if used.is_empty() {
        return Finding::fail(
            subject,
            format!("`{key}` is empty, so posts are taken unsigned or not at all; write the hook's secret"),
        );
    }
    if used.first().is_some_and(u8::is_ascii_whitespace) || used.last().is_some_and(u8::is_ascii_whitespace) {
        let text = format!(
            "`{key}` begins or ends with white space, which counts: the hook has to have it too, or each push is answered with \
             `payload signature check failed`; write it without (kubectl create secret --from-literal)"
        );
        return Finding::fail(subject, text);
    }
    if used.len() < value.len() {
        let text = format!(
            "`{key}` ends with a newline, which the EventSource removes: a hook that was made from the same file keeps it, and each \
             push is answered with `payload signature check failed`; write it without (kubectl create secret --from-literal)"
        );
        return Finding::warn(subject, text);
    }
    Finding::ok(subject, format!("has `{key}`; whether the hook has the same, its deliveries show"))
}
