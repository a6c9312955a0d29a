//! What the image consists of.

use maud::{Markup, html};

use super::plain;
use crate::oci::{ImageContents, PlatformContents};
use crate::report::layer_rows::{self, LayerRow};
use crate::report::read::Report;
use crate::text::size_text;

/// The layers of each platform, beside those of the previous build.
pub(super) fn section(report: &Report) -> Markup {
    let Some(contents) = &report.contents else { return html! {} };
    html! {
        h2 { "Layers" }
        @if report.previous.is_none() { p { "The previous build is not known, or not in the registry any more." } }
        @for image in &contents.platforms {
            (platform(image, before(image, contents, report.previous.as_ref())))
        }
    }
}

/// The same platform of the previous build. A build of one platform need not name it.
fn before<'a>(
    image: &PlatformContents,
    now: &ImageContents,
    then: Option<&'a ImageContents>,
) -> Option<&'a PlatformContents> {
    let then = then?;
    let same = then.platforms.iter().find(|other| other.platform == image.platform);
    let only = then.platforms.first().filter(|_| then.platforms.len() == 1 && now.platforms.len() == 1);
    same.or(only)
}

fn platform(image: &PlatformContents, then: Option<&PlatformContents>) -> Markup {
    let total = size_text(layer_rows::total(image));
    html! {
        h3 { (plain(&image.platform)) " " span.mark { (plain(&image.digest)) } }
        table {
            thead { tr { th { "Instruction" } th.size { "Size" } th.size { "Previous" } } }
            tbody {
                @for layer in layer_rows::rows(image, then) { (row(&layer, then.is_some())) }
                tr {
                    td { "All layers" }
                    td.size { (total) }
                    td.size { @if let Some(then) = then { (size_text(layer_rows::total(then))) } }
                }
            }
        }
    }
}

fn row(row: &LayerRow<'_>, is_compared: bool) -> Markup {
    let made = plain(&row.layer.created_by);
    let made = if made.is_empty() { plain(&row.layer.digest) } else { made };
    html! {
        tr {
            td { (made) }
            td.size { (size_text(row.layer.size)) }
            td.size { (previous(row, is_compared)) }
        }
    }
}

/// The size of the layer in the previous build.
fn previous(row: &LayerRow<'_>, is_compared: bool) -> String {
    match row.before {
        Some(_) if row.is_same => "the same".to_owned(),
        Some(size) => size_text(size),
        None if is_compared => "new".to_owned(),
        None => String::new(),
    }
}

/// The attestations of the image.
pub(super) fn attestations(report: &Report) -> Markup {
    let Some(contents) = &report.contents else { return html! {} };
    html! {
        h2 { "Attestations" }
        @if contents.attestations.is_empty() { p { "The index of the image has no attestations." } }
        ul {
            @for attestation in &contents.attestations {
                li {
                    (plain(&attestation.predicate)) " "
                    span.mark { (size_text(attestation.size)) " · " (plain(&attestation.digest)) }
                }
            }
        }
    }
}
