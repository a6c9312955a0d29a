//! Finds and reads files of a commit, and fetches those that are missing.

use std::collections::BTreeMap;

use git2::Oid;

use super::{BranchReader, oid};
use crate::git::branch::short_name;
use crate::git::error::GitError;
use crate::git::fetch::Fetch;
use crate::git::file_spec::FileSpec;
use crate::git::store::{Inner, MAX_FILTERED, MAX_PACK};
use crate::git::text;
use crate::git::tree::{FileEntry, PlainFile, check_content, check_size, directory, select};

impl BranchReader {
    /// Finds the plain files that each of `wanted` matches in the commit `tip`, which must be checked out.
    pub(crate) async fn select(
        &mut self,
        tip: &str,
        wanted: Vec<Vec<FileSpec>>,
    ) -> Result<Vec<Result<Vec<FileEntry>, GitError>>, GitError> {
        let (tip, repo) = (oid(tip)?, self.branches.repo.to_string());
        let found = self.store.run(move |inner| {
            let read = |e: git2::Error| GitError::local("read the fetched commit", e);
            let root = inner.repo.find_commit(tip).map_err(read)?.tree_id();
            let unusable =
                |why| GitError::Unusable { repo, what: format!("its root directory is not read: {why}") };
            let (tree, _) = directory(&inner.repo, root, 0).map_err(unusable)?;
            let each = |specs: &Vec<FileSpec>| {
                let found = specs.iter().map(|spec| select(&inner.repo, &tree, spec));
                found.collect::<Result<Vec<_>, _>>().map(|found| found.concat())
            };
            Ok(wanted.iter().map(each).collect::<Vec<_>>())
        });
        let found = found.await?.into_iter();
        Ok(found.map(|found| found.map_err(|bad| self.bad_file(&bad.path, bad.why))).collect())
    }

    /// The sizes in bytes of files in the commit `tip`. The files are fetched but not inflated.
    pub(crate) async fn sizes(
        &mut self,
        tip: &str,
        entries: &[FileEntry],
    ) -> Result<BTreeMap<Oid, usize>, GitError> {
        let wanted: Vec<Oid> = entries.iter().map(|e| e.blob).collect();
        let all = wanted.clone();
        let missing = move |inner: &Inner| {
            let mut missing: Vec<_> = all.into_iter().filter(|o| !inner.has(*o)).collect();
            missing.sort_unstable();
            missing.dedup();
            Ok(missing)
        };
        let missing = self.store.run(missing).await?;
        if !missing.is_empty() {
            self.fetch_blobs(tip, missing.iter().map(Oid::to_string).collect()).await?;
        }
        let sizes = |inner: &Inner| wanted.into_iter().map(|o| Ok((o, inner.size(o)?))).collect();
        self.store.run(sizes).await
    }

    /// Checks that files of these sizes can be edited in one request.
    pub(crate) fn fit(&self, entries: &[FileEntry], sizes: &BTreeMap<Oid, usize>) -> Result<(), GitError> {
        let mut sum = 0;
        for entry in entries {
            let size = sizes.get(&entry.blob).copied().unwrap_or_default();
            sum += size;
            check_size(size, sum).map_err(|why| self.bad_file(&entry.path, why))?;
        }
        Ok(())
    }

    /// The bytes of files whose [sizes](Self::sizes) were checked. Fails if a file cannot be edited.
    pub(crate) async fn contents(
        &mut self,
        entries: Vec<FileEntry>,
    ) -> Result<BTreeMap<String, Result<PlainFile, GitError>>, GitError> {
        let read = self.store.run(move |inner| {
            let read = |entry: FileEntry| inner.blob(entry.blob).map(|bytes| PlainFile { entry, bytes });
            entries.into_iter().map(read).collect::<Result<Vec<_>, _>>()
        });
        let read = read.await?;
        let checked = |plain: PlainFile| {
            let path = plain.entry.path.clone();
            let good = check_content(&plain.bytes).map_err(|why| self.bad_file(&path, why.to_owned()));
            (path, good.map(|()| plain))
        };
        Ok(read.into_iter().map(checked).collect())
    }

    /// Fetches single files, or the whole commit from a server that does not serve single files.
    async fn fetch_blobs(&mut self, tip: &str, blobs: Vec<String>) -> Result<(), GitError> {
        match self.fetch(blobs, None, None).await {
            Err(error @ GitError::Remote { .. }) => {
                tracing::warn!(%error, "the server does not serve single files: fetching the whole commit");
                self.fetches_single_files = false;
                self.reset();
                self.fetch(vec![tip.to_owned()], Some(1), None).await
            }
            other => other,
        }
    }

    pub(super) async fn fetch(
        &mut self,
        wants: Vec<String>,
        depth: Option<u32>,
        filter: Option<&'static str>,
    ) -> Result<(), GitError> {
        match self.fetch_once(&wants, depth, filter).await {
            Err(error) if self.is_worth_reading_the_advert(&error) => {
                self.fetch_once(&wants, depth, filter).await
            }
            ended => ended,
        }
    }

    async fn fetch_once(
        &mut self,
        wants: &[String],
        depth: Option<u32>,
        filter: Option<&'static str>,
    ) -> Result<(), GitError> {
        let store = self.store.clone();
        let fetches_single_files = self.fetches_single_files;
        let session = self.session().await?;
        let limit = if fetches_single_files && session.advert.can_filter() { MAX_FILTERED } else { MAX_PACK };
        let pack = session.fetch(&Fetch { wants, depth, filter, ..Fetch::default() }).await?;
        store.receive(pack, limit).await
    }

    fn bad_file(&self, path: &str, why: String) -> GitError {
        let (repo, branch) = (self.branches.repo.to_string(), short_name(&self.branches.base).to_owned());
        GitError::File { repo, branch, path: text::tidy(path.as_bytes()), why }
    }
}
