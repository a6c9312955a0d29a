//! `update-manifest`: sets image names, tags and digests in a GitOps repository, with one commit.

use super::git_login::git_login;
use super::node::{Fields, Node};
use super::{InvalidStep, SecretKey, SecretRef, files, names};
use crate::argocd::Application;
use crate::git::{FileSpec, Identity, RepoUrl};
use crate::manifest::Edit;
use crate::oci::ImageRef;

mod pull_request;
mod refresh;
mod spec;
mod table;
mod target;
mod template;
mod word;

pub use pull_request::{ForgeApi, PullRequest};
pub(super) use spec::{SPEC, mentions};
pub(in crate::step) use table::AUTHOR;
use table::{SOURCE, UPDATE_MANIFEST};
use template::TemplateReader;
pub use template::{Placeholder, Template};

pub(in crate::step) const DEFAULT_BRANCH: &str = "main";
const DEFAULT_AUTHOR: (&str, &str) = ("argo-buildkit", "argo-buildkit@localhost");

/// A valid `update-manifest` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateManifest {
    /// The GitOps repository.
    pub repo: RepoUrl,
    /// The branch to commit to, without `refs/heads/`.
    pub branch: String,
    /// The login. Without it an http server is accessed anonymously. Always present for ssh.
    pub secret: Option<SecretRef>,
    /// The changes; not empty.
    pub targets: Vec<Target>,
    /// The image that the change is about, for the commit's trailers and the templates.
    pub image: Option<ImageRef>,
    /// The source of the image. If present, an older source commit never overwrites a newer one.
    pub source: Option<Source>,
    /// The commit's message. The engine writes one when absent.
    pub message: Option<Template>,
    /// The author.
    pub author: Identity,
    /// The committer.
    pub committer: Identity,
    /// An OpenSSH private key that signs the commit.
    pub signing_key: Option<SecretKey>,
    /// Whether `[skip ci]` is added to the message.
    pub skip_ci: bool,
    /// False for a dry run: the diff is computed, and nothing is written.
    pub commit: bool,
    /// Whether to push or to open a pull request.
    pub mode: Mode,
    /// Whether the forge's API makes the commit, instead of a push.
    pub via_api: bool,
    /// The settings of the forge's API.
    pub forge: ForgeApi,
    /// The Argo CD Application to refresh after the commit. Only for a commit to the branch.
    pub refresh: Option<Application>,
}

/// The changes to one file, or to each file that a glob matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The file's path within the repository; relative, without `.`, `..` or `.git` parts.
    pub file: FileSpec,
    /// The changes, in order; not empty.
    pub edits: Vec<Edit>,
}

/// The repository and the commit that an image was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The repository.
    pub repo: RepoUrl,
    /// The commit's 40 or 64 hex digits, in lower case.
    pub commit: String,
    /// The login that may read it. Without it, the step's own login is used if both are on one server.
    pub secret: Option<SecretRef>,
}

/// The way the commit reaches the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The commit goes to the branch.
    Push,
    /// The commit goes to a branch of its own, with a pull request.
    PullRequest(Box<PullRequest>),
}

/// Reads the value under `update-manifest`.
pub(super) fn read(node: Node<'_>) -> Result<UpdateManifest, InvalidStep> {
    let mut fields = node.fields(UPDATE_MANIFEST)?;
    let (repo, secret) = git_login(&mut fields)?;
    let branch = fields.optional("branch").map(|node| node.checked(files::branch)).transpose()?;
    let Committing { author, committer, signing_key } = committing(&mut fields)?;
    let image: Option<ImageRef> = fields.optional("image").map(Node::parsed).transpose()?;
    let source = fields.optional("source").map(Source::read).transpose()?;
    let texts = TemplateReader { image: image.is_some(), source: source.is_some() };
    let update = UpdateManifest {
        repo,
        branch: branch.unwrap_or_else(|| DEFAULT_BRANCH.into()),
        secret,
        targets: target::read(fields.required("targets")?)?,
        image,
        source,
        message: fields.optional("message").map(|node| texts.text(node)).transpose()?,
        author,
        committer,
        signing_key,
        skip_ci: fields.switch("skip-ci", false)?,
        commit: fields.switch("commit", true)?,
        mode: mode(&mut fields, texts)?,
        via_api: fields.optional("via").map(|node| node.one_of(VIA)).transpose()?.unwrap_or(false),
        forge: fields.or_default("forge", ForgeApi::read)?,
        refresh: fields.optional("refresh").map(refresh::read).transpose()?,
    };
    check(&update, &fields)?;
    Ok(update)
}

const MODES: &[(&str, bool)] = &[("push", false), ("pull-request", true)];
const VIA: &[(&str, bool)] = &[("git", false), ("api", true)];

fn mode(fields: &mut Fields<'_>, texts: TemplateReader) -> Result<Mode, InvalidStep> {
    let proposes = fields.optional("mode").map(|node| node.one_of(MODES)).transpose()?.unwrap_or(false);
    match (proposes, fields.optional("pull-request")) {
        (false, None) => Ok(Mode::Push),
        (false, Some(node)) => Err(node.refuse("is used with `mode: pull-request` only; add it")),
        (true, node) => Ok(Mode::PullRequest(Box::new(
            node.map_or_else(|| Ok(PullRequest::default()), |node| PullRequest::read(node, texts))?,
        ))),
    }
}

/// Checks fields that are only wrong in combination.
fn check(update: &UpdateManifest, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    let calls_api = update.via_api || matches!(update.mode, Mode::PullRequest(_));
    if calls_api && update.forge.secret.is_none() && (update.repo.is_ssh() || update.secret.is_none()) {
        let why =
            "needs a `secret` with a token: the API takes neither an ssh key nor a call without a login";
        return Err(fields.refuse("forge", why));
    }
    if update.via_api && update.signing_key.is_some() {
        let why = "cannot be used with `via: api`, where the server makes the commit; remove one of them";
        return Err(fields.refuse("signing-key", why));
    }
    refresh::check(update, fields)
}

impl Source {
    fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(SOURCE)?;
        let repo = fields.required("repo")?.parsed::<RepoUrl>()?;
        let commit = fields.required("commit")?.checked(commit)?;
        let secret = fields.optional("secret").map(SecretRef::read).transpose()?;
        match repo.is_ssh() && secret.is_none() {
            true => Err(fields.refuse("secret", "is missing; an ssh repository needs a key")),
            false => Ok(Self { repo, commit, secret }),
        }
    }
}

/// A whole commit id. A branch's name is refused, because it would mean another commit tomorrow.
fn commit(word: &str) -> Result<String, String> {
    names::commit(word, "such as `$(build.revision)`")
}

/// Who makes a commit, and the key that signs it.
pub(in crate::step) struct Committing {
    pub(in crate::step) author: Identity,
    pub(in crate::step) committer: Identity,
    pub(in crate::step) signing_key: Option<SecretKey>,
}

/// Reads the fields `author`, `committer` and `signing-key` of a step that commits.
pub(in crate::step) fn committing(fields: &mut Fields<'_>) -> Result<Committing, InvalidStep> {
    let author = fields.optional("author").map(|node| author_of(node, default_author())).transpose()?;
    let author = author.unwrap_or_else(default_author);
    let committer = fields.optional("committer").map(|node| author_of(node, author.clone())).transpose()?;
    let signing_key = fields.optional("signing-key").map(SecretKey::read).transpose()?;
    Ok(Committing { committer: committer.unwrap_or_else(|| author.clone()), author, signing_key })
}

/// Reads `{name, email}`. Absent fields are taken from `default`.
fn author_of(node: Node<'_>, default: Identity) -> Result<Identity, InvalidStep> {
    let mut fields = node.fields(AUTHOR)?;
    let name = fields.optional("name").map(|node| node.checked(signature)).transpose()?;
    let email = fields.optional("email").map(|node| node.checked(signature)).transpose()?;
    Ok(Identity { name: name.unwrap_or(default.name), email: email.unwrap_or(default.email) })
}

fn default_author() -> Identity {
    let (name, email) = DEFAULT_AUTHOR;
    Identity { name: name.into(), email: email.into() }
}

/// Checks a name or an email. Git writes `name <email>` and allows neither bracket inside.
fn signature(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains(['<', '>']) { Err("holds `<` or `>`".into()) } else { Ok(text.to_owned()) }
}
