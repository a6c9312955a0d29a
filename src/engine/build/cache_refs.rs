//! The caches of a build that follow from what Git calls its commit.
//!
//! Whoever writes a cache decides what later builds get for equal steps. So each branch may have a cache of its own, and what is
//! neither a branch nor a tag, such as a pull request, never writes a cache that the others read.

use tracing::warn;

use super::super::Engine;
use super::super::context::Cx;
use super::cache_tags;
use crate::git::advert::is_oid;
use crate::git::{KeptRef, RefNames};
use crate::outcome::StepError;
use crate::step::build::{Cache, CacheExport, CacheWhen, Platform};
use crate::step::{Build, RegistryRef};

/// What Git calls the commit that is built.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GitName {
    /// A branch, which has the commit; its full name.
    Branch(String),
    /// A tag.
    Tag,
    /// Another ref, such as a pull request's; its full name. Nobody need have reviewed the commit.
    Other(String),
    /// Not known, with the reason.
    Unknown(String),
}

impl GitName {
    fn of(full: &str) -> Self {
        match full {
            branch if branch.starts_with("refs/heads/") => Self::Branch(branch.to_owned()),
            tag if tag.starts_with("refs/tags/") => Self::Tag,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether a build of it writes a cache that other builds read.
    fn writes_shared_cache(&self, when: CacheWhen) -> bool {
        match self {
            Self::Branch(_) => true,
            Self::Tag => when != CacheWhen::Branch,
            Self::Other(_) | Self::Unknown(_) => false,
        }
    }
}

/// What was read about the commit's names, before the commit itself was.
#[derive(Debug, Default)]
pub(super) struct CommitNames {
    /// The full name of the default branch, if a cache depends on it and the server says it.
    default_branch: Option<String>,
    /// The name of a commit that the step names by its id; `None` if it names a ref.
    name: Option<GitName>,
}

/// A cache that is written, and read by later builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CacheTarget {
    /// Its name.
    pub(super) cache: RegistryRef,
    /// The only platform whose steps it has; `None` for all of the build.
    pub(super) platform: Option<Platform>,
}

/// The caches of a build that follow from its commit, and from the daemons that build it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CacheRefs {
    /// Caches to read besides those that the step names. They need not be there.
    pub(super) own: Vec<CacheTarget>,
    /// Caches to write.
    pub(super) to: Vec<CacheTarget>,
    /// Why nothing is written, if that is not what the step asks for.
    pub(super) note: Option<String>,
}

/// The caches to read that have their name from the step alone. If each platform is built by itself, it reads a cache of its own instead
/// of the one that is written.
pub(super) fn named(cache: &Cache, by_platform: bool) -> Vec<RegistryRef> {
    let is_written = |from: &RegistryRef| cache.to.as_ref().is_some_and(|to| to.target.image == from.image);
    cache
        .from
        .iter()
        .filter(|from| from.image.tag().is_some() || from.image.digest().is_some())
        .filter(|from| !(by_platform && is_written(from)))
        .cloned()
        .collect()
}

impl CommitNames {
    /// Asks the Git server, if a cache depends on its answer. A server that does not answer does not end the build.
    pub(super) async fn read(engine: &Engine, build: &Build, cx: &Cx) -> Self {
        let (step_commit, Some(to)) = (StepCommit::of(build), &build.cache.to) else {
            return Self::default();
        };
        if !is_asked(to, &step_commit) {
            return Self { default_branch: None, name: step_commit.unasked() };
        }
        match ask(engine, build, to, &step_commit, cx).await {
            Ok(names) => names,
            Err(error) => {
                warn!("the caches of the branch are not known: {}", cx.redactor.line(&error.message));
                let why =
                    format!("the Git server did not say which branch has the commit: {}", error.message);
                Self { default_branch: None, name: step_commit.unanswered(to, why) }
            }
        }
    }

    /// The caches of `build`. `reference` is the ref that its revision named. With `by_platform`, each platform is built by itself, and has
    /// caches of its own: one of all platforms would be that of the last one.
    pub(super) fn refs(self, build: &Build, reference: Option<&KeptRef>, by_platform: bool) -> CacheRefs {
        let Some(to) = &build.cache.to else { return CacheRefs::default() };
        let resolved = || match reference {
            Some(reference) => GitName::of(reference.name()),
            None => GitName::Unknown("the Git server did not say what the revision is".to_owned()),
        };
        let name = self.name.unwrap_or_else(resolved);
        let default_branch = self.default_branch.as_deref();
        let own = own(build, to, &name, default_branch, by_platform);
        let whole = |cache: RegistryRef| match by_platform {
            true => of_platforms(&cache, &build.platforms),
            false => vec![CacheTarget { cache, platform: None }],
        };
        let (targets, note) = match (to.when, name) {
            (CacheWhen::Branch, GitName::Branch(full)) if to.is_by_branch() => {
                (of_branch(&to.target, &full, &build.platforms), None)
            }
            (CacheWhen::Branch, GitName::Branch(_)) => (whole(to.target.clone()), None),
            (CacheWhen::Branch, GitName::Unknown(why)) => {
                (Vec::new(), Some(format!("the cache was not exported: {why}")))
            }
            (CacheWhen::Branch, GitName::Tag | GitName::Other(_)) => (Vec::new(), None),
            (_, GitName::Other(full)) => (of_other(&to.target, &full).map(whole).unwrap_or_default(), None),
            (_, _) => (whole(to.target.clone()), None),
        };
        CacheRefs { own, to: targets, note }
    }
}

/// The commit and the name that the step gives.
struct StepCommit<'a> {
    /// The id of the commit; `None` if the step names a ref.
    commit: Option<String>,
    /// What it is of, as the step says.
    git_ref: Option<&'a str>,
}

impl<'a> StepCommit<'a> {
    fn of(build: &'a Build) -> Self {
        let commit = Some(build.context.revision.to_ascii_lowercase()).filter(|revision| is_oid(revision));
        // A commit is no name of a commit.
        let git_ref = build.cache.git_ref.as_deref().filter(|name| !is_oid(&name.to_ascii_lowercase()));
        Self { git_ref: git_ref.filter(|_| commit.is_some()), commit }
    }

    /// The name, where the step is believed.
    fn unasked(&self) -> Option<GitName> {
        self.commit.as_ref().map(|_| match self.git_ref {
            Some(full) => GitName::of(full),
            None => GitName::Unknown(
                "`context.revision` is a commit; say of which branch it is with `cache.git-ref`".to_owned(),
            ),
        })
    }

    /// The name, if the server did not answer. A short name could be a pull request's.
    fn unanswered(&self, to: &CacheExport, why: String) -> Option<GitName> {
        self.commit.as_ref().map(|_| match self.git_ref {
            Some(name) if to.when != CacheWhen::Branch => GitName::Other(format!("refs/{name}")),
            _ => GitName::Unknown(why),
        })
    }
}

/// Whether the Git server is asked: for the default branch, for what a short name means, and whether that has the commit.
fn is_asked(to: &CacheExport, step_commit: &StepCommit<'_>) -> bool {
    match to.when {
        CacheWhen::Branch => to.is_by_branch() || step_commit.git_ref.is_some(),
        CacheWhen::Always | CacheWhen::Changed => {
            step_commit.git_ref.is_some_and(|name| !name.starts_with("refs/"))
        }
    }
}

async fn ask(
    engine: &Engine,
    build: &Build,
    to: &CacheExport,
    step_commit: &StepCommit<'_>,
    cx: &Cx,
) -> Result<CommitNames, StepError> {
    let context = &build.context;
    let credentials = engine.git_credentials(cx, &context.repo, context.secret.as_ref()).await?;
    let repo = context.repo.at_buildkit_url();
    let git = engine.git.of(engine.tenancy.tenant(&cx.workflow));
    let RefNames { default_branch, found } = git.ref_names(&repo, &credentials, step_commit.git_ref).await?;
    let (Some(commit), Some(git_ref)) = (&step_commit.commit, step_commit.git_ref) else {
        return Ok(CommitNames { default_branch, name: step_commit.unasked() });
    };
    let name = match found {
        Some(found) => {
            let name = GitName::of(&found.name);
            if name.writes_shared_cache(to.when)
                && !git.contains(&repo, &credentials, &found.id, commit).await?
            {
                without_commit(to.when, git_ref, commit)
            } else {
                name
            }
        }
        None if to.when == CacheWhen::Branch && git_ref.starts_with("refs/") => match GitName::of(git_ref) {
            GitName::Branch(_) => GitName::Unknown(format!("there is no branch `{git_ref}`")),
            name => name,
        },
        None if to.when == CacheWhen::Branch => {
            GitName::Unknown(format!("there is no branch and no tag `{git_ref}`"))
        }
        None => GitName::Other(format!("refs/{git_ref}")),
    };
    Ok(CommitNames { default_branch, name: Some(name) })
}

/// What a commit is that the branch or tag `git_ref` does not have. A branch in a fork may have any name.
fn without_commit(when: CacheWhen, git_ref: &str, commit: &str) -> GitName {
    match when {
        CacheWhen::Branch => GitName::Unknown(format!(
            "the branch `{git_ref}` does not have the commit {commit}; correct `cache.git-ref`"
        )),
        CacheWhen::Always | CacheWhen::Changed => GitName::Other(format!("refs/{git_ref}")),
    }
}

/// The caches to read that follow from the commit: of its branch and of the default branch, or of its pull request. With `by_platform`, also
/// those of each platform.
fn own(
    build: &Build,
    to: &CacheExport,
    name: &GitName,
    default_branch: Option<&str>,
    by_platform: bool,
) -> Vec<CacheTarget> {
    let Some(from) = build.cache.from.iter().find(|from| from.image == to.target.image) else {
        return Vec::new();
    };
    if to.is_by_branch() {
        let branch = match name {
            GitName::Branch(full) => Some(full.as_str()),
            GitName::Tag | GitName::Other(_) | GitName::Unknown(_) => None,
        };
        let default_branch = default_branch.filter(|default| Some(*default) != branch);
        let branches = branch.into_iter().chain(default_branch);
        return branches.flat_map(|full| of_branch(from, full, &build.platforms)).collect();
    }
    let other = match name {
        GitName::Other(full) if to.when != CacheWhen::Branch => of_other(from, full),
        _ => None,
    };
    if !by_platform {
        return other.into_iter().map(|cache| CacheTarget { cache, platform: None }).collect();
    }
    let caches = other.into_iter().chain([from.clone()]);
    caches.flat_map(|cache| of_platforms(&cache, &build.platforms)).collect()
}

/// The caches of the branch `full` in the repository `at`: one, or one for each of several platforms.
fn of_branch(at: &RegistryRef, full: &str, platforms: &[Platform]) -> Vec<CacheTarget> {
    let target = |platform: Option<&Platform>| {
        let image = at.image.with_tag(&cache_tags::of_branch(full, platform))?;
        Some(CacheTarget { cache: RegistryRef { image, insecure: at.insecure }, platform: platform.cloned() })
    };
    match platforms {
        [] | [_] => target(None).into_iter().collect(),
        several => several.iter().filter_map(|platform| target(Some(platform))).collect(),
    }
}

/// The caches of each of `platforms` instead of `whole`.
fn of_platforms(whole: &RegistryRef, platforms: &[Platform]) -> Vec<CacheTarget> {
    let target = |platform: &Platform| {
        let tag = cache_tags::of_platform(whole.image.target(), platform);
        let cache = RegistryRef { image: whole.image.with_tag(&tag)?, insecure: whole.insecure };
        Some(CacheTarget { cache, platform: Some(platform.clone()) })
    };
    platforms.iter().filter_map(target).collect()
}

/// The cache of the ref `full`, which is no branch, instead of `shared`.
fn of_other(shared: &RegistryRef, full: &str) -> Option<RegistryRef> {
    let tag = cache_tags::of_other(shared.image.target(), full);
    Some(RegistryRef { image: shared.image.with_tag(&tag)?, insecure: shared.insecure })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};

    use super::*;
    use crate::step::Step;

    const COMMIT: &str = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";

    fn build(cache: Value, platforms: &str) -> Build {
        let context = json!({"repo": "https://git.example/a", "revision": COMMIT});
        let fields =
            json!({"context": context, "tags": "reg.example/a:1", "cache": cache, "platforms": platforms});
        match crate::step::parse(&json!({ "build": fields })).unwrap() {
            Step::Build(build) => *build,
            other => panic!("{other:?}"),
        }
    }

    /// The names of the caches that a build of `full` reads for itself and writes.
    fn caches(build: &Build, full: &str) -> (Vec<String>, Vec<String>) {
        caches_of(build, full, false)
    }

    fn caches_of(build: &Build, full: &str, by_platform: bool) -> (Vec<String>, Vec<String>) {
        let default_branch = Some("refs/heads/main".to_owned());
        let refs = CommitNames { default_branch, name: Some(GitName::of(full)) };
        let refs = refs.refs(build, None, by_platform);
        let read = refs.own.iter().map(|target| target.cache.image.to_string());
        let written = refs.to.iter().map(|target| target.cache.image.to_string());
        (read.collect(), written.collect())
    }

    #[test]
    fn a_branch_has_a_cache_and_reads_the_default_branchs() {
        let by_branch =
            build(json!({"from": "c.example/a", "to": {"ref": "c.example/a", "when": "branch"}}), "");
        let main = vec!["c.example/a:main".to_owned()];
        assert_eq!(caches(&by_branch, "refs/heads/main"), (main.clone(), main.clone()));
        let both = vec!["c.example/a:dev".to_owned(), "c.example/a:main".to_owned()];
        assert_eq!(caches(&by_branch, "refs/heads/dev"), (both, vec!["c.example/a:dev".to_owned()]));
        for other in ["refs/tags/v1", "refs/pull/1/head"] {
            assert_eq!(caches(&by_branch, other), (main.clone(), vec![]), "{other}");
        }
        let unread = build(json!({"to": {"ref": "c.example/a", "when": "branch"}}), "");
        assert_eq!(caches(&unread, "refs/heads/dev"), (vec![], vec!["c.example/a:dev".to_owned()]));
        let tagged =
            build(json!({"from": "c.example/a:x", "to": {"ref": "c.example/a:x", "when": "branch"}}), "");
        assert_eq!(caches(&tagged, "refs/heads/dev"), (vec![], vec!["c.example/a:x".to_owned()]));
        assert_eq!(caches(&tagged, "refs/tags/v1"), (vec![], vec![]));
    }

    #[test]
    fn several_platforms_have_a_cache_each() {
        let cache = json!({"from": "c.example/a", "to": {"ref": "c.example/a", "when": "branch"}});
        let two = build(cache, "linux/amd64,linux/arm64");
        let names = ["c.example/a:main..linux-amd64", "c.example/a:main..linux-arm64"].map(str::to_owned);
        assert_eq!(caches(&two, "refs/heads/main"), (names.to_vec(), names.to_vec()));
        let refs = CommitNames { default_branch: None, name: Some(GitName::of("refs/heads/main")) };
        let platforms: Vec<_> =
            refs.refs(&two, None, false).to.into_iter().filter_map(|to| to.platform).collect();
        assert_eq!(platforms, two.platforms);
    }

    /// Their solves would write over each other's cache.
    #[test]
    fn platforms_that_are_built_one_by_one_have_a_cache_each() {
        let of = |tag: &str| ["amd64", "arm64"].map(|arch| format!("c.example/a:{tag}..linux-{arch}"));
        let platforms = "linux/amd64,linux/arm64";
        let two = build(json!({"from": "c.example/a:x,c.example/b:y", "to": "c.example/a:x"}), platforms);
        assert_eq!(caches_of(&two, "refs/heads/main", true), (of("x").to_vec(), of("x").to_vec()));
        let names = |by_platform| {
            let named = named(&two.cache, by_platform).into_iter();
            named.map(|cache| cache.image.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(false), ["c.example/a:x", "c.example/b:y"]);
        assert_eq!(names(true), ["c.example/b:y"]);
        // A pull request writes its own caches, and reads the shared ones too.
        let (read, written) = caches_of(&two, "refs/pull/1/head", true);
        assert!(written.iter().all(|cache| cache.starts_with("c.example/a:x-pull-1-head..")), "{written:?}");
        assert_eq!((read.len(), &read[..2], &read[2..]), (4, &written[..], &of("x")[..]));
        // Those of branches are the same, whichever daemons build.
        let cache = json!({"from": "c.example/a", "to": {"ref": "c.example/a", "when": "branch"}});
        let branch = build(cache, platforms);
        assert_eq!(caches_of(&branch, "refs/heads/dev", true), caches(&branch, "refs/heads/dev"));
        let unread = build(json!({"to": "c.example/a:x"}), platforms);
        assert_eq!(caches_of(&unread, "refs/heads/main", true), (vec![], of("x").to_vec()));
    }

    #[test]
    fn a_commit_is_of_no_branch_unless_the_step_says_so() {
        let cache = |when: &str, git_ref: &str| {
            build(json!({"to": {"ref": "c.example/a", "when": when}, "git-ref": git_ref}), "")
        };
        for git_ref in ["", COMMIT] {
            let build = cache("branch", git_ref);
            assert!(StepCommit::of(&build).git_ref.is_none());
            let names = CommitNames { default_branch: None, name: StepCommit::of(&build).unasked() };
            let refs = names.refs(&build, None, false);
            assert!(refs.to.is_empty() && refs.note.is_some_and(|note| note.contains("`cache.git-ref`")));
        }
        // Without a word about the commit, the cache is written as the step says.
        let build = cache("changed", "");
        let names = CommitNames { default_branch: None, name: StepCommit::of(&build).unasked() };
        assert_eq!(names.refs(&build, None, false).to[0].cache.image.to_string(), "c.example/a:latest");
    }

    #[test]
    fn the_server_is_asked_only_for_what_only_it_knows() {
        for (when, tag, git_ref, asked) in [
            ("changed", "", "", false),
            ("changed", "", "refs/pull/1/head", false),
            ("always", "", "refs/heads/main", false),
            ("changed", "", "main", true),
            ("branch", "", "", true),
            ("branch", ":x", "", false),
            ("branch", ":x", "refs/heads/main", true),
        ] {
            let to = json!({"ref": format!("c.example/a{tag}"), "when": when});
            let build = build(json!({"to": to, "git-ref": git_ref}), "");
            let is_asked = is_asked(build.cache.to.as_ref().unwrap(), &StepCommit::of(&build));
            assert_eq!(is_asked, asked, "{when} {tag} {git_ref}");
        }
    }

    /// A pull request's build, whatever the step says and the server answers.
    #[test]
    fn what_nobody_has_reviewed_writes_no_cache_that_others_read() {
        let names = |when: &str, tag: &str| {
            let name = format!("c.example/a{tag}");
            build(json!({"from": name, "to": {"ref": name, "when": when}}), "")
        };
        for (when, tag) in
            [("changed", ""), ("always", ""), ("changed", ":pr-1"), ("branch", ":x"), ("branch", "")]
        {
            let build = names(when, tag);
            let mut trusted: Vec<_> = build.cache.from.iter().map(|from| from.image.to_string()).collect();
            for name in ["main", "dev", "pr-1", "pull/1/head", "latest-pull-1-head", "latest"] {
                let (read, written) = caches(&build, &format!("refs/heads/{name}"));
                trusted.extend(read.into_iter().chain(written));
            }
            for pull in
                ["refs/pull/1/head", "refs/pull/1/merge", "refs/merge-requests/1/head", "refs/for/main"]
            {
                let (read, written) = caches(&build, pull);
                assert_eq!(written.len(), usize::from(when != "branch"), "{when} {tag} {pull}");
                assert!(written.iter().all(|cache| !trusted.contains(cache)), "{written:?} {trusted:?}");
                if when != "branch" {
                    assert_eq!(read, written, "it reads what it wrote");
                }
            }
        }
        // The branch of a fork has the name of one of ours.
        let forged = names("always", "");
        let name = Some(without_commit(CacheWhen::Always, "main", COMMIT));
        let refs = CommitNames { default_branch: None, name }.refs(&forged, None, false);
        assert!(refs.to[0].cache.image.to_string().starts_with("c.example/a:latest-main.."));
        // The server did not answer, and a short name could be a pull request's.
        let silent = build(json!({"to": "c.example/a", "git-ref": "pull/1/head"}), "");
        let to = silent.cache.to.clone().unwrap();
        let name = StepCommit::of(&silent).unanswered(&to, "away".to_owned());
        let refs = CommitNames { default_branch: None, name }.refs(&silent, None, false);
        assert_ne!(refs.to[0].cache.image.to_string(), "c.example/a:latest");
    }
}
