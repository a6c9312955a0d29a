//! An image that the daemon pulls and extracts, before a build needs it.

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePull {
    /// The whole reference, such as `docker.io/library/busybox:1`.
    pub reference: String,
    /// `os/arch` or `os/arch/variant`; `None` for the daemon's own.
    pub platform: Option<String>,
}
