//! The two programs of a Git server.

/// A program of a Git server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    /// The verb for error messages.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::UploadPack => "read",
            Self::ReceivePack => "push to",
        }
    }

    /// The right that a login needs for it.
    pub(crate) fn scope_hint(self) -> &'static str {
        match self {
            Self::UploadPack => {
                "give the token read access to the repository (Gitea scope `read:repository`)"
            }
            Self::ReceivePack => {
                "give the token write access (Gitea scope `write:repository`) and its owner write permission"
            }
        }
    }
}
