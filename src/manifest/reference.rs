//! Image references, and the rule for tags beside digests.

use super::error::{EditError, Refusal};
use super::quote::is_null;
use super::{Edit, scalar};

/// The number of hex digits after `sha256:`.
const HEX: usize = 64;

pub(super) const BAD_NAME: &str =
    "its name is not one: `host[:port]/` and lower-case letters, digits, `.`, `_`, `-` between slashes";
const BAD_TAG: &str = "its tag is not one: letters, digits, `_`, `.` and `-`, at most 128";
const BAD_DIGEST: &str = "a digest is `sha256:` and 64 lower-case hexadecimal digits";

/// The longest name of an image (distribution/reference, `NameTotalLengthMax`).
const MAX_NAME: usize = 255;

/// `name[:tag][@digest]`; every part may be missing. An empty digest after `@` removes the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// The tag and the digest, which decide which image of a name runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version<'a> {
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Splits at `@`, and at the last colon after the last slash.
    pub(super) fn split(text: &'a str) -> Self {
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let start = rest.rfind('/').map_or(0, |slash| slash + 1);
        match rest[start..].find(':').map(|colon| start + colon) {
            Some(colon) => Self { name: &rest[..colon], tag: Some(&rest[colon + 1..]), digest },
            None => Self { name: rest, tag: None, digest },
        }
    }

    /// The reference that an edit sets.
    pub(super) fn wanted(edit: &'a Edit, label: &str) -> Result<Self, EditError> {
        scalar::check_value(label, &edit.value)?;
        let image = Self::split(&edit.value);
        match image.fault(&edit.value) {
            None => Ok(image),
            Some(reason) => {
                let (path, value) = (label.to_owned(), edit.value.clone());
                Err(EditError::Value { path, value, reason: reason.to_owned() })
            }
        }
    }

    /// The problem with this reference, which is written as `text`, if there is one.
    fn fault(&self, text: &str) -> Option<&'static str> {
        if text.contains(char::is_whitespace) || self.name.ends_with('/') {
            return Some("it is no image reference; write `name:tag`");
        }
        if !self.name.is_empty() && !is_name(self.name) {
            return Some(BAD_NAME);
        }
        if self.tag.is_none() && self.digest.is_none() {
            return Some("it names neither a tag nor a digest; write `name:tag`, `:tag` or `@sha256:…`");
        }
        // `:tag@` removes the digest; `@` alone would leave neither tag nor digest.
        match self.digest {
            Some("") if self.tag.is_none() => Some(BAD_DIGEST),
            _ => self.version().fault(),
        }
    }

    pub(super) fn version(&self) -> Version<'a> {
        Version { tag: self.tag, digest: self.digest }
    }

    /// Replaces the string `old` by this reference. The text before a `=`, as in kustomize's `old=new`, is kept.
    pub(super) fn over(&self, old: &str) -> Result<String, Refusal> {
        if let Some((key, old)) = old.split_once('=') {
            return Ok(format!("{key}={}", self.over(old)?));
        }
        if !self.name.is_empty() {
            return Ok(self.version().append_to(self.name));
        }
        let old = Reference::split(old);
        Ok(self.version().over(old.version())?.append_to(old.name))
    }

    /// The name's registry host, if it has one, and the rest: the host is the first part if it has a `.` or `:` or is
    /// `localhost` (distribution/reference, normalize.go).
    pub(super) fn host(name: &str) -> (Option<&str>, &str) {
        match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), rest),
            _ => (None, name),
        }
    }
}

impl<'a> Version<'a> {
    /// A tag that may hold a digest, as in `v1@sha256:…`.
    pub(super) fn in_tag(text: &'a str) -> Self {
        match text.split_once('@') {
            Some((tag, digest)) => Self { tag: Some(tag), digest: Some(digest) },
            None => Self { tag: Some(text).filter(|text| !is_null(text)), digest: None },
        }
    }

    /// Replaces `old` by this version. The rule for every digest: only an edit that sets or removes
    /// the digest changes the tag beside it, since the digest decides what runs.
    pub(super) fn over(self, old: Version<'a>) -> Result<Self, Refusal> {
        match (self.digest, old.digest.filter(|digest| !is_null(digest))) {
            (None, Some(_)) if self.tag != old.tag => Err(Refusal::PinnedByDigest),
            (None, Some(digest)) => Ok(Self { tag: old.tag, digest: Some(digest) }),
            (digest, _) => {
                Ok(Self { tag: self.tag.or(old.tag), digest: digest.filter(|digest| !digest.is_empty()) })
            }
        }
    }

    /// `name[:tag][@digest]`, with this version's tag and digest.
    pub(super) fn append_to(self, name: &str) -> String {
        let tag = self.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.filter(|digest| !digest.is_empty());
        let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{name}{tag}{digest}")
    }

    /// The problem with this version, if there is one.
    pub(super) fn fault(self) -> Option<&'static str> {
        if self.tag.is_some_and(|tag| !is_tag(tag)) {
            return Some(BAD_TAG);
        }
        let is_bad = |digest: &str| !digest.is_empty() && !is_digest(digest);
        self.digest.is_some_and(is_bad).then_some(BAD_DIGEST)
    }

    /// `tag[@digest]`, for a field that holds both.
    pub(super) fn as_tag(self) -> String {
        self.append_to("").trim_start_matches(':').to_owned()
    }
}

/// distribution/reference, `NameRegexp`, without a host in brackets.
pub(super) fn is_name(name: &str) -> bool {
    let (host, path) = Reference::host(name);
    let host_fits = |host: &str| {
        let (host, port) = host.split_once(':').map_or((host, "1"), |(host, port)| (host, port));
        let label = |label: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            !label.is_empty() && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
        };
        host.split('.').all(label) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
    };
    name.len() <= MAX_NAME && host.is_none_or(host_fits) && path.split('/').all(is_component)
}

/// Runs of lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between two of them.
fn is_component(component: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separators = component.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = |s: &str| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    component.bytes().next().is_some_and(is_word)
        && component.bytes().last().is_some_and(is_word)
        && separators.into_iter().all(fits)
}

/// OCI distribution specification, "Pulling manifests".
pub(super) fn is_tag(tag: &str) -> bool {
    let starts = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    starts && tag.len() <= 128 && tag.bytes().all(fits)
}

pub(super) fn is_digest(value: &str) -> bool {
    value.strip_prefix("sha256:").is_some_and(is_hex)
}

/// A digest without `sha256:`.
pub(super) fn is_hex(hex: &str) -> bool {
    hex.len() == HEX && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
