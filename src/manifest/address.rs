//! Where a scalar stands, whatever target led to it: two edits of one scalar have one address.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::lookup::Found;
use super::path::{Path, Segment};
use super::stream::Stream;
use super::{lookup, object, trail};

/// Addresses of one file. Each takes a look at the whole file, and a line of a commit's message.
const MAX: usize = 256;

/// The addresses that edits came to, whether or not they changed what is there.
#[derive(Debug, Default)]
pub(super) struct Reached(RefCell<BTreeSet<String>>);

impl Reached {
    /// Notes the node `found`.
    pub(super) fn node(&self, stream: &Stream, found: &Found) {
        self.below(stream, found, &[]);
    }

    /// Notes what `steps` lead to from `found`, which may not be there yet.
    pub(super) fn below(&self, stream: &Stream, found: &Found, steps: &[Segment]) {
        if self.0.borrow().len() > MAX {
            return;
        }
        let chain = [found.around.as_slice(), &[found.node]].concat();
        self.0.borrow_mut().insert(address(stream, &chain, steps));
    }

    /// Notes addresses in the text of the scalar `found`.
    pub(super) fn inside(&self, stream: &Stream, found: &Found, inner: impl IntoIterator<Item = String>) {
        let chain = [found.around.as_slice(), &[found.node]].concat();
        let outer = address(stream, &chain, &[]);
        self.0.borrow_mut().extend(inner.into_iter().map(|inner| format!("{outer}|{inner}")));
    }

    /// Notes a path in a file without a document.
    pub(super) fn path(&self, path: &Path) {
        self.0.borrow_mut().insert(path.to_string());
    }

    /// All of them; none where there are too many.
    pub(super) fn all(&self) -> BTreeSet<String> {
        let all = self.0.borrow();
        if all.len() > MAX { BTreeSet::new() } else { all.clone() }
    }
}

/// A path; before it the object that it begins in, or where there are several documents without a name the number of
/// the one that it begins in. `chain` leads from the root of a document down to a node.
fn address(stream: &Stream, chain: &[usize], steps: &[Segment]) -> String {
    let (start, before) = beginning(stream, chain);
    let down = chain[start..].windows(2).map(|pair| trail::segment(stream, pair[0], pair[1]));
    let path = Path::new(down.chain(steps.iter().cloned()).collect());
    format!("{before}{path}")
}

/// From which node of `chain` the path goes, and what stands before it.
fn beginning(stream: &Stream, chain: &[usize]) -> (usize, String) {
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
