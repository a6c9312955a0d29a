//! Which Git repositories a build may read.
//!
//! A shared daemon answers a pinned commit from its cache without asking for credentials, so that
//! `ADD https://host/private.git#<sha>` in anybody's Dockerfile would read a repository that only
//! somebody else may read. The source policy is evaluated for every operation, cached or not.

use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy::{
    MatchType, Policy, PolicyAction, Rule, Selector,
};

/// A policy that denies every Git source but `urls` (any revision and directory of those).
pub(super) fn only_git(urls: &[String]) -> Policy {
    // The last rule that matches wins (`sourcepolicy/engine.go`).
    let deny = rule(PolicyAction::Deny, "^git://".to_owned());
    let allow = urls
        .iter()
        .filter_map(|url| identifier(url))
        .map(|id| rule(PolicyAction::Allow, format!("^{}(#.*)?$", regex_lite::escape(&id))));
    Policy { version: 1, rules: std::iter::once(deny).chain(allow).collect() }
}

fn rule(action: PolicyAction, identifier: String) -> Rule {
    let match_type = MatchType::Regex.into();
    let selector = Selector { identifier, match_type, constraints: Vec::new() };
    Rule { action: action.into(), selector: Some(selector), updates: None }
}

/// `git://host:port/path`: BuildKit drops scheme, user and query, so that one repository has one
/// identifier whatever it is fetched over (`source/git/identifier.go`).
pub(super) fn identifier(url: &str) -> Option<String> {
    let url = url.split(['#', '?']).next().unwrap_or(url);
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => url.split_once(':')?,
    };
    Some(format!("git://{}/{}", without_user(host), path.trim_matches('/')))
}

/// `host` or `host:port` of an http(s) URL, as written: BuildKit names secrets by it, a default port included.
pub(super) fn http_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let host = without_user(rest.split(['/', '?', '#']).next()?);
    Some(host).filter(|host| !host.is_empty())
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_one_identifier() {
        let rows = [
            ("https://g.example/shop/api.git", "git://g.example/shop/api.git"),
            ("http://127.0.0.1:3000/shop/api.git#main:sub", "git://127.0.0.1:3000/shop/api.git"),
            ("https://g.example/a.git?ref=main", "git://g.example/a.git"),
            ("ssh://git@g.example:2222/shop/api.git", "git://g.example:2222/shop/api.git"),
            ("git@g.example:shop/api.git", "git://g.example/shop/api.git"),
        ];
        for (url, expected) in rows {
            assert_eq!(identifier(url).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_secrets_host_has_its_port() {
        assert_eq!(http_host("http://gitea.svc:3000/shop/api.git#main"), Some("gitea.svc:3000"));
        assert_eq!(http_host("https://g.example/a.git"), Some("g.example"));
        assert_eq!(http_host("ssh://git@g.example/a.git"), None);
    }

    #[test]
    fn dots_in_a_host_match_dots_alone() {
        let policy = only_git(&["https://g.example/a.git".to_owned()]);
        let selector = policy.rules.last().and_then(|r| r.selector.clone()).unwrap_or_default();
        assert_eq!(selector.identifier, r"^git://g\.example/a\.git(#.*)?$");
    }
}
