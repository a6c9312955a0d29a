//! `tags`: what tags a repository has, and what they name.

mod ages;
mod apply;
mod images;
mod in_use;
mod order;
mod outcome;
mod plan;
mod planned;
mod report;
mod retain;

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::Engine;
use super::context::Cx;
use crate::oci::{Auth, ImageManifest, OciError, Registry, TagReader};
use crate::outcome::{StepError, Success};
use crate::step::{TagOrder, Tags};
pub(crate) use images::Described;
use images::Manifests;
pub(crate) use report::{TagReport, described, shown};

/// Receives what is being done.
pub(crate) type Now<'a> = &'a (dyn Fn(String) + Send + Sync);

pub(super) async fn run(engine: &Engine, tags: &Tags, cx: &Cx) -> Result<Success, StepError> {
    cx.now(format!("reading {}", tags.image.image));
    let auth = engine.registry_auth(cx, tags.registry_secret.as_ref()).await?;
    let auth = auth.with_cache(engine.tenancy.cleanup_rights(&cx.workflow.namespace, tags));
    if let Some(retention) = &tags.delete {
        return retain::run(engine, tags, retention, &auth, cx).await;
    }
    let asking = Asking { deadline: cx.deadline, now: &|now| cx.now(now), describes_first: true };
    let registry = engine.registry.of(engine.tenancy.tenant(&cx.workflow));
    let report = report(&registry, &auth, tags, asking).await?;
    Ok(report.success(tags, &cx.redactor))
}

/// How a question is asked.
pub(crate) struct Asking<'a> {
    /// Nothing is tried again after this time.
    pub(crate) deadline: Instant,
    pub(crate) now: Now<'a>,
    /// Whether the first of several tags is described, even without `details`.
    pub(crate) describes_first: bool,
}

/// Asks the registry.
pub(crate) async fn report(
    registry: &Registry,
    auth: &Auth,
    tags: &Tags,
    asking: Asking<'_>,
) -> Result<TagReport, StepError> {
    let Asking { deadline, now, describes_first } = asking;
    let image = &tags.image;
    let mut reader = registry.tag_reader(&image.image, auth, image.insecure, deadline)?;
    match tags.name() {
        Some(name) => Ok(one(&reader, name).await?),
        None => all(&mut reader, tags, now, describes_first).await,
    }
}

/// Asks about one image.
async fn one(reader: &TagReader<'_>, name: &str) -> Result<TagReport, OciError> {
    let Some(manifest) = reader.manifest(name).await? else { return Ok(TagReport::default()) };
    let details = reader.details(&manifest).await?;
    let first = Described { tag: name.to_owned(), digest: manifest.digest, details: Some(details) };
    Ok(TagReport { count: 1, tags: vec![name.to_owned()], images: vec![first], ..TagReport::default() })
}

/// Asks about the tags that the step chooses.
async fn all(
    reader: &mut TagReader<'_>,
    step: &Tags,
    now: Now<'_>,
    describes_first: bool,
) -> Result<TagReport, StepError> {
    let list = reader.list().await?;
    let counts = step.filter.matcher();
    let mut tags: Vec<String> = list.tags.into_iter().filter(|tag| counts(tag)).collect();
    let mut report = TagReport { count: tags.len(), ..TagReport::default() };
    if list.odd > 0 {
        report
            .warnings
            .push(format!("{} names that the registry lists cannot be tags, and are left out", list.odd));
    }
    let limit = step.limit.unwrap_or(usize::MAX);
    let mut manifests = Manifests::default();
    match step.order {
        TagOrder::Name => {}
        TagOrder::Semver => order::by_version(&mut tags),
        TagOrder::Created if step.details && limit >= tags.len() => {
            return described_by_time(reader, tags, report, now).await;
        }
        TagOrder::Created => {
            images::check_count(tags.len())?;
            manifests = images::manifests(reader, &tags, now).await?;
            let times = images::times(reader, &manifests, &tags, now).await?;
            let unknown = order::by_time(&mut tags, |tag| times.get(&manifests.get(tag)?.digest).copied());
            report.warn_of_unknown(unknown);
        }
    }
    tags.truncate(limit);
    let count = if step.details { tags.len() } else { usize::from(describes_first).min(tags.len()) };
    images::check_count(count)?;
    report.images = images::described(reader, &tags[..count], &mut manifests, now).await?;
    report.warnings.extend(manifests.unreadable());
    report.tags = tags;
    Ok(report)
}

/// Reads everything about each image once, and sorts them then.
async fn described_by_time(
    reader: &TagReader<'_>,
    mut tags: Vec<String>,
    mut report: TagReport,
    now: Now<'_>,
) -> Result<TagReport, StepError> {
    images::check_count(tags.len())?;
    let mut manifests = Manifests::default();
    let images = images::described(reader, &tags, &mut manifests, now).await?;
    let mut by_tag: BTreeMap<_, _> = images.into_iter().map(|image| (image.tag.clone(), image)).collect();
    let unknown = order::by_time(&mut tags, |tag| by_tag.get(tag)?.details.as_ref()?.created);
    report.warn_of_unknown(unknown);
    report.images = tags.iter().filter_map(|tag| by_tag.remove(tag)).collect();
    report.warnings.extend(manifests.unreadable());
    report.tags = tags;
    Ok(report)
}

impl TagReport {
    fn warn_of_unknown(&mut self, unknown: usize) {
        if unknown > 0 {
            self.warnings.push(format!("{unknown} images do not say when they were made; they come last"));
        }
    }
}

/// The manifest of a tag that can be read.
fn readable(
    found: Result<Option<ImageManifest>, OciError>,
) -> Result<Result<Option<ImageManifest>, String>, OciError> {
    match found {
        Ok(found) => Ok(Ok(found)),
        // One odd manifest does not hide the other tags.
        Err(OciError::Unexpected { why, .. }) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}
