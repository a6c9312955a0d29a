//! Where a Secret is sent, and the patterns that say where it may be.

use std::fmt;

use crate::forge;
use crate::git::RepoUrl;
use crate::policy::{NotCanonical, host_port};

/// The forge whose API is on a host of its own, and that host.
const GITHUB: (&str, &str) = ("github.com", "api.github.com");

/// A server, as a step's address names it once it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    scheme: String,
    host: String,
    port: u16,
    /// The repository there, without `/` at its ends and `.git`.
    path: String,
}

impl Server {
    /// The server of `repo`.
    pub(crate) fn of(repo: &RepoUrl) -> Result<Self, NotCanonical> {
        Self::new(repo.scheme(), &repo.host_port(), &path_of(&repo.to_string()))
    }

    /// The API of `repository`'s forge.
    pub(crate) fn api(repository: &forge::Repository) -> Result<Self, NotCanonical> {
        let server = repository.server();
        let (scheme, authority) = server.split_once("://").ok_or(NotCanonical::Form)?;
        Self::new(scheme, authority, &repository.to_string())
    }

    /// How the hosts' annotation names it: with its scheme where a login is sent in clear.
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

/// `[scheme://]host[:port]`, where the host may begin with `*.`; of Tekton's annotations also with a repository's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    scheme: Option<String>,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Pattern {
    /// Reads one item of the hosts' annotation.
    pub(super) fn host(text: &str) -> Result<Self, NotCanonical> {
        let pattern = Self::url(text)?;
        if pattern.path.is_empty() { Ok(pattern) } else { Err(NotCanonical::Path) }
    }

    /// Reads a value of Tekton's: a URL, or of an ssh server the host (tektoncd/pipeline `pkg/credentials/gitcreds`).
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

    /// Whether what is sent to `server` is sent where this says. Without a scheme and a port it is https and ssh on their own
    /// ports, so that no address can have a password sent in clear.
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

    /// A path is compared as it is spelt: what is spelt in another way is refused, never allowed.
    fn fits_path(&self, path: &str) -> bool {
        self.path.is_empty() || self.path == path
    }
}

impl fmt::Display for Pattern {
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

/// The host, in brackets where it is an IPv6 address, and the port.
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
