//! The URLs that a forge's repositories are cloned by.

use std::str::FromStr;

use url::Url;

use super::BadRepository;

/// What a clone URL tells.
pub(super) struct CloneUrl {
    /// The root of the forge's web pages.
    pub(super) web: Url,
    /// Whether that was concluded from an SSH server's name.
    pub(super) ssh: bool,
    pub(super) owner: String,
    pub(super) name: String,
}

impl FromStr for CloneUrl {
    type Err = BadRepository;

    fn from_str(text: &str) -> Result<Self, BadRepository> {
        let (mut web, ssh, path) = if text.contains("://") { parse_url(text)? } else { parse_scp(text)? };
        let (above, owner, name) = split(&path)?;
        web.set_path(&above);
        Ok(Self { web, ssh, owner, name })
    }
}

fn parse_url(text: &str) -> Result<(Url, bool, String), BadRepository> {
    let url = Url::parse(text).map_err(|_| BadRepository::Malformed)?;
    let ssh = match url.scheme() {
        "http" | "https" => false,
        "ssh" => true,
        _ => return Err(BadRepository::Malformed),
    };
    // Over http even a lone user name is often a token.
    if url.password().is_some() || (!ssh && !url.username().is_empty()) {
        return Err(BadRepository::Login);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadRepository::Malformed);
    }
    let path = url.path().to_owned();
    let web = if ssh { web_of_ssh(url.host_str().unwrap_or_default())? } else { url };
    Ok((web, ssh, path))
}

fn parse_scp(text: &str) -> Result<(Url, bool, String), BadRepository> {
    let (login, rest) = text.split_once('@').ok_or(BadRepository::Malformed)?;
    if login.contains(':') {
        return Err(BadRepository::Login);
    }
    let (host, path) = rest.split_once(':').ok_or(BadRepository::Malformed)?;
    Ok((web_of_ssh(host)?, true, path.to_owned()))
}

/// The web server beside an SSH server. `ssh.github.com` takes SSH on port 443 (GitHub docs, "Using SSH over the
/// HTTPS port").
fn web_of_ssh(host: &str) -> Result<Url, BadRepository> {
    let host = if host == "ssh.github.com" { "github.com" } else { host };
    if host.is_empty() || host.contains(['/', '?', '#', '@', '\\']) {
        return Err(BadRepository::Malformed);
    }
    Url::parse(&format!("https://{host}/")).map_err(|_| BadRepository::Malformed)
}

/// What lies above the owner, the owner, and the name without `.git`.
fn split(path: &str) -> Result<(String, String, String), BadRepository> {
    let mut segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let (name, owner) = (segments.pop().unwrap_or_default(), segments.pop().unwrap_or_default());
    let name = name.strip_suffix(".git").unwrap_or(name);
    // What both forges allow in names; `%` would be a name that is encoded already.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let named = |part: &str| !part.is_empty() && part.chars().all(plain) && part != "." && part != "..";
    if !named(owner) || !named(name) || segments.iter().any(|part| !named(part)) {
        return Err(BadRepository::Malformed);
    }
    Ok((segments.join("/"), owner.to_owned(), name.to_owned()))
}
