//! The source of a build: a revision of a Git repository, and further named contexts.

use std::collections::BTreeMap;

use super::table::CONTEXT;
use crate::git::RepoUrl;
use crate::oci::ImageRef;
use crate::step::names::{image, is_map};
use crate::step::node::Node;
use crate::step::{InvalidStep, SecretRef, files};

/// The prefix of an image as a named context (buildkit `frontend/dockerui/namedcontext.go`).
const IMAGE: &str = "docker-image://";
/// The default branch of the server.
const HEAD: &str = "HEAD";

/// A directory of a Git repository at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitContext {
    /// The repository.
    pub repo: RepoUrl,
    /// A branch, a tag, a full ref or a commit; `HEAD` is the server's default branch.
    pub revision: String,
    /// The directory within the repository, without leading or trailing `/`; the root when absent.
    pub subdir: Option<String>,
    /// The login. Without it an http server is accessed anonymously. Always present for ssh.
    pub secret: Option<SecretRef>,
    /// Whether submodules are checked out.
    pub submodules: bool,
    /// Logins for the servers of submodules, by `host[:port]` in lower case, prefixed with `http://` for plain http.
    pub submodule_secrets: BTreeMap<String, SecretRef>,
    /// Whether `.dockerignore` is applied.
    pub dockerignore: bool,
}

/// A context that the Dockerfile uses (`FROM name`, `COPY --from=name`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// An image in a registry.
    Image(ImageRef),
    /// Another Git repository.
    Git(GitContext),
}

impl GitContext {
    /// `{repo, revision, …}`, or the repository alone as a string.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let here = node.clone();
        let context = if is_map(&node) { Self::read_map(node)? } else { Self::at_head(node.parsed()?) };
        if context.repo.is_ssh() && context.secret.is_none() {
            return Err(here.refuse("an ssh repository needs a key; add `secret: {name, key}`"));
        }
        Ok(context)
    }

    fn at_head(repo: RepoUrl) -> Self {
        Self {
            repo,
            revision: HEAD.into(),
            subdir: None,
            secret: None,
            submodules: true,
            submodule_secrets: BTreeMap::new(),
            dockerignore: true,
        }
    }

    fn read_map(node: Node<'_>) -> Result<Self, InvalidStep> {
        let mut fields = node.fields(CONTEXT)?;
        let context = Self::at_head(fields.required("repo")?.parsed()?);
        let revision = fields.optional("revision").map(|node| node.checked(files::revision)).transpose()?;
        let subdir = fields.optional("subdir").map(|node| node.checked(files::relative)).transpose()?;
        Ok(Self {
            revision: revision.unwrap_or(context.revision),
            subdir: subdir.filter(|subdir| !subdir.is_empty()),
            secret: fields.optional("secret").map(SecretRef::read).transpose()?,
            submodules: fields.switch("submodules", true)?,
            submodule_secrets: fields.or_default("submodule-secrets", submodule_secrets)?,
            dockerignore: fields.switch("dockerignore", true)?,
            ..context
        })
    }
}

fn submodule_secrets(node: Node<'_>) -> Result<BTreeMap<String, SecretRef>, InvalidStep> {
    let read = |(server, node): (String, Node<'_>)| {
        let server = server.strip_prefix("https://").unwrap_or(&server).to_lowercase();
        let host = server.strip_prefix("http://").unwrap_or(&server);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(node.refuse(
                "its name is no server; write `git.example.com`, or `git.example.com:3000` with a port, and `http://` before it \
                 only if a login may go there over plain http",
            ));
        }
        Ok((server, SecretRef::read(node)?))
    };
    node.map()?.into_iter().map(read).collect()
}

/// Contexts by name.
pub(super) fn named(node: Node<'_>) -> Result<BTreeMap<String, NamedContext>, InvalidStep> {
    node.map()?.into_iter().map(|(name, node)| Ok((name, NamedContext::read(node)?))).collect()
}

impl NamedContext {
    fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        if is_map(&node) {
            return GitContext::read(node).map(Self::Git);
        }
        let here = node.clone();
        let text = node.clone().word()?;
        if text.starts_with(IMAGE) {
            return image(node, IMAGE).map(Self::Image);
        }
        Err(here.refuse(match text.split_once("://") {
            Some(("oci-layout", _)) => {
                "an OCI layout lies in local files, which the sidecar does not have; push it and write \
                 docker-image://registry/repository:tag"
            }
            Some(("http" | "https" | "ssh" | "git", _)) => "write a Git repository as {repo: …, revision: …}",
            _ => {
                "a local path is not available, since the sidecar has no files of yours; write \
                 docker-image://registry/repository:tag or {repo: …, revision: …}"
            }
        }))
    }
}
