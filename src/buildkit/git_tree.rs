//! A checkout that a build reads.

/// The files of a commit, or of one directory in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitTree {
    /// The clone URL, without credentials.
    pub url: String,
    /// The commit, in full.
    pub sha: String,
    /// The directory; the root when absent.
    pub subdir: Option<String>,
    /// Whether submodules are checked out.
    pub submodules: bool,
    /// Whether `.git` stays.
    pub keep_git_dir: bool,
    /// Whether files have the time of the commit instead of the checkout's.
    pub commit_time: bool,
    /// What the daemon asks the session for.
    pub login: GitLogin,
}

/// How a checkout logs in, by what it asks the session for. Whoever knows an id can have its secret mounted in a `RUN` of
/// the same build, so give ids that nobody can guess.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GitLogin {
    /// Not at all.
    #[default]
    None,
    /// By an `Authorization` header, which is the session's secret of this id.
    Header {
        /// The secret's id.
        id: String,
    },
    /// By an ssh key of this id, from a server with one of these keys.
    Ssh {
        /// The key's id.
        id: String,
        /// Lines as in `~/.ssh/known_hosts`; without them any server is taken.
        known_hosts: Option<String>,
    },
}
