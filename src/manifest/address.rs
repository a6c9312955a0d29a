//! The address of a scalar, whatever target led to it. Two edits of one scalar have one address.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::lookup::Found;
use super::path::{Path, Segment};
use super::stream::Stream;
use super::{lookup, object, trail};

/// The most addresses of one file. Each costs a search of the whole file, and a line of a commit's message.
const MAX: usize = 256;

/// The addresses of the scalars that edits found, whether or not they changed them.
#[derive(Debug, Default)]
pub(super) struct Addresses(RefCell<BTreeSet<String>>);

impl Addresses {
    /// Records the node `found`.
    pub(super) fn node(&self, stream: &Stream, found: &Found) {
        self.below(stream, found, &[]);
    }

    /// Records the node at `steps` below `found`. It need not exist yet.
    pub(super) fn below(&self, stream: &Stream, found: &Found, steps: &[Segment]) {
        if self.0.borrow().len() > MAX {
            return;
        }
        let chain = found.chain();
        self.0.borrow_mut().insert(address(stream, &chain, steps));
    }

    /// Records addresses inside the text of the scalar `found`.
    pub(super) fn inside(&self, stream: &Stream, found: &Found, inner: impl IntoIterator<Item = String>) {
        let chain = found.chain();
        let outer = address(stream, &chain, &[]);
        self.0.borrow_mut().extend(inner.into_iter().map(|inner| format!("{outer}|{inner}")));
    }

    /// Records a path in a file without a document.
    pub(super) fn path(&self, path: &Path) {
        self.0.borrow_mut().insert(path.to_string());
    }

    /// All recorded addresses. Empty when there are more than [`MAX`].
    pub(super) fn all(&self) -> BTreeSet<String> {
        let all = self.0.borrow();
        if all.len() > MAX { BTreeSet::new() } else { all.clone() }
    }
}

/// Formats an address: a path, after the object that the path starts in. In a file of several documents without names,
/// the number of the document replaces the object. `chain` leads from the root of a document down to a node.
fn address(stream: &Stream, chain: &[usize], steps: &[Segment]) -> String {
    let (start, before) = beginning(stream, chain);
    let down = chain[start..].windows(2).map(|pair| trail::segment(stream, pair[0], pair[1]));
    let path = Path::new(down.chain(steps.iter().cloned()).collect());
    format!("{before}{path}")
}

/// The index in `chain` where the path starts, and the text before the path.
pub(super) fn beginning(stream: &Stream, chain: &[usize]) -> (usize, String) {
    let all = object::all(stream);
    let mut own = all.iter().filter_map(|object| chain.iter().position(|node| *node == object.node));
    let name = own.next().and_then(|at| Some((at, object::name(stream, chain[at])?)));
    if let Some((at, name)) = name {
        let same = all.iter().filter(|other| object::name(stream, other.node).as_ref() == Some(&name));
        if same.count() == 1 {
            return (at, format!("{name}:"));
        }
    }
    let roots = lookup::roots(stream);
    let number = roots.iter().position(|root| chain.first() == Some(&root.node));
    match number {
        Some(number) if roots.len() > 1 => (0, format!("#{number}:")),
        _ => (0, String::new()),
    }
}
