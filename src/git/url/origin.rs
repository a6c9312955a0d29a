//! Compares addresses: whether two of them name the same repository.
//!
//! This program compares addresses in three places, and in each another mistake is the safe one. Here two spellings
//! of one repository must not differ. It does no harm to take two repositories for one, because the repository itself
//! is always asked afterwards. The policy's form (`policy/canonical.rs`) must not equate two repositories and refuses
//! what it cannot tell apart. BuildKit's identifier (`buildkit/policy.rs`) is whatever BuildKit makes of an address.

use super::{Form, RepoUrl};
use crate::text::unescaped;

impl RepoUrl {
    /// One text for each repository. Host and path are in lower case, because forges ignore case in paths. The path
    /// has no escapes, empty names, final `/` or `.git` (git-daemon and git-shell add either, `enter_repo` of
    /// `path.c`). Scheme, port and user are left out, because a forge serves one repository over ssh and https, on
    /// different ports. Only below `~/`, the login's home directory, is the user part of the path.
    pub(crate) fn origin(&self) -> String {
        let (user, host, path) = self.parts();
        let path = tidy(&path).to_lowercase();
        let host = host.trim_end_matches('.').to_lowercase();
        match path.strip_prefix("~/") {
            Some(path) => format!("{host}/~{user}/{path}"),
            None => format!("{host}/{path}"),
        }
    }

    /// One text for each address of a repository, with scheme, user and port. Unlike with [`origin`](Self::origin),
    /// servers on two ports never count as one, so one does not affect the other.
    pub(crate) fn address_key(&self) -> String {
        let (user, _, path) = self.parts();
        let (host, user) =
            (self.host_port().to_lowercase(), if self.is_ssh() { user } else { String::new() });
        let host = if self.is_ssh() { host.trim_end_matches(":22") } else { &host };
        format!("{}://{user}@{host}/{}", self.scheme(), tidy(&path))
    }

    /// The user, the host, and the path without escapes.
    fn parts(&self) -> (String, String, String) {
        let or_git = |user: &str| if user.is_empty() { "git".to_owned() } else { user.to_owned() };
        match &self.form {
            Form::Url(url) => {
                let path = unescaped(url.path()).unwrap_or_else(|| url.path().to_owned());
                (or_git(url.username()), url.host_str().unwrap_or_default().to_owned(), path)
            }
            Form::Scp { user, host, path } => (user.clone(), host.clone(), path.clone()),
        }
    }
}

/// Normalises a path: removes empty names and `.`, and resolves `..`.
fn tidy(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    // `x/.git` and `x.git` are both `x`.
    if names.len() > 1 && names.last() == Some(&".git") {
        names.pop();
    }
    let joined = names.join("/");
    let bare = |path: &str| path.strip_suffix(".git").filter(|bare| !bare.is_empty()).map(str::to_owned);
    bare(&joined).unwrap_or(joined)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> RepoUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Several spellings of one repository.
    const ONE: &[&str] = &[
        "https://git.example/shop/api",
        "https://git.example/shop/api/",
        "https://git.example/shop/api.git",
        "https://git.example/shop/api.git/",
        "https://git.example/shop/api/.git",
        "https://git.example:443/shop/api.git",
        "https://GIT.Example/shop/api",
        "https://git.example./shop/api",
        "https://git.example//shop///api.git",
        "https://git.example/./shop/x/../api.git",
        "https://git.example/%73hop/%61pi%2Egit",
        "https://git.example/shop%2Fapi.git",
        "https://git.example/Shop/API.git",
        "http://git.example/shop/api",
        "http://git.example:80/shop/api",
        "https://git.example:8443/shop/api.git",
        "ssh://git@git.example/shop/api.git",
        "ssh://git@Git.EXAMPLE:22/shop/api.git",
        "ssh://git.example:2222/shop/api",
        "ssh://deploy@git.example/shop/api/",
        "git@git.example:shop/api.git",
        "git@git.example:/shop/api",
        "deploy@GIT.example:shop/api.git/",
    ];

    #[test]
    fn one_repository_has_one_origin() {
        for spelling in ONE {
            assert_eq!(url(spelling).origin(), "git.example/shop/api", "{spelling}");
        }
    }

    #[test]
    fn two_repositories_have_two() {
        let others = [
            "https://git.example/shop/web.git",
            "https://git.example/shop/api2",
            "https://git.example/api",
            "https://git.example/shop/api.gi",
            "https://git.example/shop/apigit",
            "https://git.example/x/shop/api",
            "https://other.example/shop/api",
            "https://git.example/shop/api.git.git",
            "git@git.example:~/shop/api.git",
            "ssh://git@git.example/~/shop/api.git",
            "https://[::1]/shop/api",
        ];
        for other in others {
            assert_ne!(url(other).origin(), "git.example/shop/api", "{other}");
        }
    }

    #[test]
    fn a_home_is_its_logins() {
        assert_eq!(url("ssh://a@h/~/x.git").origin(), url("a@h:~/x").origin());
        assert_ne!(url("ssh://a@h/~/x.git").origin(), url("ssh://b@h/~/x.git").origin());
    }

    #[test]
    fn a_way_is_one_servers() {
        let same = [0, 1, 2, 3, 5, 6, 8].map(|n| url(ONE[n]).address_key());
        assert!(same.iter().all(|way| *way == same[0]), "{same:?}");
        let ways = [
            "https://h/x",
            "http://h/x",
            "https://h:8443/x",
            "ssh://git@h/x",
            "ssh://deploy@h/x",
            "ssh://git@h:2222/x",
        ];
        let ways: std::collections::BTreeSet<_> = ways.iter().map(|way| url(way).address_key()).collect();
        assert_eq!(ways.len(), 6, "{ways:?}");
        assert_eq!(url("git@h:x.git").address_key(), url("ssh://git@h:22/x").address_key());
    }

    proptest! {
        /// Escapes, slashes, letter case and endings never make a different repository, whatever the names are.
        #[test]
        fn spelling_does_not_matter(names in prop::collection::vec("[a-z0-9_-]{1,8}", 1..4), bits: u64) {
            let plain = format!("https://git.example/{}", names.join("/"));
            let mut random = fastrand::Rng::with_seed(bits);
            let mut odd = String::from("https://Git.Example:443");
            for name in &names {
                odd.push_str(["/", "//", "/./"][random.usize(..3)]);
                for byte in name.bytes() {
                    match random.u8(..3) {
                        0 => odd.push_str(&format!("%{byte:02x}")),
                        1 => odd.push(char::from(byte).to_ascii_uppercase()),
                        _ => odd.push(char::from(byte)),
                    }
                }
            }
            odd.push_str(["", ".git", "/", ".git/", "%2egit"][random.usize(..5)]);
            prop_assert_eq!(url(&odd).origin(), url(&plain).origin());
        }
    }
}
