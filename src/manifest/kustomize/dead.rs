//! Refuses entries of `images` that kustomize would never read.

use crate::manifest::error::{EditError, Position, Refusal};
use crate::manifest::file::File;
use crate::manifest::lookup;
use crate::manifest::stream::Stream;
use crate::manifest::trail::{child, text};

/// The fields of a Kustomization or a Component (kustomize, api/types/kustomization.go).
const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "bases",
    "components",
    "crds",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
    "inventory",
];

/// An entry of `images`.
pub(super) struct Named<'a> {
    pub(super) place: Position,
    pub(super) name: &'a str,
    pub(super) new_name: Option<&'a str>,
}

/// All entries of the file that have a name.
pub(super) fn entries(stream: &Stream) -> Vec<Named<'_>> {
    let lists = stream.roots().filter_map(|root| child(stream, root, "images"));
    let items = lists.filter(|list| stream.is_list(*list)).flat_map(|list| stream.children(list));
    items
        .filter_map(|item| {
            let (name, new_name) = (text(stream, item, "name")?, text(stream, item, "newName"));
            Some(Named { place: stream.place(item), name, new_name })
        })
        .collect()
}

/// Refuses a new entry for the image `name` if kustomize finds that image by another name.
pub(super) fn check_name(file: &File<'_>, name: &str, label: &str) -> Result<(), EditError> {
    let all = entries(&file.stream);
    if let Some(entry) = all.iter().find(|entry| entry.new_name == Some(name)) {
        let why = format!(
            "`{name}` is the `newName` of the entry `{}`, and kustomize finds images by their `name`",
            entry.name
        );
        let mend = format!("write `kustomize:{}:…`", entry.name);
        return Err(Refusal::DeadEntry { why, mend }.at(entry.place, label));
    }
    Ok(())
}

/// Refuses a file whose `images` nothing would read.
pub(super) fn check_file(file: &File<'_>, label: &str) -> Result<(), EditError> {
    let stream = &file.stream;
    for root in lookup::roots(stream) {
        let odd = match text(stream, root.node, "kind") {
            Some("Kustomization" | "Component") => None,
            Some(kind) => Some(format!("its `kind` is `{kind}`")),
            None => keys(stream, root.node)
                .find(|key| !FIELDS.contains(key))
                .map(|key| format!("a kustomization has no `{key}`")),
        };
        if let Some(odd) = odd {
            let why = format!("this is no kustomization ({odd}), so that nothing would read its `images`");
            let mend = "name a kustomization, or set the image where it is written".to_owned();
            return Err(Refusal::DeadEntry { why, mend }.at(stream.place(root.node), label));
        }
    }
    Ok(())
}

fn keys(stream: &Stream, node: usize) -> impl Iterator<Item = &str> {
    let pairs = stream.is_mapping(node).then(|| stream.pairs(node)).into_iter().flatten();
    pairs.filter_map(|(key, _)| stream.scalar(key))
}
