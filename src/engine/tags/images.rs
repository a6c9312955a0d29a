//! Reads what tags name, several at a time, and each image once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::{Now, readable};
use crate::oci::{Created, ImageDetails, ImageManifest, OciError, TagReader};
use crate::outcome::StepError;

/// The number of requests at the same time.
pub(super) const AT_A_TIME: usize = 16;
/// The most tags whose manifests are read. Each takes a request, and some hundred bytes in memory.
pub(super) const MOST: usize = 20_000;
/// How many requests are prepared at a time. Each takes some kilobytes.
pub(super) const PREPARED: usize = 200;
/// The most manifests that all indexes name together.
const CHILDREN: usize = 200_000;
/// The most bytes of all labels and platforms. Those of further images are left out.
const TEXTS: usize = 8 << 20;

/// The manifests of tags.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// The digest of each tag that could be read.
    tags: BTreeMap<String, String>,
    by_digest: BTreeMap<String, ImageManifest>,
    /// The number of manifests that all indexes name.
    children: usize,
    /// The tags that could not be read, each with its reason.
    odd: BTreeMap<String, String>,
}

/// A tag with its image.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) tag: String,
    pub(crate) digest: String,
    /// What the image has; `None` if that cannot be read.
    pub(crate) details: Option<ImageDetails>,
}

impl Manifests {
    pub(super) fn get(&self, tag: &str) -> Option<&ImageManifest> {
        self.by_digest.get(self.tags.get(tag)?)
    }

    pub(super) fn by_digest(&self, digest: &str) -> Option<&ImageManifest> {
        self.by_digest.get(digest)
    }

    /// Those of `tags` that name nothing, although they could be asked for.
    pub(super) fn absent<'t>(&self, tags: &'t [String]) -> Vec<&'t String> {
        tags.iter().filter(|tag| !self.tags.contains_key(*tag) && !self.odd.contains_key(*tag)).collect()
    }

    /// The digests that tags name.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        self.tags.values().map(String::as_str)
    }

    /// A sentence for each tag that could not be read.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = String> + '_ {
        self.odd.iter().map(|(tag, why)| format!("tag {tag} cannot be read: {why}"))
    }

    pub(super) fn add(&mut self, tag: &str, manifest: ImageManifest) {
        self.tags.insert(tag.to_owned(), manifest.digest.clone());
        self.insert(manifest);
    }

    /// Keeps a manifest, unless the indexes name too much. Anybody who may push can write very large ones.
    fn insert(&mut self, manifest: ImageManifest) {
        if self.by_digest.contains_key(&manifest.digest) {
            return;
        }
        self.children += manifest.children.len() + manifest.others.len();
        match self.children > CHILDREN {
            true => drop(
                self.odd.insert(manifest.digest, format!("the indexes name more than {CHILDREN} manifests")),
            ),
            false => drop(self.by_digest.insert(manifest.digest.clone(), manifest.without_blobs())),
        }
    }
}

/// Refuses more tags than can be read one by one.
pub(super) fn check_count(count: usize) -> Result<(), StepError> {
    match count > MOST {
        true => Err(StepError::user(format!(
            "{count} tags match, and the images of at most {MOST} are read; choose fewer with `filter`"
        ))),
        false => Ok(()),
    }
}

/// Reads the manifest of each tag. A tag that was deleted meanwhile is left out.
pub(super) async fn manifests(
    reader: &TagReader<'_>,
    tags: &[String],
    now: Now<'_>,
) -> Result<Manifests, OciError> {
    let mut all = Manifests::default();
    for (n, some) in tags.chunks(PREPARED).enumerate() {
        now(format!("reading manifests: {} of {}", n * PREPARED, tags.len()));
        let mut reads: Vec<BoxFuture<'_, Result<_, OciError>>> = Vec::new();
        for tag in some {
            reads.push(async move { Ok((tag, readable(reader.manifest(tag).await)?)) }.boxed());
        }
        let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
        while let Some((tag, found)) = reads.try_next().await? {
            match found {
                Ok(Some(manifest)) => all.add(tag, manifest),
                Ok(None) => {}
                Err(why) => drop(all.odd.insert(tag.clone(), why)),
            }
        }
    }
    Ok(all)
}

/// Reads the indexes within indexes, what signatures and other artifacts are about, and the manifests `digests`, unless they are known.
/// What is not there names nothing.
pub(super) async fn read_indexes(
    reader: &TagReader<'_>,
    manifests: &mut Manifests,
    digests: Vec<String>,
) -> Result<(), OciError> {
    let (mut open, mut seen) = (digests, BTreeSet::new());
    let of = |manifest: &ImageManifest| {
        let indexes = manifest.children.iter().filter(|child| child.is_index).map(|child| &child.digest);
        indexes.chain(&manifest.subject).cloned().collect::<Vec<_>>()
    };
    open.extend(manifests.by_digest.values().flat_map(of));
    while let Some(digest) = open.pop() {
        if manifests.by_digest.contains_key(&digest) || !seen.insert(digest.clone()) {
            continue;
        }
        if seen.len() > MOST {
            let why = format!("more than {MOST} manifests are in indexes, or have artifacts about them");
            manifests.odd.insert(digest, why);
            return Ok(());
        }
        match readable(reader.manifest(&digest).await)? {
            Ok(Some(manifest)) => {
                open.extend(of(&manifest));
                manifests.insert(manifest);
            }
            Ok(None) => {}
            Err(why) => drop(manifests.odd.insert(digest, why)),
        }
    }
    Ok(())
}

/// Why the tags in `absent`, which name nothing, were not just deleted meanwhile; `None` if they were. Registries also say of a
/// manifest that it is not there if they do not give it in a form that we read, or lost it. What it needs is not known then.
pub(super) async fn listed_without_image(
    reader: &mut TagReader<'_>,
    absent: &[&String],
) -> Result<Option<String>, OciError> {
    if absent.is_empty() {
        return Ok(None);
    }
    let listed: BTreeSet<String> = reader.list().await?.tags.into_iter().collect();
    let found = absent.iter().find(|tag| listed.contains(**tag));
    Ok(found.map(|tag| format!("the registry lists tag {tag}, and says that there is no image under it")))
}

/// Those of `tags` that name another image now than in `manifests`.
pub(super) async fn moved(
    reader: &TagReader<'_>,
    tags: &[&String],
    manifests: &Manifests,
) -> Result<Vec<String>, OciError> {
    let mut moved = Vec::new();
    for some in tags.chunks(PREPARED) {
        let mut reads: Vec<BoxFuture<'_, Result<_, OciError>>> = Vec::new();
        for &tag in some {
            reads.push(async move { Ok((tag, reader.digest_of(tag).await?)) }.boxed());
        }
        let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
        while let Some((tag, digest)) = reads.try_next().await? {
            if digest.is_some_and(|digest| manifests.tags.get(tag) != Some(&digest)) {
                moved.push(tag.clone());
            }
        }
    }
    Ok(moved)
}

/// When the image of each tag was made, by digest.
pub(super) async fn times(
    reader: &TagReader<'_>,
    manifests: &Manifests,
    tags: &[String],
    now: Now<'_>,
) -> Result<BTreeMap<String, Created>, OciError> {
    let digests: BTreeSet<_> = tags.iter().filter_map(|tag| manifests.tags.get(tag)).collect();
    let images: Vec<_> = digests.into_iter().filter_map(|digest| manifests.by_digest.get(digest)).collect();
    let mut times = BTreeMap::new();
    for (n, some) in images.chunks(PREPARED).enumerate() {
        now(format!("reading times: {} of {}", n * PREPARED, images.len()));
        let mut reads: Vec<BoxFuture<'_, Result<_, OciError>>> = Vec::new();
        for &manifest in some {
            reads.push(async move { Ok((&manifest.digest, time(reader, manifest).await?)) }.boxed());
        }
        let mut reads = stream::iter(reads).buffer_unordered(AT_A_TIME);
        while let Some((digest, created)) = reads.try_next().await? {
            times.extend(created.map(|created| (digest.clone(), created)));
        }
    }
    Ok(times)
}

async fn time(reader: &TagReader<'_>, manifest: &ImageManifest) -> Result<Option<Created>, OciError> {
    match reader.created(manifest).await {
        Err(OciError::Unexpected { .. }) => Ok(None),
        created => created,
    }
}

/// Describes the images of `tags`, in their order. `known` receives the tags that cannot be read.
pub(super) async fn described(
    reader: &TagReader<'_>,
    tags: &[String],
    known: &mut Manifests,
    now: Now<'_>,
) -> Result<Vec<Described>, OciError> {
    let (mut described, mut bytes) = (Vec::new(), 0);
    for (n, some) in tags.chunks(PREPARED).enumerate() {
        now(format!("reading images: {} of {}", n * PREPARED, tags.len()));
        let mut reads: Vec<BoxFuture<'_, Result<_, OciError>>> = Vec::new();
        for tag in some {
            reads.push(describe(reader, tag).boxed());
        }
        let mut reads = stream::iter(reads).buffered(AT_A_TIME);
        while let Some(read) = reads.try_next().await? {
            match read {
                Ok(Some(mut image)) => {
                    if let Some(details) = &mut image.details {
                        bytes += size(details);
                        if bytes > TEXTS {
                            (details.labels, details.platforms) = Default::default();
                        }
                    }
                    described.push(image);
                }
                Ok(None) => {}
                Err((tag, why)) => drop(known.odd.insert(tag, why)),
            }
        }
    }
    Ok(described)
}

/// The bytes of the texts in `details`.
fn size(details: &ImageDetails) -> usize {
    let labels = details.labels.iter().map(|(name, value)| name.len() + value.len());
    labels.chain(details.platforms.iter().map(String::len)).sum()
}

/// The error is the tag that cannot be read, and the reason.
type Describing = Result<Option<Described>, (String, String)>;

async fn describe(reader: &TagReader<'_>, tag: &str) -> Result<Describing, OciError> {
    let manifest = match readable(reader.manifest(tag).await)? {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Ok(Ok(None)),
        Err(why) => return Ok(Err((tag.to_owned(), why))),
    };
    let details = match reader.details(&manifest).await {
        Ok(details) => Some(details),
        Err(OciError::Unexpected { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Ok(Some(Described { tag: tag.to_owned(), digest: manifest.digest, details })))
}
