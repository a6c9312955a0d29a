//! Rules for the servers that may issue tokens for a registry.
//!
//! A registry itself says where its tokens are fetched (`realm`), and gets the answer. So a hostile registry could
//! make us fetch from any server that we can reach, and read the answer; every image in a Dockerfile may be on such a
//! registry. Therefore a realm is followed to the registry's own server, and to other servers only as these rules
//! allow.

use std::str::FromStr;

use url::Url;

use super::OciError;
use super::auth::normalise;
use crate::http::{self, Network};

/// Well-known registries whose token server has another name, from their challenges.
const KNOWN: [(&str, &str); 5] = [
    ("docker.io", "https://auth.docker.io"),
    ("registry.gitlab.com", "https://gitlab.com"),
    ("docker.elastic.co", "https://docker-auth.elastic.co"),
    ("lscr.io", "https://ghcr.io"),
    ("registry.access.redhat.com", "https://registry.redhat.io"),
];

/// The rules for realms.
#[derive(Debug, Clone, Default)]
pub struct TokenServers {
    named: Vec<TokenServer>,
    only_named: bool,
}

/// A registry and the server that issues its tokens: `REGISTRY=https://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenServer {
    registry: String,
    server: Url,
}

/// Not of the form `REGISTRY=https://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not of the form REGISTRY=https://HOST[:PORT]; write it as in registry.gitlab.example.com=https://gitlab.example.com"
)]
pub struct BadTokenServer(String);

impl TokenServers {
    /// Allows a registry's own server, those of well-known registries, `named`, and any public server over https.
    pub fn new(named: Vec<TokenServer>) -> Self {
        Self { named, only_named: false }
    }

    /// The same, without other public servers.
    #[must_use]
    pub fn only_named(self) -> Self {
        Self { only_named: true, ..self }
    }

    /// Checks the address `realm` that the registry `host` names. Returns it with the network that requests to it may
    /// use.
    pub(super) fn admit(&self, host: &str, realm: &str) -> Result<(Url, Network), OciError> {
        let unusable = |why: &str| OciError::Unexpected {
            what: format!("the challenge of registry {host}"),
            why: why.to_owned(),
            mend: MEND,
        };
        let url = Url::parse(realm).map_err(|e| unusable(&format!("its realm is no URL ({e})")))?;
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some()
        {
            return Err(unusable("its realm is not an https or http URL without a login"));
        }
        if is_own(host, &url) || self.is_named(host, &url) {
            return Ok((url, Network::Cluster));
        }
        if url.scheme() == "https" && !self.only_named {
            return Ok((url, Network::Public));
        }
        Err(self.refused(host, &url))
    }

    fn is_named(&self, host: &str, url: &Url) -> bool {
        let registry = normalise(host);
        let known = KNOWN.iter().any(|(name, server)| {
            *name == registry && Url::parse(server).is_ok_and(|server| server.origin() == url.origin())
        });
        let named = |each: &TokenServer| each.registry == registry && each.server.origin() == url.origin();
        known || self.named.iter().any(named)
    }

    fn refused(&self, host: &str, url: &Url) -> OciError {
        let why = if self.only_named {
            "it is not the registry's own server, and under a policy no other is asked unless it is named"
        } else {
            "it is not the registry's own server, and another is asked over https alone"
        };
        let what = format!("the token server {} of registry {host}", http::origin(url));
        OciError::NotAsked { what, why: format!("{why}; {}", hint(host, url.as_str())) }
    }
}

/// Whether `url` is on the registry's own server, with the same host and port. The daemon does not say whether it
/// uses http with the registry. So if there is no port, the default port of either scheme is accepted.
pub(super) fn is_own(host: &str, url: &Url) -> bool {
    let canonical = if normalise(host) == "docker.io" { "registry-1.docker.io" } else { host };
    let own = Url::parse(&format!("{}://{canonical}", url.scheme()));
    own.is_ok_and(|own| own.origin() == url.origin())
}

/// What to do about a challenge that cannot be followed.
const MEND: &str =
    "name another registry, or have its operator set the realm of its token service to such a URL";

/// What to do if the token server `realm` of the registry `host` is legitimate.
pub(super) fn hint(host: &str, realm: &str) -> String {
    let to = Url::parse(realm).map_or_else(|_| "https://HOST".to_owned(), |url| http::origin(&url));
    format!(
        "if {to} does hand out this registry's tokens, name it: --token-servers {host}={to} \
         (ARGO_BUILDKIT_TOKEN_SERVERS)"
    )
}

impl FromStr for TokenServer {
    type Err = BadTokenServer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadTokenServer(text.to_owned());
        let (registry, server) = text.trim().split_once('=').ok_or_else(bad)?;
        let url = Url::parse(server).map_err(|_| bad())?;
        let extra = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        let login = !url.username().is_empty() || url.password().is_some();
        let odd_host = registry.is_empty() || registry.contains(['/', '@', '*', ' ']);
        match matches!(url.scheme(), "https" | "http") && !extra && !login && !odd_host {
            true => Ok(Self { registry: normalise(registry), server: url }),
            false => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_realm_is_followed_to_its_own_registry_or_where_it_is_named() {
        let named = || vec!["registry.corp=https://gitlab.corp".parse().unwrap()];
        let (open, strict) = (TokenServers::new(named()), TokenServers::new(named()).only_named());
        let (cluster, public) = (Some(Network::Cluster), Some(Network::Public));
        let rows = [
            // (registry, realm, without a policy, with one)
            ("r.io", "https://r.io/token", cluster, cluster),
            ("r.io", "https://R.io:443/token", cluster, cluster),
            ("r.io:5000", "http://r.io:5000/token", cluster, cluster),
            ("r.io:5000", "http://r.io:5001/token", None, None),
            ("r.io:5000", "https://r.io:5001/token", public, None),
            ("[fd00::1]:5000", "http://[fd00::1]:5000/token", cluster, cluster),
            ("registry-1.docker.io", "https://auth.docker.io/token", cluster, cluster),
            ("docker.io", "https://auth.docker.io/token", cluster, cluster),
            ("evil.io", "https://auth.docker.io/token", public, None),
            ("registry.corp", "https://gitlab.corp/jwt/auth", cluster, cluster),
            ("registry.corp", "https://gitlab.corp:8443/jwt/auth", public, None),
            ("evil.corp", "https://gitlab.corp/jwt/auth", public, None),
            ("registry.corp", "http://gitlab.corp/jwt/auth", None, None),
            ("evil.io", "http://10.0.0.1/secret", None, None),
            ("r.io", "https://r.io@10.0.0.1/", None, None),
            ("r.io", "https://u:p@r.io/token", None, None),
            ("r.io", "file:///etc/passwd", None, None),
            ("r.io", "ftp://r.io/token", None, None),
            ("r.io", "token", None, None),
        ];
        for (host, realm, without, with) in rows {
            assert_eq!(open.admit(host, realm).ok().map(|(_, network)| network), without, "{host} {realm}");
            assert_eq!(strict.admit(host, realm).ok().map(|(_, network)| network), with, "{host} {realm}");
        }
        let said = strict.admit("evil.io", "https://gitlab.corp/x?secret").unwrap_err().to_string();
        assert!(
            said.contains("--token-servers evil.io=https://gitlab.corp ") && !said.contains("secret"),
            "{said}"
        );
    }

    #[test]
    fn a_named_token_server_is_a_registry_and_an_origin() {
        for good in ["r.io=https://t.io", "r.io:5000=http://10.0.0.1:5001", "docker.io=https://mirror.corp/"]
        {
            assert!(good.parse::<TokenServer>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "r.io",
            "https://t.io",
            "=https://t.io",
            "r.io=t.io",
            "r.io=https://u@t.io",
            "*=https://t.io",
        ] {
            assert!(bad.parse::<TokenServer>().is_err(), "{bad}");
        }
    }
}
