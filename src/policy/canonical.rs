//! One spelling for each place: names and patterns are brought to it alike, so that only equals match.
//!
//! What servers may read in two ways (`..`, encoded slashes) has no such form, and is refused.

use crate::text;

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Odd {
    /// No entitlement that has a list.
    #[error("it is no entitlement that is listed; write `security.insecure`")]
    Entitlement,
    /// Neither a URL nor `user@host:path`.
    #[error("it is not of the form https://host/path, ssh://user@host/path or user@host:path")]
    Form,
    /// A scheme that no step can name.
    #[error("its scheme is not https, http or ssh")]
    Scheme,
    /// A login that is no plain user name, or stands where none belongs.
    #[error("it holds a login; only an ssh address has one, a plain user name")]
    Login,
    /// A host with characters that no host has.
    #[error("its host is not a plain name or address (IDNs are written as xn--…)")]
    Host,
    /// No port number.
    #[error("its port is not a number")]
    Port,
    /// `.`, `..`, an empty name, a character that servers may read in two ways.
    #[error(
        "its path holds `.`, `..`, `//`, `%2F`, `%25`, `\\`, `?` or `#`, which servers read in different ways"
    )]
    Path,
    /// A registry is missing.
    #[error("it names no registry; write docker.io/library/NAME or HOST/REPOSITORY")]
    Registry,
    /// A tag or a digest where a repository is meant.
    #[error("it is to name a repository, in lower case and without tag and digest")]
    Repository,
    /// Not two names.
    #[error("it is not of the form NAMESPACE/NAME")]
    Object,
    /// `*` within a host.
    #[error("`*` in a host stands for whole labels at its beginning, as in *.example.com")]
    HostGlob,
}

/// A Git repository, or a pattern of such: `scheme://[user@]host[:port]/path`, without the scheme's own port, a final
/// slash and `.git`. An ssh address has a user, `git` by default; `user@host:path` is one too, its path taken from the
/// root, since to a forge both are one repository.
pub(super) fn repository(text: &str) -> Result<String, Odd> {
    let path = |path: &str, decoded| {
        let path = path.trim_end_matches('/');
        let bare = path.strip_suffix(".git").filter(|bare| !bare.is_empty() && !bare.ends_with('/'));
        plain(bare.unwrap_or(path), decoded)
    };
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, rest) = rest.split_once('/').ok_or(Odd::Form)?;
            Ok(format!("{}/{}", origin(scheme, authority)?, path(rest, true)?))
        }
        None => {
            let (user, rest) = text.split_once('@').ok_or(Odd::Form)?;
            let end = if rest.starts_with('[') { rest.find("]:").map(|at| at + 1) } else { rest.find(':') };
            let (host, rest) = rest.split_at(end.ok_or(Odd::Form)?);
            let authority = format!("{user}@{host}");
            Ok(format!("{}/{}", origin("ssh", &authority)?, path(rest[1..].trim_start_matches('/'), false)?))
        }
    }
}

/// A URL of an API, or a pattern of such.
pub(super) fn url(text: &str) -> Result<String, Odd> {
    let (scheme, rest) = text.split_once("://").ok_or(Odd::Form)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let origin = origin(scheme, authority)?;
    let path = path.trim_end_matches('/');
    if path.is_empty() { Ok(origin) } else { Ok(format!("{origin}/{}", plain(path, true)?)) }
}

/// Scheme, host and port of a canonical address.
pub(super) fn origin_of(canonical: &str) -> &str {
    let start = canonical.find("://").map_or(0, |at| at + 3);
    canonical[start..].find('/').map_or(canonical, |at| &canonical[..start + at])
}

/// A repository of a registry, or a pattern of such: `host[:port]/path`.
pub(super) fn image(text: &str) -> Result<String, Odd> {
    let (registry, path) = text.split_once('/').ok_or(Odd::Registry)?;
    if !registry.contains(['.', ':']) && registry != "localhost" {
        return Err(Odd::Registry);
    }
    let registry = match host_port(registry, None)?.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        registry => registry.to_owned(),
    };
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'*');
    let name = |part: &str| !part.is_empty() && part.bytes().all(allowed) && !matches!(part, "." | "..");
    match path.split('/').all(name) {
        false => Err(Odd::Repository),
        // As Docker completes it.
        true if registry == "docker.io" && !path.contains('/') && path != "**" => {
            Ok(format!("docker.io/library/{path}"))
        }
        true => Ok(format!("{registry}/{path}")),
    }
}

/// An object of a namespace, or a pattern of such: `namespace/name`.
pub(super) fn object(text: &str) -> Result<String, Odd> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'*');
    let name = |part: &str| !part.is_empty() && part.bytes().all(allowed);
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [namespace, object] if name(namespace) && name(object) => Ok(text.to_owned()),
        _ => Err(Odd::Object),
    }
}

fn origin(scheme: &str, authority: &str) -> Result<String, Odd> {
    let scheme = scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        "ssh" => 22,
        _ => return Err(Odd::Scheme),
    };
    let (user, host) = match (authority.rsplit_once('@'), scheme.as_str()) {
        (Some((user, host)), "ssh") => (Some(user), host),
        (None, "ssh") => (Some("git"), authority),
        (None, _) => (None, authority),
        (Some(_), _) => return Err(Odd::Login),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if user.is_some_and(|user| user.is_empty() || !user.chars().all(allowed)) {
        return Err(Odd::Login);
    }
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    Ok(format!("{scheme}://{user}{}", host_port(host, Some(port))?))
}

/// `host` or `host:port` in lower case, without the port `default`.
pub(crate) fn host_port(text: &str, default: Option<u16>) -> Result<String, Odd> {
    let end = if text.starts_with('[') { text.find(']').map(|at| at + 1) } else { text.find(':') };
    let (host, port) = text.split_at(end.unwrap_or(text.len()));
    let port = match port.strip_prefix(':') {
        Some(port) => Some(text::port(port).ok_or(Odd::Port)?),
        None if port.is_empty() => None,
        None => return Err(Odd::Host),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    check_host(host)?;
    Ok(match port.filter(|port| Some(*port) != default) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn check_host(host: &str) -> Result<(), Odd> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').and_then(|inside| inside.parse::<std::net::Ipv6Addr>().ok());
        return address.map(drop).ok_or(Odd::Host);
    }
    let fixed = host.strip_prefix("*.").unwrap_or(if host == "*" { "x" } else { host });
    if fixed.contains('*') {
        return Err(Odd::HostGlob);
    }
    let label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if fixed.split('.').all(label) { Ok(()) } else { Err(Odd::Host) }
}

/// A path whose every name is one that no server reads otherwise; of a URL its escapes are undone.
fn plain(path: &str, decode: bool) -> Result<String, Odd> {
    let names = path.split('/').map(|name| match (name.contains('%'), decode) {
        (false, _) => Ok(name.to_owned()),
        (true, true) => decoded(name).ok_or(Odd::Path),
        (true, false) => Err(Odd::Path),
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '%' | '?' | '#');
    let is_plain = |name: &String| !matches!(name.as_str(), "" | "." | "..") && !name.contains(odd);
    if names.iter().all(is_plain) { Ok(names.join("/")) } else { Err(Odd::Path) }
}

fn decoded(name: &str) -> Option<String> {
    let mut pieces = name.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (escape, rest) = piece.split_at_checked(2)?;
        bytes.extend(hex::decode(escape).ok()?);
        bytes.extend(rest.as_bytes());
    }
    // An escaped `*` is a character of a name, and must not become a pattern's.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('*'))
}
