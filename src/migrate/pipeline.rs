//! What all systems say about one service, in the words of the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use super::image;
use super::term::{EventPart, Term};

/// A field of a service that has one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Repo,
    GitSecret,
    Subdir,
    Dockerfile,
    Target,
    Image,
    Insecure,
    CacheRegistry,
    CacheName,
    CacheInsecure,
    RegistrySecret,
    GitopsRepo,
    GitopsBranch,
    ChartDir,
    ValuesFile,
    TagKey,
    Timeout,
    Attest,
    Argocd,
}

impl Field {
    /// The keys of the field in a service.
    pub(super) fn path(self) -> &'static [&'static str] {
        match self {
            Self::Repo => &["repo"],
            Self::GitSecret => &["git-secret"],
            Self::Subdir => &["subdir"],
            Self::Dockerfile => &["dockerfile"],
            Self::Target => &["target"],
            Self::Image => &["image"],
            Self::Insecure => &["insecure"],
            Self::CacheRegistry => &["cache", "registry"],
            Self::CacheName => &["cache", "name"],
            Self::CacheInsecure => &["cache", "insecure"],
            Self::RegistrySecret => &["registry-secret"],
            Self::GitopsRepo => &["gitops", "repo"],
            Self::GitopsBranch => &["gitops", "branch"],
            Self::ChartDir => &["parameters", "chart-dir"],
            Self::ValuesFile => &["parameters", "values-file"],
            Self::TagKey => &["parameters", "tag-key"],
            Self::Timeout => &["parameters", "timeout"],
            Self::Attest => &["parameters", "attest"],
            Self::Argocd => &["parameters", "argocd-application"],
        }
    }

    /// The field as notes name it.
    pub(super) fn shown(self) -> String {
        format!("`{}`", self.path().join("."))
    }

    /// Whether the field is `true` or `false` in the catalogue.
    pub(super) fn is_bool(self) -> bool {
        matches!(self, Self::Insecure | Self::CacheInsecure)
    }
}

/// A service, as far as the input says something about it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pipeline {
    /// The file and line where it was found.
    pub(super) origin: String,
    /// A name, if the system has one.
    pub(super) name: Option<String>,
    /// The owner and name of the repository, where no URL is known.
    pub(super) full_name: Option<String>,
    pub(super) fields: BTreeMap<Field, String>,
    pub(super) build_args: BTreeMap<String, String>,
    pub(super) platforms: Vec<String>,
    pub(super) extra_tags: Vec<String>,
    /// Patterns of branches and tags.
    pub(super) branches: Vec<String>,
    pub(super) git_tags: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) paths_ignore: Vec<String>,
    pub(super) pull_requests: bool,
    /// Whether a newer build of a line ends the older ones.
    pub(super) supersedes: bool,
    /// Whether anything in it builds an image.
    pub(super) builds: bool,
    /// Whether anything in it deploys what was built.
    pub(super) deploys: bool,
    /// What is to do besides.
    pub(super) open: BTreeSet<String>,
}

/// Parts of the names of secrets.
const SECRETS: [&str; 10] = [
    "TOKEN",
    "PASSWORD",
    "SECRET",
    "PASSWD",
    "PASSPHRASE",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
];

const COMMIT_TAG: &str = "the image's tag is the pushed commit";

impl Pipeline {
    pub(super) fn new(origin: String) -> Self {
        Self { origin, ..Self::default() }
    }

    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }

    /// Gives a field a text, unless an earlier one stands there or it is not known yet.
    pub(super) fn set(&mut self, field: Field, term: &Term<'_>) {
        self.set_as(field, term, None);
    }

    /// The same, with what differs.
    pub(super) fn set_as(&mut self, field: Field, term: &Term<'_>, differs: Option<&str>) {
        let (text, shown) = (term.text.trim(), field.shown());
        if text.is_empty() {
            return term.approximate(&format!("{shown}: empty, so the default of the template counts"));
        }
        if term.is_open() {
            return term
                .by_hand(&format!("{shown}: the files do not say the value; write it in services.yaml"));
        }
        match self.fields.get(&field) {
            Some(known) if known != text => {
                return term.approximate(&format!("{shown} has another value, which was found first"));
            }
            _ => drop(self.fields.insert(field, text.to_owned())),
        }
        match differs {
            Some(differs) => term.approximate(&format!("{shown}: {differs}")),
            None => term.direct(&shown),
        }
    }

    /// Takes an image with its tag.
    pub(super) fn image(&mut self, term: &Term<'_>) {
        let (name, tag) = image::split(term.text.trim());
        let name = term.with(image::full(name));
        match tag {
            None => self.set(Field::Image, &name),
            Some(tag) => {
                let known = self.get(Field::Image).is_some_and(|known| known == name.text);
                if !known {
                    self.set(Field::Image, &name);
                }
                self.tag(&term.with(tag));
            }
        }
    }

    /// Takes a tag of the image.
    pub(super) fn tag(&mut self, term: &Term<'_>) {
        let text = term.text.trim();
        match term.event() {
            Some(EventPart::Commit) => term.direct(COMMIT_TAG),
            _ if text.is_empty() => term.approximate(COMMIT_TAG),
            _ if term.is_open() => {
                term.approximate(&format!("{COMMIT_TAG}; a pushed Git tag is the tag of its build"))
            }
            _ => {
                if !self.extra_tags.iter().any(|known| known == text) {
                    self.extra_tags.push(text.to_owned());
                }
                term.approximate(&format!(
                    "`parameters.extra-tags`: {COMMIT_TAG}, and this one moves with it"
                ));
            }
        }
    }

    /// Takes the URL of the repository, with BuildKit's `#REF:DIR` behind it.
    pub(super) fn repo(&mut self, term: &Term<'_>) {
        let (url, fragment) = match term.text.trim().split_once('#') {
            Some((url, fragment)) => (url, Some(fragment)),
            None => (term.text.trim(), None),
        };
        if term.with(url).event() == Some(EventPart::RepoUrl) {
            return term
                .approximate("`repo`: the catalogue names each repository; its events build no other one");
        }
        let (url, had_login) = image::without_login(url);
        let scheme = url.split_once("://").map_or("ssh", |(scheme, _)| scheme);
        if !matches!(scheme, "https" | "http" | "ssh") {
            return term.by_hand("`repo`: only Git repositories are built; put the files into one");
        }
        self.set(Field::Repo, &term.with(url));
        if had_login {
            term.approximate("the login in the URL is left out; put it into the Secret that `git-secret` names, with the keys `username` and `password`");
        }
        let Some(fragment) = fragment else { return };
        let (git_ref, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
        if !subdir.is_empty() {
            self.set(Field::Subdir, &term.with(subdir));
        }
        self.git_ref(&term.with(git_ref));
    }

    /// Takes a branch, a tag, a ref or a commit that is built.
    pub(super) fn git_ref(&mut self, term: &Term<'_>) {
        let text = term.text.trim();
        match term.event() {
            Some(EventPart::Commit) => return term.direct("the pushed commit is built"),
            Some(_) => return term.direct("the pushed ref is built"),
            None if text.is_empty() => return,
            None if term.is_open() => {
                return term
                    .approximate("the pushed commit is built, on the branches that the service names");
            }
            None => {}
        }
        let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit {
            return term.approximate(
                "the pushed commit is built; a fixed one is the parameter `revision` of `argo submit`",
            );
        }
        if let Some(tag) = text.strip_prefix("refs/tags/") {
            push_new(&mut self.git_tags, &image::literal(tag));
            return term.direct("`tags`");
        }
        push_new(&mut self.branches, &image::literal(text.strip_prefix("refs/heads/").unwrap_or(text)));
        term.direct("`branches`");
    }

    /// Takes a build argument. One that looks like a password is not copied.
    pub(super) fn build_arg(&mut self, name: &str, term: &Term<'_>) {
        if name == "BUILDKIT_INLINE_CACHE" {
            return term.approximate("not needed: the cache is kept in a registry (`cache`)");
        }
        let upper = name.to_uppercase();
        if SECRETS.iter().any(|word| upper.contains(word)) {
            return term.by_hand("not copied: the name is that of a secret, and build arguments stay in the image; use `secrets` of the step `build` in a template of your own");
        }
        if image::without_login(term.text.trim()).1 {
            return term.by_hand("not copied: the URL has a login, and build arguments stay in the image; use `secrets` of the step `build` in a template of your own");
        }
        if term.is_open() {
            return term.by_hand("`build-args`: the files do not say the value; write it in services.yaml");
        }
        self.build_args.entry(name.to_owned()).or_insert_with(|| term.text.clone());
        term.direct("`build-args`");
    }

    /// Takes platforms with commas.
    pub(super) fn platforms(&mut self, term: &Term<'_>) {
        if term.is_open() {
            return term.by_hand("`platforms`: the files do not say the value; write it in services.yaml");
        }
        for platform in term.text.split([',', '\n']).map(str::trim).filter(|platform| !platform.is_empty()) {
            push_new(&mut self.platforms, platform);
        }
        term.direct("`platforms`");
    }

    /// Takes the reference of a cache in a registry.
    pub(super) fn cache(&mut self, term: &Term<'_>) {
        let (name, _) = image::split(term.text.trim());
        if term.with(name).is_open() {
            return term.by_hand("`cache`: the files do not say the value; write it in services.yaml");
        }
        if self.get(Field::Image) == Some(image::full(name).as_str()) {
            return term.approximate(
                "`cache`: the template's own place; the image's repository would mix caches with images",
            );
        }
        match name.rsplit_once('/') {
            Some((registry, last)) => {
                self.set_as(
                    Field::CacheRegistry,
                    &term.with(registry),
                    Some("tags of caches are the template's own"),
                );
                self.set_as(
                    Field::CacheName,
                    &term.with(last),
                    Some("tags of caches are the template's own"),
                );
            }
            None => term.by_hand("`cache`: this names no registry; write one in services.yaml"),
        }
    }

    /// Takes a directory of the old build's machine that was the context.
    pub(super) fn local_context(&mut self, term: &Term<'_>) {
        let read = "the context is read from the Git repository, so the checkout is not needed";
        let directory = image::local_directory(&term.text);
        if directory.is_empty() {
            term.approximate(read);
        } else {
            self.set_as(Field::Subdir, &term.with(directory), Some(read));
        }
    }
}

/// Adds what is not there yet.
pub(super) fn push_new(list: &mut Vec<String>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}
