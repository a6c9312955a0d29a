//! Sets an image that is a mapping of parts: the tag, the digest, or a name that contains both.

use std::borrow::Cow;

use super::ImageRequest;
use crate::manifest::error::{EditError, Hint, Refusal};
use crate::manifest::file::File;
use crate::manifest::lookup::Found;
use crate::manifest::path::{Path, Segment};
use crate::manifest::quote::is_null;
use crate::manifest::reference::{Reference, Version};
use crate::manifest::shape::{Keys, Shape};
use crate::manifest::splice::Splice;
use crate::manifest::{Edit, reach};

/// An image as a mapping of parts.
pub(super) struct Parts<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) found: &'a Found,
    pub(super) keys: Keys<'a>,
    pub(super) shape: Shape,
    /// The key whose value selected the mapping.
    pub(super) selector: Option<&'a str>,
    pub(super) request: ImageRequest<'a>,
}

/// Says that `create` writes a digest into the tag, if the digest's key is missing.
fn into_tag(error: EditError) -> EditError {
    let EditError::Refused { path, place, refusal: Refusal::Missing(mut missing) } = error else {
        return error;
    };
    missing.hint = Hint::IntoTag;
    EditError::Refused { path, place, refusal: Refusal::Missing(missing) }
}

/// The key that the digest is written to.
enum Pin {
    Nowhere,
    Tag,
    Key,
}

impl Parts<'_> {
    pub(super) fn plan(&self) -> Result<Vec<Splice>, EditError> {
        let wanted = self.request.wanted;
        let (old, in_tag) = self.keys.version(&self.shape);
        if in_tag && self.shape.digest.as_deref().is_some_and(|key| self.keys.text(key).is_some()) {
            return Err(self.unknown());
        }
        let name = self.keys.text(&self.shape.name).map(Reference::split);
        if let Some(whole) = name.filter(|name| name.tag.is_some() || name.digest.is_some()) {
            return self.whole(whole, old);
        }
        // A string alone is the whole image. A chart that has a key for the tag writes the tag separately.
        if self.shape.name == "image" && self.shape.tag.is_none() && self.shape.digest.is_none() {
            return self.whole(name.unwrap_or(Reference { name: "", tag: None, digest: None }), old);
        }
        let is_off = self.keys.text("useDigest") == Some("false");
        let pinned = if is_off { Version { digest: None, ..old } } else { old };
        let new = wanted.version().over(pinned).map_err(|refusal| self.refuse(refusal))?;
        if is_off && new.digest.is_some() {
            let reason = "the chart leaves the digest out while `useDigest` beside it is `false`".to_owned();
            return Err(self.request.bad(reason));
        }
        let mut splices = self.name()?;
        splices.extend(self.version(old, new, in_tag)?);
        Ok(splices)
    }

    /// The splices for tag and digest, where the shape has keys for them.
    fn version(&self, old: Version<'_>, new: Version<'_>, in_tag: bool) -> Result<Vec<Splice>, EditError> {
        let wanted = self.request.wanted;
        let pin = self.pin(new, in_tag);
        let mut splices = Vec::new();
        if matches!(pin, Pin::Tag) && new.tag.is_none_or(str::is_empty) && new.digest.is_some() && !in_tag {
            let reason = "no tag stands there, and a tag cannot hold a digest alone; write `:tag@sha256:…`";
            return Err(self.request.bad(reason.to_owned()));
        }
        if let Pin::Tag = pin {
            splices.extend(self.set(self.tag(), &new.as_tag())?);
            return Ok(splices);
        }
        if let Some(tag) = wanted.tag.filter(|tag| old.tag != Some(tag) || self.shape.tag.is_some()) {
            splices.extend(self.set(self.tag(), tag)?);
        }
        if let Pin::Key = pin {
            let key = self.shape.digest.as_deref().unwrap_or("digest");
            let set = self.set(key, &self.digest(key, new.digest.unwrap_or_default()));
            splices.extend(set.map_err(into_tag)?);
        }
        Ok(splices)
    }

    /// Where the digest is written.
    fn pin(&self, new: Version<'_>, in_tag: bool) -> Pin {
        match self.request.wanted.digest {
            _ if in_tag => Pin::Tag,
            None => Pin::Nowhere,
            Some(_) if self.shape.digest.is_some() || self.shape.name == "newName" => Pin::Key,
            Some(_) if new.digest.is_none() => Pin::Nowhere,
            // Not every chart reads a `digest`, but every chart writes the whole tag after a colon.
            Some(_) if self.request.edit.create => Pin::Tag,
            Some(_) => Pin::Key,
        }
    }

    fn tag(&self) -> &str {
        let default = if self.shape.name == "newName" { "newTag" } else { "tag" };
        self.shape.tag.as_deref().unwrap_or(default)
    }

    /// Formats the digest for `key`: `sha` holds the digits alone (kube-prometheus-stack, Grafana).
    fn digest<'b>(&self, key: &str, digest: &'b str) -> Cow<'b, str> {
        let is_bare = key == "sha" && !self.keys.text(key).is_some_and(|old| old.contains(':'));
        let bare = digest.strip_prefix("sha256:").filter(|_| is_bare);
        bare.unwrap_or(digest).into()
    }

    /// Sets a name that contains tag and digest. No key beside it may hold them too.
    fn whole(&self, name: Reference<'_>, beside: Version<'_>) -> Result<Vec<Splice>, EditError> {
        if beside.tag.is_some() || beside.digest.is_some() {
            return Err(self.unknown());
        }
        let wanted = self.request.wanted;
        let new = match wanted.name.is_empty() {
            true => wanted.version().over(name.version()).map_err(|refusal| self.refuse(refusal))?,
            false => wanted.version(),
        };
        let mut splices = Vec::new();
        let mut image = name.name.to_owned();
        if !wanted.name.is_empty() {
            let (prefix, rest) = self.split(wanted.name)?;
            splices.extend(self.prefix(prefix.as_deref())?);
            image = rest;
        }
        if image.is_empty() {
            return Err(self.request.no_name());
        }
        splices.extend(self.set(&self.shape.name, &new.append_to(&image))?);
        Ok(splices)
    }

    pub(super) fn unknown(&self) -> EditError {
        self.refuse(Refusal::UnknownShape { keys: self.keys.names().join(", ") })
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> EditError {
        refusal.at(self.file.stream.place(self.found.node), self.request.label)
    }

    pub(super) fn set(&self, key: &str, value: &str) -> Result<Vec<Splice>, EditError> {
        let path = Path::new(vec![Segment::Key(key.to_owned())]);
        let label = match self.request.label.ends_with(':') {
            true => format!("{}{key}", self.request.label),
            false => format!("{}.{key}", self.request.label),
        };
        let edit = Edit { value: value.to_owned(), ..self.request.edit.clone() };
        let request = reach::ScalarRequest { edit: &edit, label: &label, typed: false };
        // An empty value already says that nothing is set.
        if value.is_empty() && self.keys.text(key).is_none_or(is_null) {
            return Ok(Vec::new());
        }
        reach::scalar(self.file, vec![self.found.clone()], &path, &request)
    }
}
