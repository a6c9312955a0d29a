//! The server that a Secret is sent to, and the patterns for permitted servers.

use std::fmt;

use crate::forge;
use crate::git::RepoUrl;
use crate::policy::{NotCanonical, host_port};

/// The forge whose API has its own host, and that host.
const GITHUB: (&str, &str) = ("github.com", "api.github.com");

/// A server, parsed from an address in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    scheme: String,
    host: String,
    port: u16,
    /// The repository's path on the server, without `/` at its ends and without `.git`.
    path: String,
}

impl Server {
    /// The server of `repo`.
    pub(crate) fn of(repo: &RepoUrl) -> Result<Self, NotCanonical> {
        Self::new(repo.scheme(), &repo.host_port(), &path_of(&repo.to_string()))
    }

    /// The server at `origin`: scheme, host and port of a URL.
    pub(crate) fn at(origin: &str) -> Result<Self, NotCanonical> {
        let (scheme, authority) = origin.split_once("://").ok_or(NotCanonical::Form)?;
        Self::new(scheme, authority, "")
    }

    /// The API of `repository`'s forge.
    pub(crate) fn api(repository: &forge::ForgeRepository) -> Result<Self, NotCanonical> {
        let server = repository.server();
        let (scheme, authority) = server.split_once("://").ok_or(NotCanonical::Form)?;
        Self::new(scheme, authority, &repository.to_string())
    }

    /// The server's form in the hosts annotation. It includes the scheme if the login is sent in clear text.
    pub(crate) fn as_host(&self) -> String {
        match (self.scheme.as_str(), own_port(&self.scheme) == Some(self.port)) {
            ("http", true) => format!("http://{}", self.host),
            (_, true) => self.host.clone(),
            (_, false) => format!("{}:{}", self.host, self.port),
        }
    }

    fn new(scheme: &str, authority: &str, path: &str) -> Result<Self, NotCanonical> {
        let named = host_port(authority, None)?;
        let (host, port) = split(&named);
        if host.contains('*') {
            return Err(NotCanonical::Host);
        }
        let port = port.or_else(|| own_port(scheme)).ok_or(NotCanonical::Scheme)?;
        Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), port, path: path.to_owned() })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if own_port(&self.scheme) == Some(self.port) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// `[scheme://]host[:port]`; the host may begin with `*.`. A pattern from Tekton's annotations may also have a repository path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    scheme: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
}

impl HostPattern {
    /// Parses one item of the hosts annotation.
    pub(super) fn host(text: &str) -> Result<Self, NotCanonical> {
        let pattern = Self::url(text)?;
        if pattern.path.is_empty() { Ok(pattern) } else { Err(NotCanonical::Path) }
    }

    /// Parses a value of Tekton's: a URL or, for an ssh server, the host (tektoncd/pipeline `pkg/credentials/gitcreds`).
    pub(super) fn url(text: &str) -> Result<Self, NotCanonical> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        if scheme.as_deref().is_some_and(|scheme| own_port(scheme).is_none()) {
            return Err(NotCanonical::Scheme);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let named = host_port(authority, None)?;
        let (host, port) = split(&named);
        if host == "*" {
            return Err(NotCanonical::HostGlob);
        }
        Ok(Self { scheme, host: host.to_owned(), port, path: trimmed(path) })
    }

    /// Whether the pattern permits `server`. Without scheme and port it permits https and ssh on their default ports only,
    /// so that no address can have a password sent in clear text.
    pub(super) fn fits(&self, server: &Server) -> bool {
        self.fits_host(&server.host) && self.fits_port(server) && self.fits_path(&server.path)
    }

    fn fits_host(&self, host: &str) -> bool {
        match self.host.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => self.host == host || (self.host.as_str(), host) == GITHUB,
        }
    }

    fn fits_port(&self, server: &Server) -> bool {
        match (&self.scheme, self.port) {
            (Some(scheme), port) => {
                *scheme == server.scheme && port.or_else(|| own_port(scheme)) == Some(server.port)
            }
            (None, Some(port)) => {
                let another = ["https", "http", "ssh"]
                    .into_iter()
                    .any(|other| other != server.scheme && own_port(other) == Some(port));
                port == server.port && !another
            }
            (None, None) => server.scheme != "http" && own_port(&server.scheme) == Some(server.port),
        }
    }

    /// Compares the path literally. A path in another spelling is rejected, never allowed.
    fn fits_path(&self, path: &str) -> bool {
        self.path.is_empty() || self.path == path
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scheme.iter().try_for_each(|scheme| write!(f, "{scheme}://"))?;
        f.write_str(&self.host)?;
        self.port.iter().try_for_each(|port| write!(f, ":{port}"))?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        "ssh" => Some(22),
        _ => None,
    }
}

/// Splits off the port. The host has brackets if it is an IPv6 address.
fn split(named: &str) -> (&str, Option<u16>) {
    match named.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (named, None),
    }
}

fn path_of(repo: &str) -> String {
    let path = match repo.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map(|(_, path)| path),
        None => repo.rsplit_once(':').map(|(_, path)| path),
    };
    trimmed(path.unwrap_or_default())
}

fn trimmed(path: &str) -> String {
    let path = path.trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}
