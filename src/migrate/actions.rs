//! Workflows of GitHub Actions, Gitea Actions and Forgejo Actions.

mod events;
mod steps;

use super::found::{Found, Objects};
use super::pipeline::{Field, Pipeline};
use super::source::Node;
use super::term::{Scope, Term, resolve};
use super::verdict::Verdict;

/// The directories of workflows in a repository. The first two are those of forges that ignored some keys.
const DIRECTORIES: [&str; 3] = ["/.gitea/", "/.forgejo/", "/.github/"];

const WAS_IGNORED: &str = "Gitea Actions ignored it until now; here it takes effect";

/// Reads all workflows.
pub(super) fn read(objects: &Objects<'_>, found: &mut Found) {
    for source in objects.sources {
        let root = source.root();
        if root.get("jobs").is_some_and(|jobs| jobs.is_map()) && root.get("kind").is_none() {
            workflow(&root, objects, found);
        }
    }
}

/// The directory of a workflow, with slashes, and what is before it in the file's path.
fn place(root: &Node<'_>) -> (&'static str, Option<String>) {
    let path = format!("/{}", root.file());
    let found = DIRECTORIES.into_iter().find_map(|name| path.rfind(name).map(|at| (name, at)));
    let Some((name, at)) = found else { return ("", None) };
    let mut parts = path[..at].rsplit('/').filter(|part| !part.is_empty() && *part != "." && *part != "..");
    let full_name = parts.next().and_then(|repository| Some(format!("{}/{repository}", parts.next()?)));
    (name, full_name)
}

fn workflow<'a>(root: &Node<'a>, objects: &Objects<'a>, found: &mut Found) {
    let (directory, full_name) = place(root);
    let is_gitea = matches!(directory, "/.gitea/" | "/.forgejo/");
    let mut base = Pipeline::new(root.place());
    base.full_name.clone_from(&full_name);
    let mut scope = Scope::new();
    if let Some(full_name) = &full_name {
        let (owner, name) = full_name.split_once('/').unwrap_or(("", full_name.as_str()));
        for (key, text) in [
            ("github.repository", full_name.as_str()),
            ("env.GITHUB_REPOSITORY", full_name.as_str()),
            ("github.repository_owner", owner),
            ("github.event.repository.name", name),
        ] {
            scope.insert(key.to_owned(), Term { text: text.to_owned(), from: Vec::new() });
        }
    }
    if let Some(on) = root.get("on") {
        events::read(&on, &mut base);
    }
    environment(root, &mut scope);
    concurrency(root, &mut base);
    let mut builds = Vec::new();
    for (_, job) in root.get("jobs").map(|jobs| jobs.entries()).unwrap_or_default() {
        one_job(&job, &scope, is_gitea, &mut base, &mut builds, found);
    }
    if !builds.is_empty() || base.builds {
        found.hook.source = found.hook.source.or(Some(if is_gitea { "gitea" } else { "github" }));
    }
    if builds.is_empty() {
        found.take(base, objects.sources);
        return;
    }
    base.builds = false;
    for build in builds {
        found.take(joined(build, &base), objects.sources);
    }
}

/// A build with what the whole workflow says.
fn joined(build: Pipeline, base: &Pipeline) -> Pipeline {
    let mut joined = base.clone();
    joined.fields.extend(build.fields);
    joined.build_args.extend(build.build_args);
    joined.platforms = build.platforms;
    joined.extra_tags = build.extra_tags;
    joined.name = build.name;
    joined.origin = build.origin;
    joined.open.extend(build.open);
    joined.builds = true;
    joined
}

fn one_job<'a>(
    job: &Node<'a>,
    scope: &Scope<'a>,
    is_gitea: bool,
    base: &mut Pipeline,
    builds: &mut Vec<Pipeline>,
    found: &mut Found,
) {
    let mut scope = scope.clone();
    environment(job, &mut scope);
    limits(job, is_gitea, base);
    concurrency(job, base);
    for step in job.list("steps") {
        if !found.may_read() {
            return;
        }
        let mut inner = scope.clone();
        environment(&step, &mut inner);
        limits(&step, is_gitea, base);
        steps::read(&step, &inner, &mut scope, base, builds);
    }
}

/// The variables of a workflow, a job or a step.
fn environment<'a>(node: &Node<'a>, scope: &mut Scope<'a>) {
    for (name, value) in node.get("env").map(|env| env.entries()).unwrap_or_default() {
        let term = resolve(&value, scope);
        scope.insert(format!("env.{name}"), term);
    }
}

/// The time limit of a job or a step, and what happens after a failure.
fn limits(node: &Node<'_>, is_gitea: bool, out: &mut Pipeline) {
    if let Some(minutes) = node.get("timeout-minutes") {
        let what = if is_gitea {
            WAS_IGNORED
        } else {
            "the time of a job or a step; here it is that of the whole node"
        };
        match minutes.text() {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
                out.set_as(Field::Timeout, &Term::of(&minutes, format!("{text}m")), Some(what));
            }
            _ => minutes
                .by_hand("`parameters.timeout`: the files do not say the value; write it in services.yaml"),
        }
    }
    if let Some(goes_on) = node.get("continue-on-error") {
        match (goes_on.is_true(), is_gitea) {
            (false, _) if goes_on.text().is_some_and(|text| text.contains("${{")) => {
                goes_on.by_hand("a condition is never evaluated here; a failed step ends the node");
            }
            (false, _) => goes_on.direct("what follows a failed step does not run"),
            (true, false) => goes_on.by_hand("a failed step ends the node; give a template of your own `continueOn: {failed: true}`"),
            (true, true) => goes_on.by_hand(
                "Gitea Actions ignored it until now, and a failed step ended the job, as it ends the node here; `continueOn: {failed: true}` \
                 in a template of your own takes effect",
            ),
        }
    }
}

/// `concurrency: {group, cancel-in-progress}`.
fn concurrency(node: &Node<'_>, out: &mut Pipeline) {
    let Some(group) = node.get("concurrency") else { return };
    let differs =
        "`parameters.concurrency`: the line is the repository, the ref and the image, whatever the group was";
    if let Some(cancels) = group.get("cancel-in-progress") {
        out.supersedes = cancels.is_true();
        cancels.approximate(differs);
    }
    group.approximate(differs);
    group.mark_at(&["group"], Verdict::Approximate, differs);
}
