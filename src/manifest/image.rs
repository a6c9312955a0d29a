//! Sets the image of a manifest, whatever shape it is written in.

use super::error::{EditError, Hint, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::parser::Kind;
use super::path::{Path, Segment};
use super::quote::is_null;
use super::reference::{Reference, Version};
use super::shape::{Keys, Shape};
use super::splice::Splice;
use super::{Edit, Target, block, create, reach, scalar};

/// The image to set, and the label for error messages.
#[derive(Clone, Copy)]
pub(super) struct ImageRequest<'a> {
    pub(super) edit: &'a Edit,
    pub(super) wanted: &'a Reference<'a>,
    pub(super) label: &'a str,
}

impl ImageRequest<'_> {
    fn bad(&self, reason: String) -> EditError {
        EditError::Value { path: self.label.to_owned(), value: self.edit.value.clone(), reason }
    }
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
    if let Some((text, inner)) = path.split_text() {
        return block::at(file, starts, &text, Target::Image(inner), edit, label);
    }
    if let Some((text, Segment::Pattern(pattern))) = path.split_end(reach::is_pattern) {
        return reach::part(file, starts, &text, pattern, label, |old| wanted.over(old));
    }
    if let Some(Segment::Append) = path.segments().last() {
        let request = ImageRequest { edit, wanted: &wanted, label };
        return match wanted.name.is_empty() {
            true => Err(request.bad("it has no name, and a new item needs one".to_owned())),
            false => reach::scalar(file, starts, path, &reach::ScalarRequest { edit, label, typed: false }),
        };
    }
    if edit.create && file.stream.events().is_empty() {
        return create::document(file, path, &edit.value, label).map(|splice| vec![splice]);
    }
    match lookup::look(&file.stream, starts, path, label)? {
        Lookup::Found(found) => at(file, found, path, ImageRequest { edit, wanted: &wanted, label }),
        Lookup::MissingPath(gap) if edit.create && (!wanted.name.is_empty() || gap.merged.is_some()) => {
            let old = gap.merged.and_then(|merged| file.stream.scalar(file.stream.resolved(merged.value)));
            let value =
                wanted.over(old.unwrap_or_default()).map_err(|refusal| refusal.at(gap.place, label))?;
            create::plan(file, &gap, path, create::Value::string(&value), label).map(|splice| vec![splice])
        }
        Lookup::MissingPath(_) if edit.create => {
            let request = ImageRequest { edit, wanted: &wanted, label };
            Err(request.bad("no image stands there yet, and a new one needs a name".to_owned()))
        }
        Lookup::MissingPath(gap) => Err(gap.refusal.at(gap.place, label)),
    }
}

/// The splices that set the image at `found`: a mapping of parts, a part of one, or one string.
fn at(
    file: &File<'_>,
    found: Found,
    path: &Path,
    request: ImageRequest<'_>,
) -> Result<Vec<Splice>, EditError> {
    let place = file.stream.place(found.node);
    if let Kind::MappingStart { .. } = file.stream.kind(found.node) {
        let selector = match path.segments().last() {
            Some(Segment::Item { field, .. }) => Some(field.as_str()),
            _ => None,
        };
        let keys = Keys::of(&file.stream, found.node);
        let shape = keys.shape().map_err(|refusal| refusal.at(place, request.label))?;
        return Parts { file, found: &found, keys, shape, selector, request }.plan();
    }
    let old = file.stream.scalar(found.node).unwrap_or_default().trim_end_matches('\n');
    let is_whole = Reference::split(old).tag.is_some() || old.contains('@');
    let key = found.key.and_then(|key| file.stream.scalar(key));
    let (Some(key), Some((&mapping, around)), false) = (key, found.around.split_last(), is_whole) else {
        return string(file, &found, request);
    };
    let keys = Keys::of(&file.stream, mapping);
    let Some(shape) = keys.beside(key) else { return string(file, &found, request) };
    let shape = shape.map_err(|refusal| refusal.at(place, request.label))?;
    let parent = Found { node: mapping, key: None, around: around.to_vec() };
    let label = request.label.strip_suffix(key).map_or(request.label, |label| label.trim_end_matches('.'));
    Parts { file, found: &parent, keys, shape, selector: None, request: ImageRequest { label, ..request } }
        .plan()
}

/// The splice that sets the string at `found`, which is the whole image.
pub(super) fn string(
    file: &File<'_>,
    found: &Found,
    request: ImageRequest<'_>,
) -> Result<Vec<Splice>, EditError> {
    let old = file.stream.scalar(found.node).unwrap_or_default().trim_end_matches('\n');
    let place = file.stream.place(found.node);
    let value = request.wanted.over(old).map_err(|refusal| refusal.at(place, request.label))?;
    if file.stream.scalar(found.node).is_some() && value.starts_with([':', '@']) {
        return Err(request.bad("it has no name, and neither has the image there".to_owned()));
    }
    Ok(scalar::set(file, found, &value, request.label, false)?.into_iter().collect())
}

/// An image as a mapping of parts.
struct Parts<'a> {
    file: &'a File<'a>,
    found: &'a Found,
    keys: Keys<'a>,
    shape: Shape,
    /// The key whose value selected the mapping.
    selector: Option<&'a str>,
    request: ImageRequest<'a>,
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
    fn plan(&self) -> Result<Vec<Splice>, EditError> {
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
    fn digest<'b>(&self, key: &str, digest: &'b str) -> std::borrow::Cow<'b, str> {
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
            return Err(self.request.bad("it has no name, and neither has the image there".to_owned()));
        }
        splices.extend(self.set(&self.shape.name, &new.behind(&image))?);
        Ok(splices)
    }

    /// The splices for the name. Empty if the name does not change.
    fn name(&self) -> Result<Vec<Splice>, EditError> {
        let wanted = self.request.wanted.name;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        if self.joined().as_deref() == Some(wanted) {
            let parts = [self.shape.prefix.as_ref(), Some(&self.shape.name)].into_iter().flatten();
            for key in parts.filter(|key| self.keys.text(key).is_some()) {
                self.file.addresses.below(&self.file.stream, self.found, &[Segment::Key(key.clone())]);
            }
            return Ok(Vec::new());
        }
        if self.selector == Some(self.shape.name.as_str()) {
            let reason =
                format!("another name would change the `{}` by which the image is found", self.shape.name);
            return Err(self.request.bad(reason));
        }
        if let Some(label) = self.keys.text("name").filter(|_| self.may_be_of_name()) {
            if self.joined().is_some_and(|joined| format!("{joined}/{label}") == wanted) {
                return Ok(Vec::new());
            }
            return Err(self.unknown());
        }
        let (prefix, rest) = self.split(wanted)?;
        let mut splices = self.prefix(prefix.as_deref())?;
        splices.extend(self.set(&self.shape.name, &rest)?);
        Ok(splices)
    }

    /// Whether the key `name` may be the last part of the image's name, as in Strimzi's charts.
    fn may_be_of_name(&self) -> bool {
        self.shape.prefix.as_deref() == Some("registry")
            && self.shape.name == "repository"
            && self.selector != Some("name")
    }

    fn prefix(&self, prefix: Option<&str>) -> Result<Vec<Splice>, EditError> {
        match (&self.shape.prefix, prefix) {
            (Some(key), Some(prefix)) => self.set(key, prefix),
            _ => Ok(Vec::new()),
        }
    }

    /// The prefix before the name, without a slash at its end.
    fn old_prefix(&self) -> Option<&str> {
        self.keys.text(self.shape.prefix.as_deref()?).map(|prefix| prefix.trim_end_matches('/'))
    }

    /// The image name that the chart renders now.
    fn joined(&self) -> Option<String> {
        let own = self.keys.text(&self.shape.name);
        let name = if self.shape.name == "newName" { own.or(self.keys.text("name")) } else { own }?;
        Some(self.old_prefix().map_or(name.to_owned(), |prefix| format!("{prefix}/{name}")))
    }

    /// Splits the wanted name into the new prefix, if it changes, and the rest.
    fn split(&self, wanted: &str) -> Result<(Option<String>, String), EditError> {
        let Some(prefix) = self.old_prefix() else { return Ok((None, wanted.to_owned())) };
        if let Some(rest) = wanted.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) {
            return Ok((None, rest.to_owned()));
        }
        let slash = self.keys.text(self.shape.prefix.as_deref().unwrap_or_default());
        let slash = if slash.is_some_and(|prefix| prefix.ends_with('/')) { "/" } else { "" };
        match Reference::host(wanted) {
            (Some(host), rest) if !prefix.contains('/') => {
                Ok((Some(format!("{host}{slash}")), rest.to_owned()))
            }
            (Some(_), _) => self.split_deep(wanted, slash),
            (None, rest) if matches!(prefix, "docker.io" | "index.docker.io") => Ok((None, rest.to_owned())),
            (None, _) => Err(self
                .request
                .bad(format!("it names no registry, and the image there has its own, `{prefix}`"))),
        }
    }

    /// Splits for a prefix of a host and more, such as `quay.io/shop`. The rest keeps its present number of parts.
    fn split_deep(&self, wanted: &str, slash: &str) -> Result<(Option<String>, String), EditError> {
        let old = self.keys.text(&self.shape.name).unwrap_or_default();
        // `repository` may be the whole name, and `image` a label.
        if self.old_prefix().is_some_and(|prefix| prefix.ends_with(&format!("/{old}"))) {
            return Err(self.unknown());
        }
        let cut = wanted.rmatch_indices('/').nth(old.matches('/').count()).map(|(at, _)| at);
        let cut = cut.ok_or_else(|| self.unknown())?;
        Ok((Some(format!("{}{slash}", &wanted[..cut])), wanted[cut + 1..].to_owned()))
    }

    fn unknown(&self) -> EditError {
        self.refuse(Refusal::UnknownShape { keys: self.keys.names().join(", ") })
    }

    fn refuse(&self, refusal: Refusal) -> EditError {
        refusal.at(self.file.stream.place(self.found.node), self.request.label)
    }

    fn set(&self, key: &str, value: &str) -> Result<Vec<Splice>, EditError> {
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
