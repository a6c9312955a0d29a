//! Reads everything that a report shows from the registry.

use std::collections::BTreeMap;

use super::log_sections::LogSections;
use super::steps::StepList;
use crate::oci::{Auth, ImageContents, ImageRef, OciError, Registry, StoredLog};

/// The registry of an image, and the login for it.
#[derive(Clone, Copy)]
pub struct ReportSource<'a> {
    /// The registries.
    pub registry: &'a Registry,
    /// The logins.
    pub auth: &'a Auth,
    /// Whether any certificate and plain http are accepted.
    pub insecure: bool,
}

/// What a report shows.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The image, or the log of a build that made no image.
    pub(super) name: String,
    /// The reference of the log; empty if there is none.
    pub(super) log: String,
    /// The annotations of the log.
    pub(super) annotations: BTreeMap<String, String>,
    /// The steps; `None` if they were not stored.
    pub(super) steps: Option<StepList>,
    pub(super) sections: LogSections,
    pub(super) contents: Option<ImageContents>,
    pub(super) previous: Option<ImageContents>,
}

impl Report {
    /// Reads the report of the build of `image`, whose log is `log`. `image` may also name the log itself. The layers are compared with those
    /// of `previous`, or else with those of the image that the stored steps name. `None` if there is neither an image nor a log.
    ///
    /// # Errors The registry does not answer, refuses the login, or answers with something else.
    pub async fn read(
        source: ReportSource<'_>,
        image: &ImageRef,
        log: Option<StoredLog>,
        previous: Option<&ImageRef>,
    ) -> Result<Option<Self>, OciError> {
        let built = match &log {
            Some(log) => log.subject.as_deref().and_then(|subject| at(image, subject)),
            None => Some(image.clone()),
        };
        let contents = source.contents(built.as_ref()).await?;
        if log.is_none() && contents.is_none() {
            return Ok(None);
        }
        let mut report = Self { name: built.as_ref().unwrap_or(image).to_string(), ..Self::default() };
        if let Some(log) = log {
            report.take_log(image, log).await;
        }
        let told = report.steps.as_ref().and_then(|steps| at(image, steps.previous.as_deref()?));
        report.previous = match previous {
            Some(previous) => source.contents(Some(previous)).await?,
            // It is not there any more if the registry keeps only tagged images.
            None => source.contents(told.as_ref()).await.unwrap_or_default(),
        };
        report.contents = contents;
        Ok(Some(report))
    }

    async fn take_log(&mut self, image: &ImageRef, log: StoredLog) {
        self.log = format!("{}@{}", image.name(), log.digest);
        self.annotations = log.annotations;
        let (gzip, steps) = (log.gzip, log.steps);
        // A log has some 40 MiB of text.
        let read = move || {
            let steps = steps.and_then(|steps| StepList::from_gzip(&steps));
            let sections =
                LogSections::read(&gzip, steps.as_ref().map(|list| &list.steps[..]).unwrap_or_default());
            (steps, sections)
        };
        (self.steps, self.sections) = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    }
}

impl ReportSource<'_> {
    async fn contents(&self, image: Option<&ImageRef>) -> Result<Option<ImageContents>, OciError> {
        match image {
            Some(image) => self.registry.contents(image, self.auth, self.insecure).await,
            None => Ok(None),
        }
    }
}

/// The image with `digest` in the repository of `image`.
fn at(image: &ImageRef, digest: &str) -> Option<ImageRef> {
    format!("{}@{digest}", image.name()).parse().ok()
}
