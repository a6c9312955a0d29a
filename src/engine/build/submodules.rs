//! Reads submodules. Each is a source of its own: its access is proven as for the repository, with a login for its own server.
//!
//! BuildKit's checkout with submodules has no login for submodules over https. Once it has fetched them, it does not check
//! whether this caller may read them, and it keeps a submodule's first address (`source/git/source.go`). So it is not used.

mod login;

use std::collections::VecDeque;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::super::Engine;
use super::super::context::Cx;
use crate::git::{Credentials, EntryType, GitError, RepoUrl, Snapshot, submodules};
use crate::outcome::StepError;
use crate::step::build::GitContext;
use login::{advice, without_login};

/// The largest number of submodules of one context. The largest repositories have some 200.
const MAX: usize = 256;
/// The largest nesting depth of submodules.
const MAX_DEPTH: usize = 8;
/// The largest number of concurrent requests to servers.
const AT_A_TIME: usize = 8;
/// The maximum size in bytes of the objects that are held of all submodules of a context. Those of further submodules are dropped,
/// and read again when they are needed.
const MAX_HELD: usize = 4 << 20;

/// A submodule that the caller may read.
pub(super) struct Submodule {
    /// The submodule's directory, relative to the root of the context's repository.
    pub(super) path: String,
    pub(super) snapshot: Snapshot,
    pub(super) credentials: Credentials,
}

/// A submodule, as its parent commit names it.
struct SubmoduleLink {
    path: String,
    depth: usize,
    url: String,
    above: RepoUrl,
    sha: String,
}

/// Reads the submodules of `context`.
pub(super) struct SubmoduleReader<'a> {
    pub(super) engine: &'a Engine,
    pub(super) cx: &'a Cx,
    pub(super) context: &'a GitContext,
    /// The login for the context's own server.
    pub(super) credentials: &'a Credentials,
}

impl SubmoduleReader<'_> {
    /// Reads the submodules that the build needs, parents before nested ones. `None` if the commit names none; then the daemon's
    /// own checkout is sufficient.
    pub(super) async fn read(&self, top: &mut Snapshot) -> Result<Option<Vec<Submodule>>, StepError> {
        let Some(first) = self.named_in(top, "", 1).await? else { return Ok(None) };
        let mut count = first.len();
        if count > MAX {
            return Err(self.too_many());
        }
        let (mut waiting, mut all, mut held) = (VecDeque::from([first]), Vec::<Submodule>::new(), 0);
        while let Some(level) = waiting.pop_front() {
            // Nothing is awaited in the loop: the other requests would stand still meanwhile, and their time limits would not.
            let mut opened = stream::iter(level).map(|named| Box::pin(self.open(named))).buffered(AT_A_TIME);
            while let Some((mut submodule, below)) = opened.try_next().await? {
                count += below.as_ref().map_or(0, Vec::len);
                if count > MAX {
                    return Err(self.too_many());
                }
                waiting.extend(below);
                held += submodule.snapshot.held();
                if held > MAX_HELD {
                    submodule.snapshot.clear();
                }
                all.push(submodule);
            }
        }
        Ok(Some(all))
    }

    fn too_many(&self) -> StepError {
        let repo = &self.context.repo;
        StepError::user(format!(
            "{repo} has more than {MAX} submodules; set `submodules: false`, and name those that are needed under `contexts`"
        ))
    }

    /// The submodules of the commit in the directory `at` that the context needs; `None` without a `.gitmodules`.
    async fn named_in(
        &self,
        snapshot: &mut Snapshot,
        at: &str,
        depth: usize,
    ) -> Result<Option<Vec<SubmoduleLink>>, StepError> {
        // Git does not follow a symbolic link here either.
        let Some(file) =
            snapshot.find("", ".gitmodules", false).await?.filter(|f| f.entry_type == EntryType::File)
        else {
            return Ok(None);
        };
        let bytes = snapshot.file(&file).await?;
        let modules = submodules::read(&String::from_utf8_lossy(&bytes));
        // Each submodule may need the read of another directory.
        if modules.len() > 4 * MAX {
            return Err(self.too_many());
        }
        let mut named = Vec::new();
        for module in modules {
            let path = if at.is_empty() { module.path.clone() } else { format!("{at}/{}", module.path) };
            let again = named.iter().any(|named: &SubmoduleLink| named.path == path);
            if module.skipped || again || !self.needs(&path) {
                continue;
            }
            // An entry that the tree lacks is left over from another commit.
            let found = snapshot.find("", &module.path, false).await?;
            let Some(commit) = found.filter(|found| found.entry_type == EntryType::Commit) else { continue };
            if depth > MAX_DEPTH {
                return Err(StepError::user(format!(
                    "submodule `{path}` of {} is the {depth}th within each other, and {MAX_DEPTH} are read; set `submodules: false`",
                    self.context.repo
                )));
            }
            named.push(SubmoduleLink {
                path,
                depth,
                url: module.url,
                above: snapshot.repo().clone(),
                sha: commit.id,
            });
        }
        Ok(Some(named))
    }

    /// Whether `path` is in the context's directory, or contains it.
    fn needs(&self, path: &str) -> bool {
        let subdir = self.context.subdir.as_deref().unwrap_or_default();
        subdir.is_empty() || is_within(path, subdir) || is_within(subdir, path)
    }

    /// Opens a submodule, and reads which submodules it names.
    async fn open(&self, named: SubmoduleLink) -> Result<(Submodule, Option<Vec<SubmoduleLink>>), StepError> {
        let SubmoduleLink { path, depth, url, above, sha } = named;
        let context = |why: &str| format!("submodule `{path}` of {above} ({}): {why}", without_login(&url));
        let repo = submodules::address(&above, &url).map_err(|error| {
            StepError::user(context(&format!(
                "{error}; mend it in `.gitmodules`, or set `submodules: false`"
            )))
        })?;
        let namespace = &self.cx.workflow.namespace;
        self.engine
            .tenancy
            .permits_repository(namespace, "build.context.submodules", &repo)
            .map_err(|refused| StepError::user(context(&format!("{refused}; or set `submodules: false`"))))?;
        let login = self.login(&repo).await;
        let credentials = login.map_err(|error| StepError { message: context(&error.message), ..error })?;
        let opened = self.opened(&repo, credentials, &sha).await;
        let (mut snapshot, credentials) = opened.map_err(|error| {
            let why = if error.is_unknown_there() { advice(&repo) } else { String::new() };
            StepError::new(error.fault(), context(&format!("{error}{why}")))
        })?;
        snapshot.shrink();
        let below = self.named_in(&mut snapshot, &path, depth + 1).await?;
        snapshot.shrink();
        Ok((Submodule { path, snapshot, credentials }, below))
    }

    /// Opens the commit. A public repository is also tried without the login, which may be valid for other servers only.
    async fn opened(
        &self,
        repo: &RepoUrl,
        credentials: Credentials,
        sha: &str,
    ) -> Result<(Snapshot, Credentials), GitError> {
        let git = self.engine.tenant_git(self.cx);
        match git.open(repo, &credentials, sha).await {
            Err(refused)
                if refused.is_unknown_there() && matches!(credentials, Credentials::Basic { .. }) =>
            {
                let open = git.open(repo, &Credentials::Anonymous, sha).await;
                open.map(|snapshot| (snapshot, Credentials::Anonymous)).map_err(|_| refused)
            }
            opened => opened.map(|snapshot| (snapshot, credentials)),
        }
    }
}

/// Whether `path` is the directory `above` or is in it.
pub(super) fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
