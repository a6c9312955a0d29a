//! The build cache: its imports, and its export.

use std::collections::HashSet;

use crate::step::form::ValueForm::{Any, Bool, Map, Maybe, Names, Word, Words};
use crate::step::form::{FieldTable, IMAGE, optional};
use crate::step::names::writable;
use crate::step::node::Node;
use crate::step::{InvalidStep, RegistryRef, form, names};

/// The cache of a build. By default only buildkitd's own cache is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cache {
    /// Whether the image carries its own cache metadata.
    pub inline: bool,
    /// Images and cache manifests to import from, each once.
    pub from: Vec<RegistryRef>,
    /// The export, if there is one.
    pub to: Option<CacheExport>,
}

/// A cache manifest to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheExport {
    /// Its name in a registry, with a tag and without a digest.
    pub target: RegistryRef,
    /// The layers that are exported.
    pub mode: CacheMode,
    /// Whether the build succeeds although the export failed.
    pub ignore_error: bool,
    /// Whether to export even if everything was cached and the manifest exists.
    pub always: bool,
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

/// The fields of `cache`.
pub(super) const CACHE: &FieldTable = &FieldTable::of(&[
    optional("inline", Bool),
    optional("from", Words(&Maybe(&IMAGE))),
    optional("to", Any(&[Word, Map(CACHE_TO)])),
]);

/// The fields of `cache.to`.
const CACHE_TO: &FieldTable = &FieldTable::of(&[
    optional("ref", Word),
    optional("mode", Names(MODE_NAMES)),
    optional("ignore-error", Bool),
    optional("insecure", Bool),
    optional("always", Bool),
]);

const MODES: &[(&str, CacheMode)] = &[("min", CacheMode::Min), ("max", CacheMode::Max)];

const MODE_NAMES: &[&str] = &form::names::<_, { MODES.len() }>(MODES);

impl Cache {
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(CACHE)?;
        Ok(Self {
            inline: fields.switch("inline", false)?,
            from: fields.or_default("from", imports)?,
            to: fields.or_default("to", CacheExport::read)?,
        })
    }
}

impl CacheExport {
    /// Reads `{ref, mode, …}`, or the reference alone. An empty reference means no export.
    fn read(node: Node<'_>) -> Result<Option<Self>, InvalidStep> {
        if !names::is_map(&node) {
            let target = writable(&node, RegistryRef::read(node.clone())?)?;
            return Ok(Some(Self { target, mode: CacheMode::Min, ignore_error: false, always: false }));
        }
        let here = node.clone();
        let mut fields = node.fields(CACHE_TO)?;
        let image = fields.optional("ref").map(|node| names::image(node, "")).transpose()?;
        let mode = fields.or_default("mode", |node| node.one_of(MODES))?;
        let ignore_error = fields.switch("ignore-error", false)?;
        let insecure = fields.switch("insecure", false)?;
        let always = fields.switch("always", false)?;
        let export = |image| {
            let target = writable(&here, RegistryRef { image, insecure })?;
            Ok(Self { target, mode, ignore_error, always })
        };
        image.map(export).transpose()
    }
}

fn imports(node: Node<'_>) -> Result<Vec<RegistryRef>, InvalidStep> {
    let (mut imports, mut seen) = (Vec::new(), HashSet::new());
    for item in node.words()?.into_iter().filter(|item| !item.is_absent()) {
        let import = RegistryRef::read(item)?;
        if seen.insert(import.image.clone()) {
            imports.push(import);
        }
    }
    Ok(imports)
}
