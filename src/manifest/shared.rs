//! Values that aliases use.

use super::error::Refusal;
use super::file::File;
use super::lookup::{Found, LookupError};
use super::stream::Stream;

/// The most aliases that a warning lists.
const MAX_PLACES: usize = 16;

/// Refuses a node that an alias uses, directly or as part of a collection, unless the edit may change it for all aliases.
pub(super) fn check(stream: &Stream, found: &Found) -> Result<(), LookupError> {
    let mut around = found.around.iter().chain([&found.node]).filter(|_| !stream.is_shared());
    let alias_of = |node: usize| Some((node, stream.anchor(node)?, stream.aliases_of(node).next()?));
    match around.find_map(|node| alias_of(*node)) {
        None => Ok(()),
        Some((node, name, alias)) => {
            let refusal = Refusal::Shared { name: name.to_owned(), alias: stream.place(alias) };
            Err(LookupError::Refused(stream.place(node), refusal))
        }
    }
}

/// Adds a warning with the aliases that change with the node at `found`.
pub(super) fn note(file: &File<'_>, found: &Found, label: &str) {
    let stream = &file.stream;
    for &node in found.around.iter().chain([&found.node]) {
        let Some(name) = stream.anchor(node) else { continue };
        let mut aliases = stream.aliases_of(node);
        let places: Vec<_> =
            aliases.by_ref().take(MAX_PLACES).map(|alias| stream.place(alias).to_string()).collect();
        if places.is_empty() {
            continue;
        }
        let more = aliases.count();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "`{label}` belongs to the anchor `&{name}`: what its aliases at {}{more} stand for is changed with it",
            places.join(", ")
        );
        file.notes.add(stream.place(found.node), text);
    }
}
