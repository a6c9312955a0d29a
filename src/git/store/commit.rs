//! Makes a commit, and a pack of its new objects.

use std::collections::BTreeSet;

use bytes::Bytes;
use git2::{Buf, Oid, Repository, Signature};

use super::super::error::GitError;
use super::super::identity::Identity;
use super::super::signing::SigningKey;
use super::{Inner, libgit};

/// The content of a new commit.
pub(crate) struct TreeChange {
    /// The parent commit.
    pub(crate) parent: Oid,
    /// The path, file mode and new content of each file.
    pub(crate) files: Vec<(String, git2::FileMode, Vec<u8>)>,
    pub(crate) author: Identity,
    pub(crate) committer: Identity,
    pub(crate) message: String,
    pub(crate) signing_key: Option<SigningKey>,
}

impl Inner {
    /// Makes the commit; returns its id and a pack of the objects that the server does not have.
    pub(crate) fn commit(&self, change: &TreeChange) -> Result<(Oid, Bytes), GitError> {
        let repo = &self.repo;
        let failed = libgit("make the commit");
        let parent = repo.find_commit(change.parent).map_err(&failed)?;
        let old_tree = parent.tree().map_err(&failed)?;
        let mut update = git2::build::TreeUpdateBuilder::new();
        let mut fresh = BTreeSet::new();
        for (path, mode, content) in &change.files {
            let blob = repo.blob(content).map_err(&failed)?;
            fresh.insert(blob);
            update.upsert(path.as_str(), blob, *mode);
        }
        let root = update.create_updated(repo, &old_tree).map_err(&failed)?;
        let new_tree = repo.find_tree(root).map_err(&failed)?;
        for (path, ..) in &change.files {
            fresh.extend(directories(repo, &new_tree, path).map_err(&failed)?);
        }
        let committer = signature(&change.committer, None)?;
        // Author and committer have the same time: a difference shows that the commit was amended or rebased.
        let author = signature(&change.author, Some(committer.when()))?;
        let buffer = repo
            .commit_create_buffer(&author, &committer, &change.message, &new_tree, &[&parent])
            .map_err(&failed)?;
        let oid = write_commit(repo, &buffer, change.signing_key.as_ref())?;
        fresh.insert(oid);
        Ok((oid, pack(repo, &fresh).map_err(libgit("pack the commit"))?))
    }
}

/// Stores a commit, signed if there is a key.
fn write_commit(repo: &Repository, buffer: &[u8], key: Option<&SigningKey>) -> Result<Oid, GitError> {
    let failed = libgit("make the commit");
    let Some(key) = key else {
        let odb = repo.odb().map_err(&failed)?;
        return odb.write(git2::ObjectType::Commit, buffer).map_err(failed);
    };
    let signature = key.sign(buffer).map_err(|e| GitError::Input { what: e.to_string() })?;
    let text = std::str::from_utf8(buffer).map_err(|e| GitError::local("sign the commit", e))?;
    repo.commit_signed(text, signature.trim_end(), None).map_err(failed)
}

/// The trees from the root down to the directory of `path`.
fn directories(repo: &Repository, root: &git2::Tree<'_>, path: &str) -> Result<Vec<Oid>, git2::Error> {
    let (mut oids, mut tree) = (vec![root.id()], root.clone());
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in parts {
        let Some(id) = tree.get_name(part).map(|entry| entry.id()) else { break };
        oids.push(id);
        tree = repo.find_tree(id)?;
    }
    Ok(oids)
}

fn signature(who: &Identity, when: Option<git2::Time>) -> Result<Signature<'static>, GitError> {
    let name = format!("{} <{}>", who.name, who.email);
    let made = match when {
        Some(when) => Signature::new(&who.name, &who.email, &when),
        None => Signature::now(&who.name, &who.email),
    };
    made.map_err(|e| GitError::Input {
        what: format!("`{}` cannot sign a commit: {}; give a name and an e-mail address", name, e.message()),
    })
}

fn pack(repo: &Repository, oids: &BTreeSet<Oid>) -> Result<Bytes, git2::Error> {
    let mut builder = repo.packbuilder()?;
    builder.set_threads(1);
    for oid in oids {
        builder.insert_object(*oid, None)?;
    }
    let mut buffer = Buf::new();
    builder.write_buf(&mut buffer)?;
    Ok(Bytes::copy_from_slice(&buffer))
}
