//! The address of a repository, parsed once. The parsed form holds no secret and is safe to log.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::text::unescaped;

mod origin;

/// A Git repository's address: `http://`, `https://`, `ssh://[user@]host[:port]/path`, or `user@host:path`.
///
/// It never holds a password, a query or a fragment. `Display` is safe to log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoUrl {
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Form {
    Url(Url),
    /// `user@host:path`: the path is relative to the login's home directory, as in Git.
    Scp {
        user: String,
        host: String,
        path: String,
    },
}

/// Why an address was refused. No variant repeats the address, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRepoUrl {
    /// The address contains a login, which would appear in logs, node status and build attributes.
    #[error(
        "a repository URL must not contain a user name or password: give the login as a secret reference \
         (`secret: {{name, key}}`) and leave it out of the URL"
    )]
    Login,
    /// The scheme is not supported.
    #[error("repository URL scheme `{0}` is not supported: use https://, http://, ssh:// or user@host:path")]
    Scheme(String),
    /// There is no repository path after the host.
    #[error("the repository URL has no path: expected something like https://host/owner/repo.git")]
    NoPath,
    /// The address contains a control character, a space or a backslash.
    #[error(
        "the repository URL contains a control character, a space or a backslash: leave it out, or write it percent-encoded"
    )]
    Character,
    /// The address contains `?query` or `#fragment`.
    #[error(
        "a repository URL must not contain `?` or `#`: give the branch, tag or commit as `revision` and the \
         directory as `subdir`"
    )]
    Extra,
    /// The address is not a URL.
    #[error("the repository URL cannot be read: expected something like https://host/owner/repo.git")]
    Malformed,
}

impl FromStr for RepoUrl {
    type Err = BadRepoUrl;

    fn from_str(raw: &str) -> Result<Self, BadRepoUrl> {
        if raw.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(BadRepoUrl::Character);
        }
        let form = if raw.contains("://") { parse_url(raw)? } else { parse_scp(raw)? };
        Ok(Self { form })
    }
}

fn parse_url(raw: &str) -> Result<Form, BadRepoUrl> {
    let url = Url::parse(raw).map_err(|_| BadRepoUrl::Malformed)?;
    let ssh = match url.scheme() {
        "http" | "https" => false,
        "ssh" => true,
        other => return Err(BadRepoUrl::Scheme(other.to_owned())),
    };
    // Over http a user name alone is refused too, because it is often a token (`https://TOKEN@host/`).
    if url.password().is_some() || (!ssh && !url.username().is_empty()) {
        return Err(BadRepoUrl::Login);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadRepoUrl::Extra);
    }
    if url.host_str().is_none_or(|host| host.is_empty() || host.starts_with('-')) {
        return Err(BadRepoUrl::Malformed);
    }
    let path = unescaped(url.path()).ok_or(BadRepoUrl::Malformed)?;
    if path.chars().any(char::is_control) || url.username().contains('%') {
        return Err(BadRepoUrl::Character);
    }
    if path.trim_matches('/').is_empty() {
        return Err(BadRepoUrl::NoPath);
    }
    Ok(Form::Url(url))
}

fn parse_scp(raw: &str) -> Result<Form, BadRepoUrl> {
    let (login, rest) = raw.split_once('@').ok_or(BadRepoUrl::Malformed)?;
    if login.contains(':') {
        return Err(BadRepoUrl::Login);
    }
    let (host, path) = split_scp_host(rest).ok_or(BadRepoUrl::NoPath)?;
    // ssh programs would read a host or user that starts with `-` as an option.
    let odd = |part: &str| part.is_empty() || part.starts_with('-') || part.contains(['/', '%', '@']);
    if odd(login) || odd(host) {
        return Err(BadRepoUrl::Malformed);
    }
    if path.contains(['?', '#']) {
        return Err(BadRepoUrl::Extra);
    }
    if path.trim_matches('/').is_empty() {
        return Err(BadRepoUrl::NoPath);
    }
    let host = host.to_ascii_lowercase();
    Ok(Form::Scp { user: login.to_owned(), host, path: path.to_owned() })
}

/// Splits `[::1]:path` or `host:path`.
fn split_scp_host(rest: &str) -> Option<(&str, &str)> {
    let end = if rest.starts_with('[') { rest.find(']')? + 1 } else { rest.find(':')? };
    Some((&rest[..end], rest[end..].strip_prefix(':')?))
}

impl RepoUrl {
    /// `host`, or `host:port` when the port differs from the scheme's default. BuildKit builds its secret ids
    /// (`GIT_AUTH_TOKEN.<host:port>`) from it (buildkit `source/git/source.go`).
    pub fn host_port(&self) -> String {
        match &self.form {
            Form::Url(url) => {
                let host = url.host_str().unwrap_or_default();
                url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
            }
            Form::Scp { host, .. } => host.clone(),
        }
    }

    /// The host alone; an IPv6 address is in brackets.
    pub(crate) fn host(&self) -> &str {
        match &self.form {
            Form::Url(url) => url.host_str().unwrap_or_default(),
            Form::Scp { host, .. } => host,
        }
    }

    /// The path as it was written, with its percent escapes.
    pub(crate) fn path(&self) -> &str {
        match &self.form {
            Form::Url(url) => url.path(),
            Form::Scp { path, .. } => path,
        }
    }

    /// `http`, `https` or `ssh`.
    pub fn scheme(&self) -> &str {
        match &self.form {
            Form::Url(url) => url.scheme(),
            Form::Scp { .. } => "ssh",
        }
    }

    /// Whether the login is an SSH key.
    pub fn is_ssh(&self) -> bool {
        self.scheme() == "ssh"
    }

    /// The address in the form that BuildKit needs: over http its path must end in `.git`, or BuildKit downloads it
    /// as a file (buildkit `frontend/dockerfile/dfgitutil/git_ref.go`).
    pub fn buildkit_url(&self) -> String {
        let text = self.to_string();
        let text = text.trim_end_matches('/');
        if self.is_ssh() || text.ends_with(".git") { text.to_owned() } else { format!("{text}.git") }
    }

    /// The repository at [`Self::buildkit_url`], the address at which BuildKit reads it.
    pub(crate) fn at_buildkit_url(&self) -> Self {
        self.buildkit_url().parse().unwrap_or_else(|_| self.clone())
    }

    /// The http address that `info/refs` is appended to; `None` for ssh.
    pub(super) fn http_base(&self) -> Option<String> {
        (!self.is_ssh()).then(|| self.to_string().trim_end_matches('/').to_owned())
    }

    /// The login name, host, port and path of an SSH address; `None` for http.
    pub(super) fn ssh_target(&self) -> Option<SshTarget> {
        match &self.form {
            Form::Url(url) if url.scheme() == "ssh" => Some(SshTarget {
                user: if url.username().is_empty() { "git".to_owned() } else { url.username().to_owned() },
                host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
                port: url.port().unwrap_or(22),
                path: home_relative(unescaped(url.path())?),
            }),
            Form::Url(_) => None,
            Form::Scp { user, host, path } => Some(SshTarget {
                user: user.clone(),
                host: host.trim_matches(['[', ']']).to_owned(),
                port: 22,
                path: path.clone(),
            }),
        }
    }
}

/// Turns `/~user/repo` into `~user/repo`, as Git does (`connect.c`).
fn home_relative(path: String) -> String {
    if path.starts_with("/~") { path[1..].to_owned() } else { path }
}

/// The parts of an SSH address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SshTarget {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Url(url) => f.write_str(url.as_str()),
            Form::Scp { user, host, path } => write!(f, "{user}@{host}:{path}"),
        }
    }
}

#[cfg(test)]
mod tests;
