//! Git contexts of a build: proves the right to read them, and selects the files that the build gets.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::Engine;
use super::super::context::Cx;
use super::submodules::{self, Submodule, is_within};
use super::{ignored, lfs};
use crate::buildkit::Ignore;
use crate::git::{Credentials, KeptRef, Snapshot};
use crate::outcome::StepError;
use crate::step::Build;
use crate::step::build::{Dockerfile, GitContext};

/// The build argument that keeps `.git` in the build context.
const KEEP_GIT_DIR: &str = "BUILDKIT_CONTEXT_KEEP_GIT_DIR";

/// A repository that the caller may read, with its commit, its login and the selected parts.
pub(super) struct Readable {
    pub(super) sha: String,
    /// The ref that resolved to the commit.
    pub(super) reference: Option<KeptRef>,
    /// When the commit was made, in seconds since 1970, if its header says so.
    pub(super) time: Option<u32>,
    pub(super) credentials: Credentials,
    /// The submodules; `None` if the daemon's own checkout is sufficient.
    pub(super) submodules: Option<Vec<Submodule>>,
    pub(super) parts: Parts,
}

/// The parts of a commit that a build gets.
#[derive(Default)]
pub(super) struct Parts {
    /// The patterns of excluded files.
    pub(super) ignore: Option<Arc<Ignore>>,
    /// Notes for the user.
    pub(super) notes: Vec<String>,
}

/// Proves the right to read `context` at exactly the address that BuildKit will read, and inspects the commit. Only the main
/// context has a `dockerfile`.
pub(super) async fn read(
    engine: &Engine,
    cx: &Cx,
    context: &GitContext,
    dockerfile: Option<&Dockerfile>,
) -> Result<Readable, StepError> {
    let credentials = engine.git_credentials(cx, &context.repo, context.secret.as_ref()).await?;
    let repo = context.repo.at_buildkit_url();
    let git = engine.tenant_git(cx);
    let mut top = git.open(&repo, &credentials, &context.revision).await?;
    let subdir = context.subdir.as_deref().unwrap_or_default();
    for base in BTreeSet::from(["", subdir]) {
        top.prefetch(base, &wanted(context)).await?;
    }
    let mut submodules = None;
    if context.submodules {
        let reader = submodules::SubmoduleReader { engine, cx, context, credentials: &credentials };
        submodules = Box::pin(reader.read(&mut top)).await?;
    }
    let mut roots = Roots { top: &mut top, submodules: submodules.as_deref_mut().unwrap_or_default() };
    roots.refuse_link(context).await?;
    let parts = Box::pin(roots.parts(context, dockerfile)).await?;
    submodules.iter_mut().flatten().for_each(|module| module.snapshot.clear());
    let (time, reference) = (top.time, top.reference);
    Ok(Readable { sha: top.sha, reference, time, credentials, submodules, parts })
}

/// Whether `.git` is kept at the context's root.
pub(super) fn keeps_git_dir(build: &Build) -> bool {
    // Accept the same values as Go's `strconv.ParseBool`.
    let argument = build.build_args.get(KEEP_GIT_DIR).map(String::as_str).unwrap_or_default();
    ["1", "t", "T", "TRUE", "true", "True"].contains(&argument)
}

/// The files to look up in a directory.
fn wanted(context: &GitContext) -> Vec<&'static str> {
    let wanted = [
        (context.submodules, ".gitmodules"),
        (context.dockerignore, ".dockerignore"),
        (true, ".gitattributes"),
    ];
    wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name).collect()
}

/// A commit and the commits of its submodules.
struct Roots<'a> {
    top: &'a mut Snapshot,
    submodules: &'a mut [Submodule],
}

impl Roots<'_> {
    async fn parts(
        &mut self,
        context: &GitContext,
        dockerfile: Option<&Dockerfile>,
    ) -> Result<Parts, StepError> {
        let subdir = context.subdir.as_deref().unwrap_or_default();
        let mut parts = Parts::default();
        if context.dockerignore {
            let ignore = self.ignored(subdir, ignored::own(dockerfile)).await?;
            parts.ignore = ignore.filter(|ignore| !ignore.patterns().is_empty()).map(Arc::new);
        }
        let (notes, ignore) = (&mut parts.notes, parts.ignore.as_ref());
        lfs::within_reason(async {
            let (root, base) = self.holding(subdir);
            notes.extend(lfs::note(root, &base, "", ignore).await?);
            for module in self.submodules.iter_mut().filter(|module| !is_within(subdir, &module.path)) {
                notes.extend(lfs::note(&mut module.snapshot, "", below(&module.path, subdir), ignore).await?);
            }
            Ok(())
        })
        .await;
        Ok(parts)
    }

    /// The ignore file `own`, which has priority, or that of the context. `own` may be in a submodule, as the Dockerfile may.
    async fn ignored(&mut self, subdir: &str, own: Option<String>) -> Result<Option<Ignore>, StepError> {
        if let Some(own) = own {
            let path = if subdir.is_empty() { own.clone() } else { format!("{subdir}/{own}") };
            let inside =
                |module: &&mut Submodule| is_within(&path, &module.path) && !is_within(subdir, &module.path);
            let module = self.submodules.iter_mut().rev().find(inside);
            let found = match module {
                Some(module) => {
                    ignored::read(&mut module.snapshot, "", below(&path, &module.path), &own).await?
                }
                None => {
                    let (root, base) = self.holding(subdir);
                    ignored::read(root, &base, &own, &own).await?
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        let (root, base) = self.holding(subdir);
        ignored::read(root, &base, ignored::NAME, ignored::NAME).await
    }

    /// A daemon before v0.19 follows a link in the context's directory, so the build would get files of another directory, with
    /// this one's `.dockerignore`. Later ones refuse it (buildkit `source/git/source.go`, `validateDirsOnly`).
    async fn refuse_link(&mut self, context: &GitContext) -> Result<(), StepError> {
        let Some(subdir) = &context.subdir else { return Ok(()) };
        let (root, base) = self.holding(subdir);
        let Some(link) = root.link_in(&base).await? else { return Ok(()) };
        let (repo, sha) = (root.repo(), &root.sha);
        Err(StepError::user(format!(
            "subdir `{subdir}` of {repo}: `{link}` is a symbolic link in {sha}; write the directory that it leads to"
        )))
    }

    /// The commit that contains the directory `path`, and the directory's path in that commit.
    fn holding(&mut self, path: &str) -> (&mut Snapshot, String) {
        // Nested submodules come after their parents, so search from the end.
        match self.submodules.iter_mut().rev().find(|module| is_within(path, &module.path)) {
            Some(module) => {
                let base = below(path, &module.path).to_owned();
                (&mut module.snapshot, base)
            }
            None => (self.top, path.to_owned()),
        }
    }
}

/// `path` relative to its parent directory `above`.
pub(super) fn below<'a>(path: &'a str, above: &str) -> &'a str {
    path.strip_prefix(above).unwrap_or(path).trim_start_matches('/')
}
