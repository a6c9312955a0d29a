//! The strings of `kustomize.images` in Applications and `.argocd-source` files: `[OLD=]NAME[:TAG][@DIGEST]`
//! (argo-cd, pkg/apis/application/v1alpha1, `KustomizeImage`).

use super::Entry;
use crate::manifest::error::{EditError, NamedPositions, Position, Refusal};
use crate::manifest::file::File;
use crate::manifest::lookup::Found;
use crate::manifest::reference::Reference;
use crate::manifest::splice::Splice;
use crate::manifest::{Edit, FileProblem, KustomizeField, argocd, scalar};

/// The splice that sets `entry` in the string for its name, or adds that string. None if the file is not one of Argo CD,
/// or has no such list and gets none.
pub(super) fn plan(
    file: &File<'_>,
    entry: &Entry<'_>,
    edit: &Edit,
    label: &str,
) -> Option<Result<Vec<Splice>, EditError>> {
    let stream = &file.stream;
    let all = argocd::images(file);
    if all.is_empty() && !argocd::has_kustomize(file) {
        return None;
    }
    let string = |found: &Found| stream.scalar(found.node).unwrap_or_default().to_owned();
    let place = |found: &Found| stream.place(found.node);
    let places = |all: &[&Found]| NamedPositions::of(all.iter().map(|found| (place(found), string(found))));
    let hits: Vec<&Found> = all.iter().filter(|found| split(&string(found)).0 == entry.name).collect();
    Some(match hits.as_slice() {
        [hit] => set(file, hit, entry, label),
        [] if edit.create => add(file, entry, edit, label),
        [] => {
            let has = places(&all.iter().collect::<Vec<_>>());
            let at = all.first().map_or(Position::START, place);
            Err(Refusal::NoImage { has }.at(at, label))
        }
        [hit, ..] => Err(Refusal::Several { places: places(&hits) }.at(place(hit), label)),
    })
}

/// The splice that adds the string of `entry`.
fn add(file: &File<'_>, entry: &Entry<'_>, edit: &Edit, label: &str) -> Result<Vec<Splice>, EditError> {
    let image = match entry.value(KustomizeField::NewName) {
        Some(new_name) => format!("{}={new_name}", entry.name),
        None => entry.name.to_owned(),
    };
    let edit = Edit { value: entry.version().append_to(&image), ..edit.clone() };
    argocd::add_image(file, &edit, label)
}

fn set(file: &File<'_>, hit: &Found, entry: &Entry<'_>, label: &str) -> Result<Vec<Splice>, EditError> {
    let place = file.stream.place(hit.node);
    let Some(old) = file.stream.scalar(hit.node) else { return Err(FileProblem::Empty.at(Position::START)) };
    let (name, image) = split(old);
    let old_image = Reference::split(image);
    let new_name = entry.value(KustomizeField::NewName).unwrap_or(old_image.name);
    let version = match entry.version() {
        none if none.tag.is_none() && none.digest.is_none() => old_image.version(),
        wanted => wanted.over(old_image.version()).map_err(|refusal| refusal.at(place, label))?,
    };
    let before = if old.contains('=') || new_name != name { format!("{name}=") } else { String::new() };
    let value = version.append_to(&format!("{before}{new_name}"));
    Ok(scalar::set(file, hit, &value, label, false)?.into_iter().collect())
}

/// Splits an entry into the name by which it is found, and the image that it sets.
fn split(entry: &str) -> (&str, &str) {
    entry.split_once('=').unwrap_or((Reference::split(entry).name, entry))
}
