//! Image references, and the image of a manifest in whatever shape it is written.

use super::error::{EditError, Refusal};
use super::file::File;
use super::lookup::Found;
use super::parser::Kind;
use super::path::{Path, Segment};
use super::splice::Splice;
use super::{Edit, create, lookup, plan};

/// A digest, by its length in bytes after `sha256:`.
const HEX: usize = 64;

/// `name[:tag][@digest]`; every part may be missing. The name is not checked further: a registry does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Splits at `@`, and at the last colon behind the last slash.
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
        plan::check_value(label, &edit.value)?;
        let image = Self::split(&edit.value);
        let refuse = |reason: &str| {
            let (path, value) = (label.to_owned(), edit.value.clone());
            Err(EditError::Value { path, value, reason: reason.to_owned() })
        };
        if edit.value.contains(char::is_whitespace) || image.name.ends_with('/') {
            return refuse("it is no image reference; write `name:tag`");
        }
        if image.tag.is_none() && image.digest.is_none() {
            return refuse("it names neither a tag nor a digest; write `name:tag`, `:tag` or `@sha256:…`");
        }
        if image.tag.is_some_and(|tag| !is_tag(tag)) {
            return refuse("its tag is not one: letters, digits, `_`, `.` and `-`, at most 128");
        }
        if image.digest.is_some_and(|digest| !is_digest(digest)) {
            return refuse("a digest is `sha256:` and 64 lower-case hexadecimal digits");
        }
        Ok(image)
    }

    /// This reference, in the place of the string `old`.
    pub(super) fn over(&self, old: &str) -> Result<String, Refusal> {
        if !self.name.is_empty() {
            return Ok(self.joined(self.name, self.tag));
        }
        let old = Reference::split(old);
        match (self.digest, old.digest) {
            (None, Some(_)) if self.tag != old.tag => Err(Refusal::PinnedByDigest),
            (None, Some(digest)) => Ok(Reference { digest: Some(digest), ..*self }.joined(old.name, old.tag)),
            _ => Ok(self.joined(old.name, self.tag.or(old.tag))),
        }
    }

    fn joined(&self, name: &str, tag: Option<&str>) -> String {
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{name}{tag}{digest}")
    }

    /// The name without its registry's host, and that host: the first part if it has a `.` or `:` or is
    /// `localhost` (distribution/reference, normalize.go).
    fn host(&self) -> (Option<&'a str>, &'a str) {
        match self.name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), rest),
            _ => (None, self.name),
        }
    }
}

/// OCI distribution specification, "Pulling manifests".
fn is_tag(tag: &str) -> bool {
    let starts = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    starts && tag.len() <= 128 && tag.bytes().all(fits)
}

pub(super) fn is_digest(value: &str) -> bool {
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    value.strip_prefix("sha256:").is_some_and(|hex| hex.len() == HEX && hex.bytes().all(is_hex))
}

/// The splices that set the image at `path` from one of `starts`.
pub(super) fn plan(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let wanted = Reference::wanted(edit, label)?;
    if edit.create && file.stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    match lookup::look(&file.stream, starts, path, label)? {
        lookup::Looked::Found(found) => at(file, found, edit, &wanted, label),
        lookup::Looked::Gap(gap) if edit.create && !wanted.name.is_empty() => {
            create::plan(file, &gap, path, &edit.value, label).map(|splice| vec![splice])
        }
        lookup::Looked::Gap(gap) => Err(gap.refusal.at(gap.place, label)),
    }
}

/// The splices that set the image at `found`, a string or a mapping of parts.
pub(super) fn at(
    file: &File<'_>,
    found: Found,
    edit: &Edit,
    wanted: &Reference<'_>,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    if matches!(file.stream.kind(found.node), Kind::MappingStart { .. }) {
        return Parts { file, found, edit, wanted, label }.plan();
    }
    let old = file.stream.scalar(found.node).unwrap_or_default();
    let place = file.stream.place(found.node);
    let value = wanted.over(old).map_err(|refusal| refusal.at(place, label))?;
    if file.stream.scalar(found.node).is_some() && value.starts_with([':', '@']) {
        let reason = "it has no name, and neither has the image there".to_owned();
        return Err(EditError::Value { path: label.to_owned(), value: edit.value.clone(), reason });
    }
    Ok(plan::set(file, &found, &value, label, false)?.into_iter().collect())
}

/// An image as a mapping of `registry`, `repository` or `name`, `tag` and `digest`.
struct Parts<'a> {
    file: &'a File<'a>,
    found: Found,
    edit: &'a Edit,
    wanted: &'a Reference<'a>,
    label: &'a str,
}

impl Parts<'_> {
    fn plan(&self) -> Result<Vec<Splice>, EditError> {
        let mut splices = Vec::new();
        if !self.wanted.name.is_empty() {
            splices.extend(self.name()?);
        }
        let has_digest = self.old("digest").is_some_and(|old| !matches!(old, "" | "~" | "null"));
        if let Some(tag) = self.wanted.tag {
            if self.wanted.digest.is_none() && has_digest && self.old("tag") != Some(tag) {
                let place = self.file.stream.place(self.found.node);
                return Err(Refusal::PinnedByDigest.at(place, self.label));
            }
            // An image that is only ever named by digest has no place for a tag, and needs none.
            let digest_only = self.wanted.digest.is_some() && has_digest && self.old("tag").is_none();
            if !digest_only {
                splices.extend(self.set("tag", tag)?);
            }
        }
        if let Some(digest) = self.wanted.digest {
            splices.extend(self.set("digest", digest)?);
        }
        Ok(splices)
    }

    fn name(&self) -> Result<Vec<Splice>, EditError> {
        let key = if self.old("repository").is_none() && self.old("name").is_some() {
            "name"
        } else {
            "repository"
        };
        let registry = self.old("registry").filter(|old| !matches!(*old, "" | "~" | "null"));
        let Some(registry) = registry else { return self.set(key, self.wanted.name) };
        match self.wanted.host() {
            (Some(host), rest) => {
                let mut splices = self.set("registry", host)?;
                splices.extend(self.set(key, rest)?);
                Ok(splices)
            }
            (None, rest) if matches!(registry, "docker.io" | "index.docker.io") => self.set(key, rest),
            (None, _) => {
                let reason = format!("it names no registry, and the image there has its own, `{registry}`");
                Err(EditError::Value { path: self.label.to_owned(), value: self.edit.value.clone(), reason })
            }
        }
    }

    fn old(&self, key: &str) -> Option<&str> {
        let stream = &self.file.stream;
        stream.scalar(stream.resolved(stream.get(self.found.node, key)?))
    }

    fn set(&self, key: &str, value: &str) -> Result<Vec<Splice>, EditError> {
        let path = Path::new(vec![Segment::Key(key.to_owned())]);
        let label = format!("{}.{key}", self.label);
        let edit = Edit { value: value.to_owned(), ..self.edit.clone() };
        let wish = plan::Wish { edit: &edit, label: &label, typed: false };
        plan::scalar(self.file, vec![self.found.clone()], &path, &wish)
    }
}
