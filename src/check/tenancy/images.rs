//! Whether private images are only available to builds with their login.

use super::Tenants;
use crate::buildkit::Description;
use crate::check::Finding;

/// The finding if the daemon does not ask for a login, or does not say whether it does.
pub(super) fn judge(daemon: &Description, tenants: &Tenants) -> Option<Finding> {
    let version = match daemon.asks_about_images() {
        Some(true) => return None,
        Some(false) => format!("buildkitd {} is older than v0.26, and does", daemon.version),
        None => "buildkitd tells no version, and one older than v0.26 does".to_owned(),
    };
    if tenants.only().is_some() {
        return None;
    }
    let text = format!(
        "{version} not ask whether a build may read an image that it has: a Dockerfile reads every private image that \
         anybody has pulled, by its digest; {}: use a newer one, or list the images of each namespace under `images` in the \
         shared agent's policy",
        tenants.who()
    );
    Some(Finding::warn("private images in buildkitd", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(version: &str, tenants: &Tenants) -> String {
        let daemon = Description { version: version.to_owned(), ..Description::default() };
        judge(&daemon, tenants).map(|finding| finding.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_older_daemon_is_warned_of_where_several_namespaces_build() {
        let (one, two) = (Tenants::named(&["builds"]), Tenants::named(&["builds", "team-b"]));
        let old = said("v0.18.2", &two);
        assert!(
            old.starts_with("warn private images in buildkitd: buildkitd v0.18.2 is older than v0.26"),
            "{old}"
        );
        assert!(old.contains("2 namespaces build here (builds, team-b)"), "{old}");
        assert!(said("v0.18.2", &Tenants::Unknown).contains("if more than one team builds here"));
        assert!(said("", &two).contains("tells no version"));
        assert_eq!(said("v0.18.2", &one), "");
        assert_eq!(said("v0.32.2", &two), "");
    }
}
