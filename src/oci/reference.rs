//! The name of an image, parsed once.
//!
//! The grammar is that of `reference/reference.go` in distribution. Short names are completed as Docker does (`nginx`
//! is `docker.io/library/nginx`).

use std::fmt;
use std::str::FromStr;

use crate::text;

/// The registry of names that contain no registry.
pub(super) const DOCKER_HUB: &str = "docker.io";
/// The longest name (registry and repository) that distribution accepts, in bytes.
const MAX_NAME: usize = 255;
/// The longest tag, in bytes.
const MAX_TAG: usize = 128;

/// A checked image name: registry, repository, and a tag, a digest, both or neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// A string that is not an image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not an image name: {why}")]
pub struct BadImageRef {
    input: String,
    /// What is wrong, and what to write instead.
    why: String,
}

impl ImageRef {
    /// `host` or `host:port`; `docker.io` for names that name no registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's path within its registry, such as `shop/api` or `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, when one was written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest (`sha256:…`), when one was written.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Whether `text` is a tag.
    pub fn is_tag(text: &str) -> bool {
        check_tag(text).is_ok()
    }

    /// The same repository with the tag `tag`, and without a digest. `None` if `tag` is no tag.
    pub fn with_tag(&self, tag: &str) -> Option<Self> {
        let tag = check_tag(tag).ok()?;
        Some(Self { tag: Some(tag), digest: None, ..self.clone() })
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The reference in a manifest request: the digest, else the tag, else `latest`.
    pub fn target(&self) -> &str {
        self.digest().or(self.tag()).unwrap_or("latest")
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for ImageRef {
    type Err = BadImageRef;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        parse(input).map_err(|why| BadImageRef { input: input.escape_debug().to_string(), why })
    }
}

/// The registry in `reference`, even if the rest of `reference` is wrong.
pub(crate) fn registry_of(reference: &str) -> String {
    split_registry(reference).0
}

fn parse(input: &str) -> Result<ImageRef, String> {
    if input.is_empty() {
        return Err("it is empty; write `registry/repository:tag`".into());
    }
    if input.contains("://") {
        return Err("it has a URL scheme; write `registry/repository:tag`".into());
    }
    let (rest, digest) = match input.split_once('@') {
        Some((rest, digest)) => (rest, Some(check_digest(digest)?)),
        None => (input, None),
    };
    let (name, tag) = split_tag(rest)?;
    let (registry, repository) = split_registry(name);
    check_registry(&registry)?;
    check_repository(&repository)?;
    if registry.len() + 1 + repository.len() > MAX_NAME {
        return Err(format!("registry and repository are longer than {MAX_NAME} characters; shorten them"));
    }
    Ok(ImageRef { registry, repository, tag, digest })
}

/// The last colon begins a tag. If a slash follows, it begins a port.
fn split_tag(rest: &str) -> Result<(&str, Option<String>), String> {
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => Ok((name, Some(check_tag(tag)?))),
        // A port is before the first slash.
        Some((name, tag)) if name.contains('/') => Err(format!(
            "its tag `{tag}` must be letters, digits, `_`, `.` and `-`: a tag has no slash, unlike a branch"
        )),
        _ => Ok((rest, None)),
    }
}

fn split_registry(name: &str) -> (String, String) {
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DOCKER_HUB, name),
    };
    let registry =
        if matches!(registry, "index.docker.io" | "registry-1.docker.io") { DOCKER_HUB } else { registry };
    if registry == DOCKER_HUB && !repository.contains('/') && !repository.is_empty() {
        return (registry.to_owned(), format!("library/{repository}"));
    }
    (registry.to_owned(), repository.to_owned())
}

fn check_tag(tag: &str) -> Result<String, String> {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let later = |c: char| first(c) || c == '.' || c == '-';
    if tag.is_empty() {
        return Err("its tag is empty; write one, or leave out the `:`".into());
    }
    if tag.len() > MAX_TAG {
        return Err(format!("its tag is longer than {MAX_TAG} characters; shorten it"));
    }
    if !tag.starts_with(first) || !tag.chars().all(later) {
        return Err("its tag must be letters, digits, `_`, `.` and `-`, and not begin with `.` or `-`".into());
    }
    Ok(tag.to_owned())
}

fn check_digest(digest: &str) -> Result<String, String> {
    let hex = |hex: &str, length| {
        hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let valid = match digest.split_once(':') {
        Some(("sha256", value)) => hex(value, 64),
        Some(("sha512", value)) => hex(value, 128),
        _ => false,
    };
    if valid {
        Ok(digest.to_owned())
    } else {
        Err("its digest must be `sha256:` and 64 lower-case hex digits".into())
    }
}

fn check_registry(registry: &str) -> Result<(), String> {
    let (host, port) = registry.rsplit_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let valid = |part: &str| {
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.chars().all(label)
    };
    if !host.split('.').all(valid) {
        return Err(format!("`{host}` is not a registry host; write `host` or `host:port`"));
    }
    match port.map(text::port) {
        Some(None) => Err(format!("`{registry}` does not end in a port number; write `host:port`")),
        _ => Ok(()),
    }
}

fn check_repository(repository: &str) -> Result<(), String> {
    if repository.is_empty() {
        return Err("it names no repository; write `registry/repository:tag`".into());
    }
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("its repository must be lower-case".into());
    }
    match repository.split('/').find(|part| !is_component(part)) {
        Some("") => Err("its repository has an empty path component; write one `/` between two".into()),
        Some(part) => {
            Err(format!("`{part}` must be lower-case letters and digits, joined by `.`, `_`, `__` or `-`"))
        }
        None => Ok(()),
    }
}

/// `[a-z0-9]+((.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|b| b == b'-');
    part.starts_with(alnum) && part.ends_with(alnum) && part.split(alnum).all(separator)
}

#[cfg(test)]
mod tests;
