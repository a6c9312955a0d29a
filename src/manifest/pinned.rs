//! Warns about tags that are set by their own path, beside a digest that decides which image runs.

use super::lookup::{self, Found, Lookup};
use super::path::{Path, Segment};
use super::shape::{DIGESTS, Keys, TAGS};
use super::{Edit, Target, file::File, trail};

/// Adds a warning if a digest beside the tag at `path`, which `edit` sets, decides which image runs. `with` makes the target of another path.
pub(super) fn warn(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    edit: &Edit,
    all: &[Edit],
    with: impl Fn(Path) -> Target,
) {
    let Some((Segment::Key(key), parent)) = path.segments().split_last() else { return };
    if !TAGS.contains(&key.as_str()) {
        return;
    }
    let Ok(Lookup::Found(found)) = lookup::look(&file.stream, starts, &Path::new(parent.to_vec()), "") else {
        return;
    };
    let place = file.stream.place(found.node);
    let old = trail::text(&file.stream, found.node, key).unwrap_or_default();
    if old.contains("@sha256:") && !edit.value.contains('@') {
        file.notes.add(
            place,
            format!("`{path}` held a digest, and the new value has none: the image is no longer pinned"),
        );
    }
    let keys = Keys::of(&file.stream, file.stream.resolved(found.node));
    let at = |key: &str| Path::new([parent, &[Segment::Key(key.to_owned())]].concat());
    let is_set = |key: &str| all.iter().any(|edit| edit.target == with(at(key)));
    for digest in keys.pins(DIGESTS).filter(|digest| !is_set(digest)) {
        let digest = at(digest);
        file.notes.add(place, format!("`{path}` is set, but `{digest}` still decides which image runs; set it too, or both with `image:`"
        ));
    }
}
