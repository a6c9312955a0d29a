//! What the entries before a `notify` have made, as rows of its message.

use crate::argocd::short;
use crate::engine::context::EarlierResult;
use crate::notify::Row;
use crate::step::Kind;

/// The outputs of the entries before a `notify`. Of several entries of a kind, the last one counts.
pub(super) struct EarlierOutputs<'a>(pub(super) &'a [EarlierResult]);

impl<'a> EarlierOutputs<'a> {
    /// The output `name` of the entry of `kind`, if there is one and it is not empty.
    pub(super) fn output(&self, kind: Kind, name: &str) -> Option<&'a str> {
        let last = self.0.iter().rev().find(|result| result.kind == kind)?;
        last.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a newer commit has replaced what the entries made.
    pub(super) fn is_superseded(&self) -> bool {
        self.output(Kind::Sync, "outcome") == Some("superseded")
            || self.output(Kind::UpdateManifest, "superseded-by").is_some()
    }

    /// The image's name without its registry, such as `shop/api`.
    pub(super) fn service(&self) -> Option<&'a str> {
        let image = self.image()?;
        let name = image.split_once('@').map_or(image, |(name, _)| name);
        Some(name.split_once('/').map_or(name, |(_, path)| path))
    }

    fn image(&self) -> Option<&'a str> {
        self.output(Kind::Build, "image").or_else(|| self.output(Kind::Push, "image"))
    }

    /// What was made, in order.
    pub(super) fn rows(&self) -> Vec<Row> {
        [self.image_row(), self.build_row(), self.commit_row(), self.deployed_row()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn image_row(&self) -> Option<Row> {
        let image = self.image()?;
        let text = match image.split_once("@sha256:") {
            Some((name, digest)) => format!("{name}@sha256:{}", short(digest)),
            None => image.to_owned(),
        };
        Some(Row::new("Image", text))
    }

    fn build_row(&self) -> Option<Row> {
        let build = |name| self.output(Kind::Build, name);
        if build("skipped") == Some("true") {
            return Some(Row::new("Build", "the image was there already"));
        }
        let (seconds, cached, total) = (build("seconds")?, build("cached-steps")?, build("total-steps")?);
        Some(Row::new("Build", format!("{seconds} s, {cached} of {total} steps cached")))
    }

    fn commit_row(&self) -> Option<Row> {
        let update = |name| self.output(Kind::UpdateManifest, name);
        let (commit, number) = (update("commit"), update("number"));
        let text = match (commit, number) {
            (_, Some(number)) => format!("pull request #{number}"),
            (Some(commit), None) => short(commit).to_owned(),
            (None, None) => return None,
        };
        let link = update("url").filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        Some(Row { link: link.map(str::to_owned), ..Row::new("GitOps", text) })
    }

    fn deployed_row(&self) -> Option<Row> {
        let sync = |name| self.output(Kind::Sync, name);
        let health = sync("health")?;
        let at = sync("deployed").map(|commit| format!(" at {}", short(commit))).unwrap_or_default();
        let waited = sync("waited").map(|seconds| format!(", after {seconds} s")).unwrap_or_default();
        Some(Row::new("Deployed", format!("{health}{at}{waited}")))
    }
}
