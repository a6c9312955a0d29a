//! What a copy tells: one line, and the outputs.

use std::time::Duration;

use serde_json::json;

use super::copy::Copied;
use crate::oci::CopyProgress;
use crate::outcome::{Outputs, Success};
use crate::step::Push;

pub(super) fn success(push: &Push, copied: &Copied, progress: &CopyProgress, took: Duration) -> Success {
    let tags: Vec<_> = push
        .targets
        .iter()
        .flat_map(|target| {
            let name = target.repository.image.name();
            target.tags.iter().map(move |tag| format!("{name}:{tag}"))
        })
        .collect();
    let first = push.targets.first().map(|target| target.repository.image.name()).unwrap_or_default();
    let outputs = [
        ("digest", copied.digest.clone()),
        ("image", format!("{first}@{}", copied.digest)),
        ("tags", json!(tags).to_string()),
        ("resolved", copied.resolved.clone()),
        ("changed", copied.is_changed.to_string()),
        ("dropped", json!(copied.dropped).to_string()),
        ("referrers", copied.referrers.to_string()),
        ("copied-bytes", progress.copied().to_string()),
        ("seconds", format!("{:.1}", took.as_secs_f64())),
        ("warnings", json!(copied.warnings).to_string()),
    ];
    let outputs: Outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
    Success { summary: summary(push, copied, progress, &tags), outputs }
}

fn summary(push: &Push, copied: &Copied, progress: &CopyProgress, tags: &[String]) -> String {
    let names: Vec<_> = match tags {
        [] => push.targets.iter().map(|target| target.repository.image.name()).collect(),
        tags => tags.to_vec(),
    };
    let (first, digest) = (names.first().cloned().unwrap_or_default(), &copied.digest);
    let more = match names.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    if !copied.is_changed {
        return format!("{first}{more} had {digest} already");
    }
    let left_out = match copied.dropped.as_slice() {
        [] => String::new(),
        dropped => format!(", without {}", dropped.join(", ")),
    };
    let (bytes, mounted) = (megabytes(progress.copied()), progress.mounted());
    format!(
        "{first}{more} is {digest}{left_out} ({bytes} copied, {mounted} blobs mounted, {} present)",
        progress.present()
    )
}

/// `12.3 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}
