//! Finds the server that a vertex of BuildKit's own work talks to, from the vertex's name.

use super::progress;
use crate::oci::registry_of;

/// Prefixes of vertex names that are followed by an image reference.
const REFERENCES: [&str; 4] = [
    "[internal] load metadata for ",
    "resolve image config for docker-image://",
    "docker-image://",
    "importing cache manifest from ",
];

/// The server that the vertex `name` talks to; `None` for a step's process. `activity` is the vertex's current activity.
pub(super) fn of(name: &str, activity: Option<&str>) -> Option<String> {
    if let Some(reference) = REFERENCES.iter().find_map(|start| name.strip_prefix(start)) {
        return Some(registry(reference));
    }
    if let Some(url) = name.strip_prefix("[internal] load git source ") {
        return Some(format!("Git server {}", host(url)));
    }
    if let Some((_, host)) = name.strip_prefix("[auth] ").and_then(|rest| rest.rsplit_once(" token for ")) {
        return Some(format!("registry {host}"));
    }
    if name.starts_with("exporting cache to registry") {
        return Some("the cache's registry".to_owned());
    }
    if name.starts_with("exporting to image") {
        let pushing = activity?.strip_prefix("pushing ")?;
        let manifest = pushing.strip_prefix("manifest for ");
        return Some(manifest.map_or_else(|| "the image's registry".to_owned(), registry));
    }
    let (word, rest) = progress::instruction(name)?.split_once(' ')?;
    let mut arguments = rest.split_whitespace().filter(|argument| !argument.starts_with("--"));
    match word {
        "FROM" => arguments.next().map(registry),
        "ADD" => arguments.find(|source| source.contains("://")).map(|url| format!("server {}", host(url))),
        _ => None,
    }
}

fn registry(reference: &str) -> String {
    format!("registry {}", registry_of(reference.split_whitespace().next().unwrap_or_default()))
}

/// `host:port` of a URL, or of `user@host:path`.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '#', '?', ' ']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let scp = !url.contains("://");
    if scp { authority.split(':').next().unwrap_or_default() } else { authority }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buildkits_own_work_has_a_peer_and_a_process_has_none() {
        let rows = [
            ("[internal] load metadata for docker.io/library/busybox:1", None, Some("registry docker.io")),
            ("[internal] load metadata for r.io:5000/a/b:1", None, Some("registry r.io:5000")),
            ("docker-image://docker/dockerfile:1", None, Some("registry docker.io")),
            ("importing cache manifest from localhost/c", None, Some("registry localhost")),
            (
                "[internal] load git source https://u@g.io:3000/a.git#5e8e:sub",
                None,
                Some("Git server g.io:3000"),
            ),
            ("[internal] load git source git@g.io:a/b.git#5e8e", None, Some("Git server g.io")),
            ("[auth] shop/api:pull token for r.io", None, Some("registry r.io")),
            ("exporting to image", Some("pushing layers"), Some("the image's registry")),
            ("exporting to image", Some("pushing manifest for r.io/a:1@sha256:1"), Some("registry r.io")),
            ("exporting to image", Some("exporting layers"), None),
            ("exporting cache to registry", None, Some("the cache's registry")),
            ("[build 1/3] FROM r.io/a:1@sha256:1", None, Some("registry r.io")),
            ("[2/3] ADD --checksum=sha256:1 https://files.io/x /x", None, Some("server files.io")),
            ("[2/3] ADD x /x", None, None),
            ("[3/3] RUN curl https://files.io", None, None),
            ("[internal] load build definition from Dockerfile", None, None),
        ];
        for (name, activity, expected) in rows {
            assert_eq!(of(name, activity).as_deref(), expected, "{name}");
        }
    }
}
