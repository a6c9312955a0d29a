//! The source policy: which Git commits a build may read.
//!
//! A shared daemon answers a pinned commit from its cache without asking for credentials: neither the cache
//! key nor the snapshot's names the remote, only the commit (`source/git/source.go`, `shaToCacheKey`). So
//! `ADD https://host/anything.git#<sha>` in any Dockerfile would read a commit that only another user may
//! read. The daemon evaluates the source policy for every operation, cached or not. The policy allows proven
//! pairs of repository and commit. A repository alone would allow any commit.

use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy::{
    MatchType, Policy, PolicyAction, Rule, Selector,
};

use crate::text::unescaped;

/// A commit that the caller has proven to be able to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// The clone URL, as the build names it: http, https, ssh or `user@host:path`.
    pub url: String,
    /// The commit's full id, in lower-case hex. Anything else allows nothing.
    pub sha: String,
}

/// A policy that denies every Git source except `sources`, and source kinds that no build reads. With `images` it also denies
/// every image whose name matches none of these regular expressions.
pub(super) fn only(sources: &[GitSource], images: Option<&[String]>) -> Policy {
    let mut policy = only_git(sources);
    policy.rules.extend(images.into_iter().flat_map(only_images));
    // This rule is last, so that no list can allow it. Image layouts come from sessions, and ours has none, but the daemon would
    // look up their digests among other users' images. No frontend of Docker's reads single blobs.
    policy
        .rules
        .push(rule(PolicyAction::Deny, r"^(oci-layout|oci-layout\+blob|docker-image\+blob)://".to_owned()));
    policy
}

/// An image's source is `docker-image://docker.io/library/busybox:1@sha256:…`, completed by BuildKit (`client/llb/source.go`,
/// `Image`).
fn only_images(names: &[String]) -> Vec<Rule> {
    let deny = rule(PolicyAction::Deny, "^docker-image://".to_owned());
    let allow = |name| rule(PolicyAction::Allow, format!("^docker-image://{name}([:@].*)?$"));
    std::iter::once(deny).chain(names.iter().map(allow)).collect()
}

/// A policy that denies every Git source except `sources`, as a whole or a directory of them.
fn only_git(sources: &[GitSource]) -> Policy {
    // The last rule that matches wins (`sourcepolicy/engine.go`).
    let deny = rule(PolicyAction::Deny, "^git://".to_owned());
    let allow = sources.iter().filter_map(pattern).map(|pattern| rule(PolicyAction::Allow, pattern));
    Policy { version: 1, rules: std::iter::once(deny).chain(allow).collect() }
}

fn rule(action: PolicyAction, identifier: String) -> Rule {
    let match_type = MatchType::Regex.into();
    let selector = Selector { identifier, match_type, constraints: Vec::new() };
    Rule { action: action.into(), selector: Some(selector), updates: None }
}

fn pattern(source: &GitSource) -> Option<String> {
    let id = identifier(&source.url).filter(|_| is_commit(&source.sha))?;
    Some(format!("^{}#{}(:.*)?$", regex_lite::escape(&id), source.sha))
}

/// Whether BuildKit takes the text for a commit (`util/gitutil/git_commit.go`). It would look up any other text as
/// a branch, where a `checksum` may name another commit.
fn is_commit(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Formats `git://host:port/path`. BuildKit drops scheme, user and query, so that one repository has one
/// identifier for every protocol (`client/llb/source.go`, `Git`).
pub(super) fn identifier(url: &str) -> Option<String> {
    let url = url.split(['#', '?']).next().unwrap_or(url);
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').and_then(|(host, path)| Some((host, unescaped(path)?)))?,
        None => url.split_once(':').map(|(host, path)| (host, path.to_owned()))?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    Some(format!("git://{host}{}", joined(&path)))
}

/// Go's `path.Join("/", path)`: one slash between names, no `.`, and each `..` removes the name before it.
fn joined(path: &str) -> String {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn one_repository_has_one_identifier() {
        let rows = [
            ("https://g.example/shop/api.git", "git://g.example/shop/api.git"),
            ("http://127.0.0.1:3000/shop/api.git#main:sub", "git://127.0.0.1:3000/shop/api.git"),
            ("https://g.example/a.git?ref=main", "git://g.example/a.git"),
            ("https://user:password@g.example/a.git", "git://g.example/a.git"),
            ("ssh://git@g.example:2222/shop/api.git", "git://g.example:2222/shop/api.git"),
            ("git@g.example:shop/api.git", "git://g.example/shop/api.git"),
            ("git@g.example:/srv//api.git", "git://g.example/srv/api.git"),
            // The path of `user@host:path` has no escapes.
            ("git@g.example:a%20b.git", "git://g.example/a%20b.git"),
            ("https://g.example/a%20b/%c3%A9.git", "git://g.example/a b/é.git"),
            ("https://g.example/a+b.git", "git://g.example/a+b.git"),
            ("https://g.example//a///b.git/", "git://g.example/a/b.git"),
            ("https://g.example/./a/../b/c.git", "git://g.example/b/c.git"),
            ("https://g.example/%2e%2E/a%2Fb.git", "git://g.example/a/b.git"),
            ("https://g.example/../../a.git", "git://g.example/a.git"),
        ];
        for (url, expected) in rows {
            assert_eq!(identifier(url).as_deref(), Some(expected), "{url}");
        }
        for url in
            ["https://g.example/%", "https://g.example/%2", "https://g.example/%zz", "https://g.example/%ff"]
        {
            assert_eq!(identifier(url), None, "{url}");
        }
    }

    #[test]
    fn a_commit_and_its_directories_are_allowed_and_nothing_else() {
        let source = GitSource { url: "https://g.example/a.git".to_owned(), sha: SHA.to_owned() };
        let pattern = pattern(&source).unwrap_or_default();
        assert_eq!(pattern, format!(r"^git://g\.example/a\.git#{SHA}(:.*)?$"));
        let pattern = regex_lite::Regex::new(&pattern).unwrap_or_else(|e| panic!("{e}"));
        let other = SHA.replace('0', "f");
        let rows = [
            (format!("git://g.example/a.git#{SHA}"), true),
            (format!("git://g.example/a.git#{SHA}:sub/dir"), true),
            (format!("git://g.example/a.git#{other}"), false),
            (format!("git://g.example/a.git#{SHA}0"), false),
            (format!("git://g.example/a.git#{other}:{SHA}"), false),
            (format!("git://gxexample/a.git#{SHA}"), false),
            (format!("git://g.example/b.git#{SHA}"), false),
            // A `checksum` decides which commit these names mean.
            ("git://g.example/a.git#main".to_owned(), false),
            ("git://g.example/a.git".to_owned(), false),
        ];
        for (identifier, allowed) in rows {
            assert_eq!(pattern.is_match(&identifier), allowed, "{identifier}");
        }
    }

    #[test]
    fn what_is_no_full_commit_id_allows_nothing() {
        for sha in ["", "main", "0123456", &SHA.to_uppercase(), &format!("{SHA}:"), &SHA.replace('0', ".")] {
            let source = GitSource { url: "https://g.example/a.git".to_owned(), sha: (*sha).to_owned() };
            assert_eq!(only_git(&[source]).rules.len(), 1, "{sha}");
        }
    }
}
