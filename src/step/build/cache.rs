//! The build cache: its imports, and its export.

use std::collections::HashSet;

use crate::oci::ImageRef;
use crate::step::form::ValueForm::{Any, Bool, Map, Maybe, Names, Word, Words};
use crate::step::form::{FieldTable, IMAGE, optional};
use crate::step::names::writable;
use crate::step::node::Node;
use crate::step::{InvalidStep, RegistryRef, files, form, names};

/// The cache of a build. By default only buildkitd's own cache is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cache {
    /// Whether the image carries its own cache metadata.
    pub inline: bool,
    /// Images and cache manifests to import from, each once. One without a tag is the target of `to`, whose tag follows from the
    /// branch.
    pub from: Vec<RegistryRef>,
    /// The export, if there is one.
    pub to: Option<CacheExport>,
    /// What the commit in `context.revision` is of: a branch, a tag or a full ref. A revision that is itself one of them decides
    /// alone.
    pub git_ref: Option<String>,
}

/// A cache manifest to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheExport {
    /// Its name in a registry, without a digest. With [`CacheWhen::Branch`] it may have no tag: the tag then follows from the
    /// branch.
    pub target: RegistryRef,
    /// The layers that are exported.
    pub mode: CacheMode,
    /// Whether the build succeeds although the export failed.
    pub ignore_error: bool,
    /// The builds that export.
    pub when: CacheWhen,
}

/// The layers of a build that are exported (buildkit `README.md`, "Export cache").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// The layers of the image.
    #[default]
    Min,
    /// The layers of every stage.
    Max,
}

/// The builds that export their cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheWhen {
    /// Those that built something new, or whose cache is not there.
    #[default]
    Changed,
    /// All of them.
    Always,
    /// Of those that changed, only those of a branch: not of a tag, and not of a pull request.
    Branch,
}

/// The fields of `cache`.
pub(super) const CACHE: &FieldTable = &FieldTable::of(&[
    optional("inline", Bool),
    optional("from", Words(&Maybe(&IMAGE))),
    optional("to", Any(&[Word, Map(CACHE_TO)])),
    optional("git-ref", Word),
]);

/// The fields of `cache.to`.
const CACHE_TO: &FieldTable = &FieldTable::of(&[
    optional("ref", Word),
    optional("mode", Names(MODE_NAMES)),
    optional("ignore-error", Bool),
    optional("insecure", Bool),
    optional("when", Names(WHEN_NAMES)),
]);

const MODES: &[(&str, CacheMode)] = &[("min", CacheMode::Min), ("max", CacheMode::Max)];

const MODE_NAMES: &[&str] = &form::names::<_, { MODES.len() }>(MODES);

const WHENS: &[(&str, CacheWhen)] =
    &[("changed", CacheWhen::Changed), ("always", CacheWhen::Always), ("branch", CacheWhen::Branch)];

/// The names of [`CacheWhen`].
pub(crate) const WHEN_NAMES: &[&str] = &form::names::<_, { WHENS.len() }>(WHENS);

impl Cache {
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(CACHE)?;
        let inline = fields.switch("inline", false)?;
        let to = fields.or_default("to", CacheExport::read)?;
        let from = fields.or_default("from", |node| imports(node, to.as_ref()))?;
        let git_ref = fields.optional("git-ref").map(|node| node.checked(files::revision)).transpose()?;
        Ok(Self { inline, from, to, git_ref })
    }
}

impl CacheExport {
    /// Whether each branch has a cache of its own, with a tag that is made from the branch's name.
    pub fn is_by_branch(&self) -> bool {
        self.target.image.tag().is_none()
    }

    /// Reads `{ref, mode, …}`, or the reference alone. An empty reference means no export.
    fn read(node: Node<'_>) -> Result<Option<Self>, InvalidStep> {
        if !names::is_map(&node) {
            let target = writable(&node, RegistryRef::read(node.clone())?)?;
            let (mode, when) = Default::default();
            return Ok(Some(Self { target, mode, ignore_error: true, when }));
        }
        let here = node.clone();
        let mut fields = node.fields(CACHE_TO)?;
        let image: Option<ImageRef> = fields.optional("ref").map(Node::parsed).transpose()?;
        let mode = fields.or_default("mode", |node| node.one_of(MODES))?;
        let ignore_error = fields.switch("ignore-error", true)?;
        let insecure = fields.switch("insecure", false)?;
        let when = fields.or_default("when", |node| node.one_of(WHENS))?;
        let export = |image| {
            let written = RegistryRef { image, insecure };
            let target = if when == CacheWhen::Branch { written } else { written.tagged() };
            Ok(Self { target: writable(&here, target)?, mode, ignore_error, when })
        };
        image.map(export).transpose()
    }
}

fn imports(node: Node<'_>, to: Option<&CacheExport>) -> Result<Vec<RegistryRef>, InvalidStep> {
    let (mut imports, mut seen) = (Vec::new(), HashSet::new());
    for item in node.words()?.into_iter().filter(|item| !item.is_absent()) {
        let written = RegistryRef::read_as_written(item)?;
        let is_target = to.is_some_and(|to| to.is_by_branch() && to.target.image == written.image);
        let import = if is_target { written } else { written.tagged() };
        if seen.insert(import.image.clone()) {
            imports.push(import);
        }
    }
    Ok(imports)
}
