//! What a step names that a policy governs, field by field. docs/agent-tenants.md says of every field why it is here,
//! or why not.

use super::canonical::{self, Odd};
use super::lists::Sort;
use crate::git::RepoUrl;
use crate::step::build::{Cache, NamedContext, Network};
use crate::step::{Build, RegistryRef, Step, UpdateManifest};

/// One name in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) sort: Sort,
    /// The field, such as `build.tags`.
    pub(super) field: &'static str,
    /// As it was written; no secret.
    pub(super) written: String,
    pub(super) canonical: Result<String, Odd>,
}

impl Named {
    fn new(sort: Sort, field: &'static str, written: String) -> Self {
        let canonical = sort.canonical(&written);
        Self { sort, field, written, canonical }
    }

    /// Whether it came from `text`, in which an output to come has a stand-in.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        text.contains(&self.written)
    }
}

/// Everything that `step` names, but for the entries of `steps`, which are steps of their own.
pub(super) fn of(step: &Step) -> Vec<Named> {
    match step {
        Step::Build(build) => of_build(build),
        Step::UpdateManifest(update) => of_update(update),
        // Its own namespace's workflows alone; and entries are looked at one by one.
        Step::Supersede(_) | Step::Steps(_) => Vec::new(),
    }
}

// Both are taken apart whole, so that a new field is decided on before it compiles.

fn of_build(build: &Build) -> Vec<Named> {
    let Build {
        context,
        contexts,
        tags,
        cache,
        network,
        cgroup_parent,
        // Their text is the build's own: it names no place outside it, but what its `RUN` may reach anyhow.
        dockerfile: _,
        target: _,
        platforms: _,
        build_args: _,
        labels: _,
        annotations: _,
        no_cache: _,
        extra_hosts: _,
        shm_size: _,
        ulimits: _,
        compression: _,
        media_types: _,
        source_date_epoch: _,
        rewrite_timestamp: _,
        // The workflow's own namespace's, by its account's rights.
        secrets: _,
        ssh: _,
        registry_secret: _,
        // Whether it is pushed or not, a tag may be named; the log goes where the first tag does.
        push: _,
        attach_log: _,
    } = build;
    let image = |sort, field| move |image: &RegistryRef| Named::new(sort, field, image.image.name());
    let repository = |field| move |repo: &RepoUrl| Named::new(Sort::Repositories, field, repo.to_string());
    let contexts = contexts.values().map(|context| match context {
        NamedContext::Git(git) => repository("build.contexts")(&git.repo),
        // A Dockerfile's own `FROM` the daemon checks, by the same list.
        NamedContext::Image(image) => Named::new(Sort::Images, "build.contexts", image.name()),
    });
    let Cache { from, to, inline: _ } = cache;
    let export = to.iter().map(|export| &export.target);
    let host = (*network == Network::Host).then(|| "network: host".to_owned());
    let cgroup = cgroup_parent.as_ref().map(|parent| format!("cgroup-parent: {parent}"));
    std::iter::once(&context.repo)
        .map(repository("build.context"))
        .chain(contexts)
        .chain(tags.iter().map(image(Sort::Push, "build.tags")))
        .chain(from.iter().map(image(Sort::Cache, "build.cache.from")))
        .chain(export.map(image(Sort::Cache, "build.cache.to")))
        .chain(host.map(|host| Named::new(Sort::HostNetwork, "build.network", host)))
        .chain(cgroup.map(|cgroup| Named::new(Sort::HostNetwork, "build.cgroup-parent", cgroup)))
        .collect()
}

fn of_update(update: &UpdateManifest) -> Vec<Named> {
    let UpdateManifest {
        repo,
        source,
        forge,
        refresh,
        // Content of that repository.
        branch: _,
        targets: _,
        message: _,
        author: _,
        committer: _,
        skip_ci: _,
        commit: _,
        mode: _,
        via_api: _,
        // Words for the commit: no registry is asked.
        image: _,
        // The workflow's own namespace's, by its account's rights.
        secret: _,
        signing_key: _,
    } = update;
    let repository = |field, repo: &RepoUrl| Named::new(Sort::Repositories, field, repo.to_string());
    let source = source.as_ref().map(|source| repository("update-manifest.source.repo", &source.repo));
    let url = forge.url.as_ref().filter(|url| !is_at(url, repo));
    let forge = url.map(|url| Named::new(Sort::Forges, "update-manifest.forge.url", url.clone()));
    let application = refresh.as_ref().map(|application| {
        let name = format!("{}/{}", application.namespace, application.name);
        Named::new(Sort::Applications, "update-manifest.refresh", name)
    });
    let own = repository("update-manifest.repo", repo);
    [Some(own), source, forge, application].into_iter().flatten().collect()
}

/// Whether the API is on the repository's own server, which is talked to anyhow.
fn is_at(url: &str, repo: &RepoUrl) -> bool {
    let (Ok(api), Ok(repo)) = (canonical::url(url), canonical::repository(&repo.to_string())) else {
        return false;
    };
    canonical::origin_of(&api) == canonical::origin_of(&repo)
}
