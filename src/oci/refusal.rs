//! The error for an answer without success: by the status, the registry's own reason, and what was asked for.

use super::{Login, OciError};

/// What was asked of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A read.
    Read,
    /// An upload of a blob.
    Blob,
    /// A manifest or a tag that is written.
    Manifest,
    /// A deletion.
    Deletion,
}

/// An answer without success.
pub(super) struct Refusal<'a> {
    /// The request and its server.
    pub(super) what: String,
    pub(super) asked: Asked,
    pub(super) status: u16,
    /// `CODE message` of the registry, if it gave a reason.
    pub(super) reason: Option<String>,
    pub(super) login: Option<&'a Login>,
}

/// Words for an immutable tag: ECR, Harbor, Quay, Artifact Registry, Nexus, ACR.
const IMMUTABLE: &[&str] =
    &["immutable", "cannot be overwritten", "overwrit", "alreadyexists", "already exists"];
/// Words for a full quota: Harbor, Gitea, Quay, GitLab.
const QUOTA: &[&str] = &["quota", "will exceed the configured", "storage limit", "exceeds the limit"];
/// The codes for something that was sent before, and that the registry does not find yet.
const NOT_YET: &[&str] = &["BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"];

impl Refusal<'_> {
    pub(super) fn error(self) -> OciError {
        let Self { what, asked, status, reason, login } = self;
        let code = reason.as_deref().and_then(|reason| reason.split(' ').next()).unwrap_or_default();
        if asked == Asked::Manifest && NOT_YET.contains(&code) {
            let name = format!("what a manifest names ({})", reason.unwrap_or_default());
            return OciError::Unfound { what, name };
        }
        let advice = match asked {
            Asked::Read => None,
            Asked::Deletion => kept(status, reason.as_deref()),
            Asked::Blob | Asked::Manifest => mend(status, reason.as_deref()),
        };
        match (OciError::from_status(what, status, login), advice) {
            (OciError::Refused { what, .. } | OciError::Unexpected { what, .. }, Some(mend)) => {
                OciError::Unexpected { what, why: with(format!("status {status}"), reason), mend }
            }
            (error, _) => error.because(reason),
        }
    }
}

/// Whether the registry's `reason` has one of `words`.
fn says(reason: Option<&str>, words: &[&str]) -> bool {
    let said = reason.unwrap_or_default().to_ascii_lowercase();
    words.iter().any(|word| said.contains(word))
}

/// What to do about a refused deletion.
fn kept(status: u16, reason: Option<&str>) -> Option<&'static str> {
    let is_rule = matches!(status, 409 | 412 | 423) || says(reason, IMMUTABLE);
    is_rule.then_some("see the registry's rules for this repository, such as those for immutable tags: they keep this image")
}

/// What to do about a refused write.
fn mend(status: u16, reason: Option<&str>) -> Option<&'static str> {
    let says = |words: &[&str]| says(reason, words);
    match status {
        _ if says(IMMUTABLE) => Some("choose another tag, or change the registry's rule for immutable tags"),
        _ if says(QUOTA) => Some("make room in the registry, or let whoever runs it raise the quota"),
        404 => Some("check the name; some registries want the repository or its project to be created first"),
        405 => Some("check that this registry takes pushes: a mirror, or one that is read-only, does not"),
        409 | 412 => Some("see the registry's rules for this repository, such as those for immutable tags"),
        413 => Some(
            "a proxy before the registry limits the size of a request, such as nginx with `client_max_body_size`: raise it",
        ),
        400 | 415 | 422 => Some(
            "the registry does not take this form of image; see what it logs, and which media types it takes",
        ),
        _ => None,
    }
}

pub(super) fn with(text: String, reason: Option<String>) -> String {
    reason.map_or(text.clone(), |reason| format!("{text}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;

    #[test]
    fn the_reason_and_what_to_do_are_told() {
        use Asked::{Blob, Deletion, Manifest, Read};
        let rows: [(Asked, u16, &str, &str, Fault); 15] = [
            (Deletion, 403, "DENIED", "refused the login (403, as nobody)", Fault::User),
            (Deletion, 412, "PRECONDITION", "the registry's rules for this repository", Fault::User),
            (
                Deletion,
                400,
                "DENIED tag is immutable",
                "the registry's rules for this repository",
                Fault::User,
            ),
            (Read, 404, "NAME_UNKNOWN", "check that the address is that of a registry", Fault::User),
            (Read, 429, "TOOMANYREQUESTS", "try again later", Fault::Transient),
            (Blob, 403, "DENIED", "refused the login (403, as nobody)", Fault::User),
            (Blob, 403, "DENIED adding 5 MiB exceeds the quota", "make room in the registry", Fault::User),
            (Blob, 404, "NAME_UNKNOWN", "to be created first", Fault::User),
            (Blob, 405, "UNSUPPORTED", "that is read-only", Fault::User),
            (Blob, 413, "SIZE_INVALID", "client_max_body_size", Fault::User),
            (Blob, 503, "UNAVAILABLE", "answered 503", Fault::Transient),
            (Manifest, 404, "BLOB_UNKNOWN", "does not find it", Fault::Transient),
            (Manifest, 400, "MANIFEST_BLOB_UNKNOWN", "does not find it", Fault::Transient),
            (Manifest, 400, "TAG_INVALID tag is immutable", "choose another tag", Fault::User),
            (Manifest, 400, "MANIFEST_INVALID", "which media types it takes", Fault::User),
        ];
        for (asked, status, reason, part, fault) in rows {
            let what = "registry r.io/a".to_owned();
            let refusal = Refusal { what, asked, status, reason: Some(reason.to_owned()), login: None };
            let error = refusal.error();
            let said = error.to_string();
            assert!(said.contains(part) && said.contains(reason), "{asked:?} {status} {reason}: {said}");
            assert_eq!(error.fault(), fault, "{said}");
        }
    }
}
