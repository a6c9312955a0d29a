//! `update-manifest`: image names, tags and digests in a GitOps repository, by one commit.

use super::node::Node;
use super::{InvalidStep, SecretRef, files};
use crate::git::RepoUrl;
use crate::manifest::Edit;

mod target;

pub use super::outputs::UPDATE_MANIFEST as OUTPUTS;

/// The fields of `update-manifest`, in the order of docs/steps.md.
pub(super) const FIELDS: &[&str] = &["repo", "branch", "secret", "targets", "message", "author"];

const DEFAULT_BRANCH: &str = "main";
const DEFAULT_AUTHOR: (&str, &str) = ("argo-buildkit", "argo-buildkit@localhost");

/// A valid `update-manifest` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateManifest {
    /// The GitOps repository.
    pub repo: RepoUrl,
    /// The branch that is committed to, without `refs/heads/`.
    pub branch: String,
    /// The login; without it an http server is asked anonymously. Always there for ssh.
    pub secret: Option<SecretRef>,
    /// What to change; not empty.
    pub targets: Vec<Target>,
    /// The commit's message; the engine writes one when absent.
    pub message: Option<String>,
    /// Who commits.
    pub author: Author,
}

/// The changes to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The file's path within the repository; relative, without `.`, `..` or `.git` parts.
    pub file: String,
    /// The changes, in order; not empty.
    pub edits: Vec<Edit>,
}

/// Author and committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// A name, without `<`, `>` and line breaks.
    pub name: String,
    /// An address, likewise.
    pub email: String,
}

/// Reads the value under `update-manifest`.
pub(super) fn read(node: Node<'_>) -> Result<UpdateManifest, InvalidStep> {
    let mut fields = node.fields(FIELDS)?;
    let repo = fields.required("repo")?.parsed::<RepoUrl>()?;
    let secret = fields.optional("secret").map(SecretRef::read).transpose()?;
    if repo.is_ssh() && secret.is_none() {
        return Err(fields.refuse("secret", "is missing; an ssh repository needs a key"));
    }
    let branch = fields.optional("branch").map(|node| node.checked(files::branch)).transpose()?;
    Ok(UpdateManifest {
        repo,
        branch: branch.unwrap_or_else(|| DEFAULT_BRANCH.into()),
        secret,
        targets: target::read(fields.required("targets")?)?,
        message: fields.optional("message").map(Node::lines).transpose()?,
        author: fields.or_default("author", Author::read)?,
    })
}

impl Author {
    fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(&["name", "email"])?;
        let name = fields.optional("name").map(|node| node.checked(signature)).transpose()?;
        let email = fields.optional("email").map(|node| node.checked(signature)).transpose()?;
        let default = Self::default();
        Ok(Self { name: name.unwrap_or(default.name), email: email.unwrap_or(default.email) })
    }
}

impl Default for Author {
    fn default() -> Self {
        let (name, email) = DEFAULT_AUTHOR;
        Self { name: name.into(), email: email.into() }
    }
}

/// Git writes `name <email>` and allows neither bracket inside.
fn signature(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains(['<', '>']) { Err("holds `<` or `>`".into()) } else { Ok(text.to_owned()) }
}
