//! Copies images within and between registries, with no pull to the disk.
//!
//! Manifests are copied as the bytes that they are, so digests stay. What an image names is copied before the image
//! itself, and tags move last. A blob is asked for, then mounted from another repository of the registry, then copied as
//! a stream, in pieces of bounded size. Whatever may pass is tried again until the step's deadline: an overloaded
//! registry, a broken connection (also within a blob, which goes on from there), a token that expired.

mod blobs;
mod copied_layers;
pub(super) mod manifest;
mod memory;
pub(super) mod named;
mod presence;
mod progress;
mod reader;
pub(super) mod referrers;
pub(super) mod shared_layers;
mod signature_tags;
mod source;
pub(super) mod subset;
mod target;
mod tree;
mod tries;
mod upload;
mod write;

pub(super) use memory::CopyMemory;
pub use progress::CopyProgress;
pub use referrers::CopiedReferrers;
pub use source::SourceImage;
pub use target::CopyTarget;
pub(super) use tries::{Failed, Tries};
