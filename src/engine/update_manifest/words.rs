//! The texts of a commit and of a pull request, default or from templates.

use tracing::Span;

use crate::engine::Workflow;
use crate::manifest::Change;
use crate::oci::ImageRef;
use crate::step::UpdateManifest;
use crate::step::update_manifest::{Placeholder, Template};
use crate::telemetry;
use crate::text;
use crate::write_back::{Message, trailer};

/// The largest number of changed values listed in a commit's message. Further ones are only counted.
const LISTED: usize = 20;

/// The number of bytes shown of a value, of its path and of its file's path.
const SHOWN: usize = 500;

/// A changed value, and its file.
pub(super) struct FileChange {
    pub(super) file: String,
    pub(super) change: Change,
}

/// The values of the templates' placeholders.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) image: Option<ImageRef>,
    pub(super) branch: String,
    /// The source's repository and commit.
    pub(super) source: Option<(String, String)>,
    /// The workflow, as `namespace/name`.
    pub(super) workflow: String,
    /// The workflow's page in Argo's UI, if known.
    pub(super) workflow_url: Option<String>,
    /// The `traceparent` of the step, if traces are sent.
    pub(super) traceparent: Option<String>,
}

impl Words {
    pub(super) fn new(update: &UpdateManifest, workflow: &Workflow, argo_url: Option<&str>) -> Self {
        Self {
            image: update.image.clone(),
            branch: update.branch.clone(),
            source: update.source.as_ref().map(|s| (s.repo.to_string(), s.commit.clone())),
            workflow_url: argo_url.map(|url| workflow.page(url)),
            workflow: workflow.full_name(),
            traceparent: telemetry::traceparent(&Span::current()),
        }
    }

    /// Fills `template` with these values and with the changes.
    pub(super) fn fill(&self, template: &Template, changes: &[FileChange]) -> String {
        template.render(|placeholder| self.value(placeholder, changes))
    }

    fn value(&self, placeholder: Placeholder, changes: &[FileChange]) -> String {
        let image = self.image.as_ref();
        let source = self.source.clone().unwrap_or_default();
        let value = match placeholder {
            Placeholder::Image => image.map(ToString::to_string),
            Placeholder::ImageName => image.map(|image| image.repository().to_owned()),
            Placeholder::Tag => image.and_then(|image| image.tag()).map(str::to_owned),
            Placeholder::Digest => image.and_then(|image| image.digest()).map(str::to_owned),
            Placeholder::Branch => Some(self.branch.clone()),
            Placeholder::Files => Some(files(changes).join(", ")),
            Placeholder::Changes => Some(listed(changes)),
            Placeholder::SourceRepo => Some(source.0),
            Placeholder::SourceCommit => Some(source.1),
            Placeholder::Workflow => Some(self.workflow.clone()),
            Placeholder::WorkflowUrl => self.workflow_url.clone(),
        };
        value.unwrap_or_default()
    }

    /// The default message: the updated image, and each value.
    pub(super) fn message(&self, changes: &[FileChange]) -> String {
        format!("{}\n\n{}", self.subject(changes), listed(changes))
    }

    fn subject(&self, changes: &[FileChange]) -> String {
        let files = files(changes);
        match &self.image {
            Some(image) => format!("Update {} to {}", image.repository(), version(image)),
            None if files.len() > 3 => format!("Update {} manifests", files.len()),
            None => format!("Update {}", files.join(", ")),
        }
    }

    /// The trailers: the workflow, the image and its source, and the targets.
    pub(super) fn trailers(&self, manifests: Vec<String>, places: Vec<String>) -> Vec<(String, String)> {
        let mut trailers = vec![(trailer::WORKFLOW, self.workflow.clone())];
        if let Some((repo, commit)) = &self.source {
            trailers.extend([(trailer::SOURCE_REPO, repo.clone()), (trailer::SOURCE_COMMIT, commit.clone())]);
        }
        if let Some(image) = &self.image {
            let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
            trailers.push((trailer::IMAGE, format!("{}{tag}", image.name())));
            trailers.extend(image.digest().map(|digest| (trailer::IMAGE_DIGEST, digest.to_owned())));
        }
        trailers.extend(self.traceparent.clone().map(|traceparent| (trailer::TRACEPARENT, traceparent)));
        trailers.extend(manifests.into_iter().map(|manifest| (trailer::MANIFEST, manifest)));
        trailers.extend(places.into_iter().map(|place| (trailer::PLACE, place)));
        trailers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The image's tag, or the beginning of its digest.
fn version(image: &ImageRef) -> String {
    let short = |digest: &str| digest.chars().take("sha256:".len() + 12).collect();
    match (image.tag(), image.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(digest)) => short(digest),
        (None, None) => "latest".to_owned(),
    }
}

/// The changed files, each once.
fn files(changes: &[FileChange]) -> Vec<&str> {
    let mut files: Vec<&str> = changes.iter().map(|change| change.file.as_str()).collect();
    files.dedup();
    files
}

/// One line for each value.
fn listed(changes: &[FileChange]) -> String {
    let line = |FileChange { file, change }: &FileChange| {
        let shown = |value: &str| text::brief(value, SHOWN);
        let old = if change.old.is_empty() { "(nothing)".to_owned() } else { shown(&change.old) };
        format!("{} {}: {old} -> {}", shown(file), shown(&change.path), shown(&change.new))
    };
    let mut lines: Vec<String> = changes.iter().take(LISTED).map(line).collect();
    if changes.len() > LISTED {
        lines.push(format!("and {} more", changes.len() - LISTED));
    }
    lines.join("\n")
}

/// The commit's message: `text`, the marker if requested, and the trailers.
pub(super) fn compose(text: &str, skip_ci: bool, trailers: Vec<(String, String)>) -> Message {
    let marker = if skip_ci { "\n\n[skip ci]" } else { "" };
    Message { text: format!("{}{marker}", text.trim_end()), trailers }
}
