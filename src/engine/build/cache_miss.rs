//! Says why the first step that ran was not cached, though the last similar build had it.
//!
//! The daemon's history has the attributes of each request, and replays its vertices. A vertex's digest does not help: it contains the
//! commit of the context, and so changes with each commit, while the daemon caches by content. What a step depends on is compared
//! instead: its base image, which the name of `FROM` has with a digest; the files that it copies, by a diff of the two
//! commits; the build arguments, and the options of `RUN`. All that is read while the build runs.

mod compare;
mod copied;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tracing::debug;

use super::super::Engine;
use super::super::context::Cx;
use super::super::sanitize::without_expressions;
use super::inputs::Inputs;
use super::place::Place;
use super::solve::Built;
use crate::buildkit::{EarlierBuild, Solve};
use crate::git::advert::is_oid;
use crate::git::push_reader::{PushReader, PushedTrees};
use crate::pool::Member;
use crate::step::Build;
use crate::step::build::NoCache;
use crate::text;
use crate::time_limits::{calls, within};
use compare::{Comparison, Repository};

/// The attribute that similar builds share: a hash, because every client of the daemon can read it. The frontend ignores attributes that it
/// does not know.
const SIMILAR: &str = "argo-buildkit.service";
/// The attribute with the commit.
const COMMIT: &str = "argo-buildkit.commit";

/// The longest sentence, in bytes.
const LONGEST: usize = 2000;

/// The most vertices of a last build that is compared. They are held while the build runs, as the changed files are, and no budget
/// counts them.
const VERTICES: usize = 1000;
/// The most changed files.
const FILES: usize = 2000;
/// The most bytes of the paths of all changed files.
const PATHS: usize = 128 << 10;

/// The time after which the last build is read: a build whose steps are all cached ends before.
pub(super) const DELAY: Duration = Duration::from_millis(250);

/// The last similar build.
pub(super) struct Earlier {
    /// The daemon whose history has it.
    member: Member,
    build: EarlierBuild,
    commit: String,
    /// The files that have changed since; `None` if that is not known.
    changed: Option<Vec<String>>,
}

impl Earlier {
    /// The digest of its image.
    pub(super) fn image(&self) -> Option<String> {
        self.build.digest.clone()
    }
}

/// Lets later builds for the same `platforms` find this one. Returns the hash that similar builds share.
pub(super) fn mark(
    request: &mut Solve,
    build: &Build,
    platforms: &[String],
    inputs: &Inputs,
    cx: &Cx,
) -> String {
    let image = build.tags.first().map(|tag| tag.image.name());
    let similar = json!({
        // Nobody is told of another tenant's builds.
        "namespace": cx.workflow.namespace,
        "repo": build.context.repo.to_string(),
        "subdir": build.context.subdir,
        "dockerfile": build.dockerfile.path(),
        "target": build.target,
        "platforms": platforms,
        "image": image,
    });
    let similar = hex::encode(Sha256::digest(similar.to_string()));
    request.attrs.insert(SIMILAR.to_owned(), similar.clone());
    request.attrs.insert(COMMIT.to_owned(), inputs.sha.clone());
    similar
}

/// Reads the last build with the hash `similar` on the daemon at `place`, and what has changed up to the commit `sha`. `own_name`, the
/// beginning of the names of this job's builds, leaves those out. `None` if there is none, or if it is not known in time: a build never fails
/// because of it.
pub(super) async fn read(
    engine: &Engine,
    place: &Place,
    build: &Build,
    similar: String,
    own_name: String,
    sha: String,
    cx: &Cx,
) -> Option<Earlier> {
    // Its cache is the one that the build finds.
    let member = place.member().await?;
    let reading = async {
        let earlier = member.daemon.earlier_build((SIMILAR, similar.as_str()), &own_name).await;
        let Some(earlier) = earlier.map_err(|error| error.to_string())? else { return Ok(None) };
        if earlier.vertices.len() > VERTICES {
            return Err("the last build has too many steps".to_owned());
        }
        let commit = earlier.attrs.get(COMMIT).filter(|commit| is_oid(commit)).cloned();
        let commit = commit.ok_or("the last build names no commit")?;
        let changed = changed(engine, build, &commit, &sha, cx).await;
        Ok::<_, String>(Some(Earlier { member: member.clone(), build: earlier, commit, changed }))
    };
    let limit = calls::BUILDKIT_EARLIER.whole();
    let read = within(limit, "buildkitd and the Git server", Box::pin(reading)).await;
    let read = read.unwrap_or_else(|late| Err(late.to_string()));
    let note = |why: &String| debug!("the last similar build is not known: {}", cx.redactor.line(why));
    read.inspect_err(note).ok().flatten()
}

/// Whether a step ran that could have been cached.
pub(super) fn is_of_interest(build: &Build, built: &Built) -> bool {
    !built.is_cached() && !built.resumed && build.no_cache == NoCache::Off
}

/// The sentence about a build with the attributes `attrs`; empty if nothing is known.
pub(super) fn explain(
    build: &Build,
    inputs: &Inputs,
    built: &Built,
    attrs: &BTreeMap<String, String>,
    earlier: &Earlier,
) -> String {
    // A build that was lost may have moved to a daemon with another cache.
    if earlier.member != built.member {
        return String::new();
    }
    let Some(step) = compare::first_that_ran(&built.solved.vertices) else { return String::new() };
    let ignore = inputs.main.parts.ignore.as_deref();
    let excluded = |path: &str| ignore.is_some_and(|ignore| ignore.excludes(path));
    let repository = Repository {
        changed: earlier.changed.as_deref(),
        subdir: build.context.subdir.as_deref().unwrap_or_default(),
        dockerfile: build.dockerfile.path(),
        excluded: &excluded,
    };
    let comparison = Comparison {
        now: &built.solved.vertices,
        then: &earlier.build.vertices,
        attrs_now: attrs,
        attrs_then: &earlier.build.attrs,
        repository: &repository,
        lost: &lost(inputs, built),
    };
    let since = text::head(&earlier.commit, 12);
    let told =
        |why: String| format!("`{}` ran, since {why} (compared with the build of {since})", step.shown());
    let told = comparison.why(&step).map(told).unwrap_or_default();
    without_expressions(text::cut(told, LONGEST))
}

/// The caches that could not be read.
fn lost(inputs: &Inputs, built: &Built) -> Vec<String> {
    let absent = inputs.imports.absent.iter().map(|image| format!("the cache {image} is not there"));
    absent.chain(inputs.imports.left_out.iter().chain(&built.left_out.lines).cloned()).collect()
}

/// The files that differ between two commits; `None` if that is not known. They are read with the step's own login, since the commit in
/// the daemon's history could be anybody's.
async fn changed(engine: &Engine, build: &Build, before: &str, after: &str, cx: &Cx) -> Option<Vec<String>> {
    if before == after {
        return Some(Vec::new());
    }
    let context = &build.context;
    let credentials = engine.git_credentials(cx, &context.repo, context.secret.as_ref()).await.ok()?;
    let repo = context.repo.at_buildkit_url();
    let git = engine.tenant_git(cx);
    let mut reader = PushReader::new(&git, &repo, &credentials).await.ok()?;
    let PushedTrees::Both = reader.trees(before, after).await.ok()? else { return None };
    let files = reader.changed(before, after).await.ok()??;
    let bytes: usize = files.iter().map(Vec::len).sum();
    if files.len() > FILES || bytes > PATHS {
        return None;
    }
    Some(files.iter().map(|file| String::from_utf8_lossy(file).into_owned()).collect())
}
