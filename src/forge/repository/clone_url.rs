//! Parses the URLs that clone a forge's repositories.

use std::str::FromStr;

use url::Url;

use super::BadRepository;
use crate::git::{BadRepoUrl, RepoUrl};

/// The parts of a clone URL.
pub(super) struct CloneUrl {
    /// The root of the forge's web pages.
    pub(super) web: Url,
    /// Whether `web` was derived from the name of an SSH server.
    pub(super) ssh: bool,
    pub(super) owner: String,
    pub(super) name: String,
}

impl FromStr for CloneUrl {
    type Err = BadRepository;

    fn from_str(text: &str) -> Result<Self, BadRepository> {
        let url: RepoUrl = text.parse().map_err(|bad| match bad {
            BadRepoUrl::Login => BadRepository::Login,
            _ => BadRepository::Malformed,
        })?;
        let (above, owner, name) = split(url.path())?;
        let ssh = url.is_ssh();
        let web = if ssh { web_of_ssh(url.host()) } else { root(&url.to_string()) };
        let mut web = web?;
        web.set_path(&above);
        Ok(Self { web, ssh, owner, name })
    }
}

fn root(text: &str) -> Result<Url, BadRepository> {
    Url::parse(text).map_err(|_| BadRepository::Malformed)
}

/// The web server that belongs to an SSH server. `ssh.github.com` accepts SSH on port 443 (GitHub docs, "Using SSH
/// over the HTTPS port").
fn web_of_ssh(host: &str) -> Result<Url, BadRepository> {
    let host = if host == "ssh.github.com" { "github.com" } else { host };
    root(&format!("https://{host}/"))
}

/// Splits a path into the part above the owner, the owner, and the name without `.git`.
fn split(path: &str) -> Result<(String, String, String), BadRepository> {
    let mut segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let (name, owner) = (segments.pop().unwrap_or_default(), segments.pop().unwrap_or_default());
    let name = name.strip_suffix(".git").unwrap_or(name);
    // The characters that both forges allow in names. A `%` would mean that the name is already encoded.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let named = |part: &str| !part.is_empty() && part.chars().all(plain) && part != "." && part != "..";
    if !named(owner) || !named(name) || segments.iter().any(|part| !named(part)) {
        return Err(BadRepository::Malformed);
    }
    Ok((segments.join("/"), owner.to_owned(), name.to_owned()))
}
