//! Sets the name of an image that is a mapping of parts. A chart may join the name from two keys.

use super::parts::Parts;
use crate::manifest::error::EditError;
use crate::manifest::path::Segment;
use crate::manifest::reference::Reference;
use crate::manifest::splice::Splice;

impl Parts<'_> {
    /// The splices for the name. Empty if the name does not change.
    pub(super) fn name(&self) -> Result<Vec<Splice>, EditError> {
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

    pub(super) fn prefix(&self, prefix: Option<&str>) -> Result<Vec<Splice>, EditError> {
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
    pub(super) fn split(&self, wanted: &str) -> Result<(Option<String>, String), EditError> {
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
}
