//! The name of an image, parsed once.
//!
//! The grammar is distribution's `reference/reference.go`; short names are completed as Docker does
//! (`nginx` is `docker.io/library/nginx`).

use std::fmt;
use std::str::FromStr;

use crate::text;

/// The registry of names that name none.
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

/// Why a string is no image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not an image name: {why}")]
pub struct BadImageRef {
    input: String,
    /// Why not, and what to write.
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

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// What a manifest request names: the digest, else the tag, else `latest`.
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

/// The registry that `reference` names, whatever else is wrong with it.
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

/// The last colon begins a tag, unless a slash follows: then it begins a port.
fn split_tag(rest: &str) -> Result<(&str, Option<String>), String> {
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => Ok((name, Some(check_tag(tag)?))),
        // A port stands before the first slash.
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_are_completed_and_written_back() {
        let rows = [
            ("nginx", "docker.io/library/nginx", "latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27", "1.27"),
            ("index.docker.io/shop/api:1", "docker.io/shop/api:1", "1"),
            ("localhost/a", "localhost/a", "latest"),
            ("127.0.0.1:5000/a/b__c/d--e.f:v_1", "127.0.0.1:5000/a/b__c/d--e.f:v_1", "v_1"),
            ("gitea.example.com/shop/api", "gitea.example.com/shop/api", "latest"),
        ];
        for (input, written, target) in rows {
            let parsed: ImageRef = input.parse().unwrap();
            assert_eq!((parsed.to_string().as_str(), parsed.target()), (written, target), "{input}");
        }
    }

    #[test]
    fn a_digest_wins_over_the_tag() {
        let parsed: ImageRef = format!("r.io/a:1@{DIGEST}").parse().unwrap();
        assert_eq!((parsed.tag(), parsed.digest(), parsed.target()), (Some("1"), Some(DIGEST), DIGEST));
        let pinned = format!("r.io/a@{DIGEST}");
        assert_eq!(pinned.parse::<ImageRef>().unwrap().to_string(), pinned);
        assert!("r.io/a@sha256:beef".parse::<ImageRef>().is_err());
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        let rows = [
            ("", "it is empty"),
            ("r.io/a:", "its tag is empty"),
            ("r.io/a:-x", "its tag must be letters"),
            ("r.io/a:x y", "its tag must be letters"),
            ("x/y:feature/x", "its tag `feature/x` must be letters"),
            ("r.io/Shop/a", "lower-case"),
            ("r.io/", "names no repository"),
            ("r.io//a", "empty path component"),
            ("r.io/a..b", "`a..b` must be"),
            ("r.io:port/a", "does not end in a port"),
            ("r.io:+5000/a", "does not end in a port"),
            ("r.io:/a", "does not end in a port"),
            ("r.io:65536/a", "does not end in a port"),
            ("-x.io/a", "`-x.io` is not a registry host"),
            ("https://r.io/a", "URL scheme"),
            ("r.io/a@sha256:12", "its digest must be"),
            ("r.io/a\n", "`a\n` must be"),
        ];
        for (input, why) in rows {
            let message = input.parse::<ImageRef>().unwrap_err().to_string();
            assert!(message.contains(why), "{input:?}: {message}");
        }
        let long = format!("r.io/{}:{}", "a", "t".repeat(129));
        assert!(long.parse::<ImageRef>().unwrap_err().to_string().contains("longer than 128"));
    }
}
