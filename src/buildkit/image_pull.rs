//! An image that the daemon pulls and extracts, before a build needs it.

/// What the name of the step that pulls an image begins with. No step of a Dockerfile has such a name.
pub(super) const STEP: &str = "pull ";

/// What the name of the step begins with that needs the image's files.
pub(super) const EXTRACT: &str = "extract ";

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePull {
    /// The whole reference, such as `docker.io/library/busybox:1`.
    pub reference: String,
    /// `os/arch` or `os/arch/variant`; `None` for the daemon's own.
    pub platform: Option<String>,
}
