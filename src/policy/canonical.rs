//! One spelling for each target. Names and patterns are converted in the same way, so that only equal targets match.
//!
//! A name that servers may read in two ways (`..`, encoded slashes) has no canonical form, and is refused.

use crate::text;

/// Why a name has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotCanonical {
    /// The text is not an entitlement with a list.
    #[error("it is no entitlement that is listed; write `security.insecure`")]
    Entitlement,
    /// The text is neither a URL nor `user@host:path`.
    #[error("it is not of the form https://host/path, ssh://user@host/path or user@host:path")]
    Form,
    /// No step can use the scheme.
    #[error("its scheme is not https, http or ssh")]
    Scheme,
    /// The login is not a plain user name, or is not allowed in this form.
    #[error("it holds a login; only an ssh address has one, a plain user name")]
    Login,
    /// The host has characters that are not valid in a host.
    #[error("its host is not a plain name or address (IDNs are written as xn--…)")]
    Host,
    /// The port is not a number.
    #[error("its port is not a number")]
    Port,
    /// The path has `.`, `..`, an empty name, or a character that servers may read in two ways.
    #[error(
        "its path holds `.`, `..`, `//`, `%2F`, `%25`, `\\`, `?` or `#`, which servers read in different ways"
    )]
    Path,
    /// The text is no web server, or has more than its scheme, host and port.
    #[error(
        "it is not of the form https://HOST[:PORT], without a path: the rest of such an address is a secret"
    )]
    Server,
    /// The registry is missing.
    #[error("it names no registry; write docker.io/library/NAME or HOST/REPOSITORY")]
    Registry,
    /// The text has a tag or a digest, but must name a repository.
    #[error("it is to name a repository, in lower case and without tag and digest")]
    Repository,
    /// The text does not consist of two names.
    #[error("it is not of the form NAMESPACE/NAME")]
    Object,
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// There is a `*` within a label of a host.
    #[error("`*` in a host stands for whole labels at its beginning, as in *.example.com")]
    HostGlob,
}

/// A Git repository, or a pattern: `scheme://[user@]host[:port]/path`, without the scheme's default port, a final
/// slash and `.git`. An ssh address has a user, `git` by default. `user@host:path` is also an ssh address. Its path counts from the
/// root, since both forms name the same repository on a forge.
pub(super) fn repository(text: &str) -> Result<String, NotCanonical> {
    let path = |path: &str, decoded| {
        let path = path.trim_end_matches('/');
        let bare = path.strip_suffix(".git").filter(|bare| !bare.is_empty() && !bare.ends_with('/'));
        plain(bare.unwrap_or(path), decoded)
    };
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, rest) = rest.split_once('/').ok_or(NotCanonical::Form)?;
            Ok(format!("{}/{}", origin(scheme, authority)?, path(rest, true)?))
        }
        None => {
            let (user, rest) = text.split_once('@').ok_or(NotCanonical::Form)?;
            let end = if rest.starts_with('[') { rest.find("]:").map(|at| at + 1) } else { rest.find(':') };
            let (host, rest) = rest.split_at(end.ok_or(NotCanonical::Form)?);
            let authority = format!("{user}@{host}");
            Ok(format!("{}/{}", origin("ssh", &authority)?, path(rest[1..].trim_start_matches('/'), false)?))
        }
    }
}

/// The URL of an API, or a pattern.
pub(super) fn url(text: &str) -> Result<String, NotCanonical> {
    let (scheme, rest) = text.split_once("://").ok_or(NotCanonical::Form)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let origin = origin(scheme, authority)?;
    let path = path.trim_end_matches('/');
    if path.is_empty() { Ok(origin) } else { Ok(format!("{origin}/{}", plain(path, true)?)) }
}

/// A web server, or a pattern: `scheme://host[:port]`, without the scheme's default port.
pub(super) fn server(text: &str) -> Result<String, NotCanonical> {
    let server = url(text).map_err(|_| NotCanonical::Server)?;
    let is_web = ["https://", "http://"].iter().any(|scheme| server.starts_with(scheme));
    if is_web && origin_of(&server) == server { Ok(server) } else { Err(NotCanonical::Server) }
}

/// Scheme, host and port of a canonical address.
pub(super) fn origin_of(canonical: &str) -> &str {
    let start = canonical.find("://").map_or(0, |at| at + 3);
    canonical[start..].find('/').map_or(canonical, |at| &canonical[..start + at])
}

/// A repository in a registry, or a pattern: `host[:port]/path`.
pub(super) fn image(text: &str) -> Result<String, NotCanonical> {
    let (registry, path) = text.split_once('/').ok_or(NotCanonical::Registry)?;
    if !registry.contains(['.', ':']) && registry != "localhost" {
        return Err(NotCanonical::Registry);
    }
    let registry = match host_port(registry, None)?.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        registry => registry.to_owned(),
    };
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'*');
    let name = |part: &str| !part.is_empty() && part.bytes().all(allowed) && !matches!(part, "." | "..");
    match path.split('/').all(name) {
        false => Err(NotCanonical::Repository),
        // Docker completes the name in this way.
        true if registry == "docker.io" && !path.contains('/') && path != "**" => {
            Ok(format!("docker.io/library/{path}"))
        }
        true => Ok(format!("{registry}/{path}")),
    }
}

/// The name of a check, or a pattern. A forge compares it as it is.
pub(super) fn context(text: &str) -> Result<String, NotCanonical> {
    if text.is_empty() { Err(NotCanonical::Empty) } else { Ok(text.to_owned()) }
}

/// An object in a namespace, or a pattern: `namespace/name`.
pub(super) fn object(text: &str) -> Result<String, NotCanonical> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'*');
    let name = |part: &str| !part.is_empty() && part.bytes().all(allowed);
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [namespace, object] if name(namespace) && name(object) => Ok(text.to_owned()),
        _ => Err(NotCanonical::Object),
    }
}

fn origin(scheme: &str, authority: &str) -> Result<String, NotCanonical> {
    let scheme = scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        "ssh" => 22,
        _ => return Err(NotCanonical::Scheme),
    };
    let (user, host) = match (authority.rsplit_once('@'), scheme.as_str()) {
        (Some((user, host)), "ssh") => (Some(user), host),
        (None, "ssh") => (Some("git"), authority),
        (None, _) => (None, authority),
        (Some(_), _) => return Err(NotCanonical::Login),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if user.is_some_and(|user| user.is_empty() || !user.chars().all(allowed)) {
        return Err(NotCanonical::Login);
    }
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    Ok(format!("{scheme}://{user}{}", host_port(host, Some(port))?))
}

/// `host` or `host:port` in lower case. The port is left out if it is `default`.
pub(crate) fn host_port(text: &str, default: Option<u16>) -> Result<String, NotCanonical> {
    let end = if text.starts_with('[') { text.find(']').map(|at| at + 1) } else { text.find(':') };
    let (host, port) = text.split_at(end.unwrap_or(text.len()));
    let port = match port.strip_prefix(':') {
        Some(port) => Some(text::port(port).ok_or(NotCanonical::Port)?),
        None if port.is_empty() => None,
        None => return Err(NotCanonical::Host),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    check_host(host)?;
    Ok(match port.filter(|port| Some(*port) != default) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn check_host(host: &str) -> Result<(), NotCanonical> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|inside| inside.parse::<std::net::Ipv6Addr>().ok());
        return address.map(drop).ok_or(NotCanonical::Host);
    }
    let fixed = host.strip_prefix("*.").unwrap_or(if host == "*" { "x" } else { host });
    if fixed.contains('*') {
        return Err(NotCanonical::HostGlob);
    }
    let label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if fixed.split('.').all(label) { Ok(()) } else { Err(NotCanonical::Host) }
}

/// A path whose names every server reads in the same way. In a URL, escapes are decoded first.
fn plain(path: &str, decode: bool) -> Result<String, NotCanonical> {
    let names = path.split('/').map(|name| match (name.contains('%'), decode) {
        (false, _) => Ok(name.to_owned()),
        (true, true) => decoded(name).ok_or(NotCanonical::Path),
        (true, false) => Err(NotCanonical::Path),
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%' | '?' | '#');
    let is_plain = |name: &String| !matches!(name.as_str(), "" | "." | "..") && !name.contains(odd);
    if names.iter().all(is_plain) { Ok(names.join("/")) } else { Err(NotCanonical::Path) }
}

fn decoded(name: &str) -> Option<String> {
    let mut pieces = name.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (escape, rest) = piece.split_at_checked(2)?;
        bytes.extend(hex::decode(escape).ok()?);
        bytes.extend(rest.as_bytes());
    }
    // An escaped `*` is a character of a name, and must not become part of a pattern.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('*'))
}
