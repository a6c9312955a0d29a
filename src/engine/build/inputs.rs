//! Collects the inputs of a build: commits, logins, secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::super::Engine;
use super::super::context::Cx;
use super::super::tenancy::CacheAccess;
use super::cache_refs::{self, CacheRefs, CacheTarget, CommitNames};
use super::dates;
use super::imports::Imports;
use super::sources::{self, Parts, Readable};
use super::submodules::Submodule;
use super::totals::Totals;
use crate::buildkit::{GitLogin, GitTree, Module, ReadImages, Session, Solve, Transcript};
use crate::git::{Credentials, KeptRef};
use crate::oci::{Auth, LazyClient, PullAnswers};
use crate::outcome::StepError;
use crate::step::Build;
use crate::step::build::{CacheWhen, GitContext, NamedContext, Platform};

/// Contexts that are read at a time: a step may name a thousand, and each has submodules.
const AT_A_TIME: usize = 8;

/// All inputs that were read for one build.
pub(super) struct Inputs {
    /// The build context's commit, which the caller may read.
    pub(super) sha: String,
    /// The checkout of the build context.
    pub(super) main: Checkout,
    /// The checkouts of the named contexts that are repositories.
    pub(super) named: BTreeMap<String, Checkout>,
    /// The creation time of the image, in seconds since 1970, if the step sets it.
    pub(super) epoch: Option<u32>,
    /// Registry logins.
    pub(super) auth: Arc<Auth>,
    /// The caches to import.
    pub(super) imports: Imports,
    /// Those that follow from the build itself. A cache of one platform is of use for that platform only.
    pub(super) own_caches: Vec<CacheTarget>,
    /// The caches to export.
    pub(super) exports: Vec<CacheTarget>,
    /// Why nothing is exported, if that is not what the step asks for.
    pub(super) unexported: Option<String>,
    /// The prefix for the ids of cache mounts, if the daemon also serves other namespaces.
    pub(super) cache_mounts: Option<String>,
    /// The images that the build may read; see [`crate::buildkit::Solve::allowed_images`].
    pub(super) images: Option<Vec<String>>,
    secrets: BTreeMap<String, SecretSlice<u8>>,
    client: LazyClient,
    ssh: BTreeMap<String, SecretString>,
    /// The registries that the step marks as insecure.
    insecure: BTreeSet<String>,
    /// The registries' responses, shared by all solves of the build.
    pulls: PullAnswers,
}

/// A commit that the caller may read, the daemon's login for it, and the parts that the build gets.
#[derive(Default)]
pub(super) struct Checkout {
    pub(super) sha: String,
    pub(super) login: GitLogin,
    /// The branch or tag that the step names, for a kept `.git`.
    pub(super) reference: Option<KeptRef>,
    /// When the commit was made, in seconds since 1970, if its header says so.
    pub(super) time: Option<u32>,
    pub(super) parts: Parts,
    /// The submodules to place into the repository; `None` if the daemon's own checkout is sufficient.
    pub(super) modules: Option<Vec<Module>>,
}

impl Inputs {
    /// Reads all inputs concurrently. The first error ends the step. `by_platform` says that each platform is built by itself.
    pub(super) async fn gather(
        engine: &Engine,
        build: &Build,
        by_platform: bool,
        cx: &Cx,
    ) -> Result<Self, StepError> {
        cx.now(format!("checking the right to read {}", build.context.repo));
        let (turns, totals) = (&Semaphore::new(AT_A_TIME), &Totals::default());
        let contexts = try_join_all(git_contexts(build).map(|(name, context)| async move {
            // Never closed.
            let _turn = turns.acquire().await;
            let dockerfile = name.is_none().then_some(&build.dockerfile);
            // Boxed, because in a debug build the future would not fit a worker's stack.
            let readable = Box::pin(sources::read(engine, cx, context, dockerfile)).await?;
            totals.add_context(&readable)?;
            Ok::<_, StepError>((name, readable))
        }));
        let secrets = try_join_all(build.secrets.iter().map(|secret| async move {
            let value = engine.secret_bytes(cx, &secret.secret).await?;
            totals.add_value(value.expose_secret().len())?;
            Ok::<_, StepError>((secret.id.clone(), value))
        }));
        let ssh = try_join_all(build.ssh.iter().map(|key| async move {
            let value = engine.secret_value(cx, &key.secret).await?;
            totals.add_value(value.expose_secret().len())?;
            Ok::<_, StepError>((key.id.clone(), value))
        }));
        let registries = registries(engine, build, by_platform, cx);
        // Boxed, because few builds ask.
        let names = async { Ok::<_, StepError>(Box::pin(CommitNames::read(engine, build, cx)).await) };
        let (contexts, secrets, ssh, (auth, mut imports), names) =
            tokio::try_join!(contexts, secrets, ssh, registries, names)?;
        // The first one is the build context.
        let reference = contexts.first().and_then(|(_, main)| main.reference.as_ref());
        let CacheRefs { own, to: exports, note: unexported } = names.refs(build, reference, by_platform);
        let auth = match exports.is_empty() {
            true => auth,
            false => with_cache(engine, build, cx, auth, CacheAccess::Write),
        };
        if !own.is_empty() {
            let caches: Vec<_> = own.iter().map(|own| own.cache.clone()).collect();
            imports.probe_own(engine, &caches, &auth).await;
        }
        let mut inputs = Self {
            sha: String::new(),
            main: Checkout::default(),
            named: BTreeMap::new(),
            epoch: None,
            auth: Arc::new(auth),
            imports,
            own_caches: own,
            exports,
            unexported,
            cache_mounts: engine.tenancy.cache_mounts(&cx.workflow.namespace),
            images: engine.tenancy.images(&cx.workflow.namespace),
            secrets: secrets.into_iter().collect(),
            client: engine.registry.client(),
            ssh: ssh.into_iter().collect(),
            insecure: insecure(build),
            pulls: PullAnswers::default(),
        };
        for (name, readable) in contexts {
            inputs.admit(name, readable);
        }
        inputs.epoch = dates::epoch(build, &inputs.sha, inputs.main.time)?;
        Ok(inputs)
    }

    /// The session with everything that the daemon may request during the build.
    pub(super) fn session(&self, transcript: &Transcript) -> Session {
        Session {
            secrets: self.secrets.clone(),
            registries: self.auth.clone(),
            client: self.client.clone(),
            ssh: self.ssh.clone(),
            insecure: self.insecure.clone(),
            pulls: self.pulls.clone(),
            read: ReadImages::default(),
            transcript: transcript.clone(),
        }
    }

    /// Every commit that the build reads.
    pub(super) fn commits(&self) -> impl Iterator<Item = &str> {
        let checkouts = std::iter::once(&self.main).chain(self.named.values());
        checkouts.flat_map(|checkout| {
            let modules = checkout.modules.iter().flatten().map(|module| module.tree.sha.as_str());
            std::iter::once(checkout.sha.as_str()).chain(modules)
        })
    }

    /// Removes the caches that are of no use for `platform` from those that `solve` imports.
    pub(super) fn keep_caches_for(&self, platform: &Platform, solve: &mut Solve) {
        let is_of_use = |cache: &String| self.is_of_use(cache, platform);
        solve.cache_from.retain(|from| from.attrs.get("ref").is_none_or(is_of_use));
    }

    /// Whether the cache with the name `cache` is of use for `platform` alone.
    fn is_of_use(&self, cache: &str, platform: &Platform) -> bool {
        let mut own = self.own_caches.iter().filter(|own| own.cache.image.to_string() == cache);
        own.all(|own| own.platform.as_ref().is_none_or(|only| only == platform))
    }

    /// Whether the step marks the registry as insecure.
    pub(super) fn is_insecure(&self, registry: &str) -> bool {
        self.insecure.contains(registry)
    }

    fn admit(&mut self, name: Option<&str>, readable: Readable) {
        let login = self.login(readable.credentials);
        let modules = readable.submodules.map(|submodules| self.modules(submodules));
        let Readable { sha, reference, time, parts, .. } = readable;
        let checkout = Checkout { sha, reference, time, login, parts, modules };
        match name {
            None => (self.sha, self.main) = (checkout.sha.clone(), checkout),
            Some(name) => drop(self.named.insert(name.to_owned(), checkout)),
        }
    }

    /// Submodules with the same login share its id, because each id is a secret of the session.
    fn modules(&mut self, submodules: Vec<Submodule>) -> Vec<Module> {
        let mut logins = BTreeMap::new();
        let module = |Submodule { path, snapshot, credentials }: Submodule| {
            let login = logins.entry(credentials.fingerprint()).or_insert_with(|| self.login(credentials));
            let (url, sha) = (snapshot.repo().to_string(), snapshot.sha.clone());
            Module { path, tree: GitTree { url, sha, login: login.clone(), ..GitTree::default() } }
        };
        submodules.into_iter().map(module).collect()
    }

    /// Adds the login to the session under an id that no Dockerfile can guess, because every `RUN` of the build may request the
    /// session's secrets. Each checkout has its own id, so two checkouts of one server may have two logins.
    fn login(&mut self, credentials: Credentials) -> GitLogin {
        let id = format!("git-{}", Uuid::new_v4().simple());
        // Store the whole header. Unlike a bare token it keeps the user's name.
        if let Some(header) = credentials.header() {
            self.secrets.insert(id.clone(), header.expose_secret().as_bytes().to_vec().into());
            return GitLogin::Header { id };
        }
        let Credentials::Ssh(key) = credentials else { return GitLogin::None };
        self.ssh.insert(id.clone(), key.private_key);
        GitLogin::Ssh { id, known_hosts: key.known_hosts }
    }
}

fn insecure(build: &Build) -> BTreeSet<String> {
    let caches = build.cache.from.iter().chain(build.cache.to.iter().map(|to| &to.target));
    let named = build.tags.iter().chain(caches).filter(|named| named.insecure);
    named.map(|named| named.image.registry().to_owned()).collect()
}

/// The build context first, without a name; then the named ones that are repositories.
fn git_contexts(build: &Build) -> impl Iterator<Item = (Option<&str>, &GitContext)> {
    let named = build.contexts.iter().filter_map(|(name, context)| match context {
        NamedContext::Git(git) => Some((Some(name.as_str()), git)),
        NamedContext::Image(_) => None,
    });
    std::iter::once((None, &build.context)).chain(named)
}

/// Reads the registry logins, and checks the caches with them.
async fn registries(
    engine: &Engine,
    build: &Build,
    by_platform: bool,
    cx: &Cx,
) -> Result<(Auth, Imports), StepError> {
    let verified = build.tags.iter().filter(|tag| !tag.insecure);
    engine.registry.client().prepare(verified.map(|tag| tag.image.registry()));
    let auth = engine.registry_auth(cx, build.registry_secret.as_ref()).await?;
    // Where it is not known yet whether the build writes its cache, it gets the right later.
    let access = match &build.cache.to {
        Some(to) if to.when == CacheWhen::Branch => CacheAccess::Read,
        _ => CacheAccess::Write,
    };
    let auth = with_cache(engine, build, cx, auth, access);
    let imports = Imports::probe(engine, &cache_refs::named(&build.cache, by_platform), &auth).await;
    Ok((auth, imports))
}

/// The same logins, with the build's rights at the cache registry.
fn with_cache(engine: &Engine, build: &Build, cx: &Cx, auth: Auth, access: CacheAccess) -> Auth {
    auth.with_cache(engine.tenancy.cache_rights(&cx.workflow.namespace, &build.cache, access))
}
