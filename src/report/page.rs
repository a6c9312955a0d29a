//! The report as a page of HTML: without scripts, without requests, in light and dark, from a width of 360 pixels on.
//!
//! maud escapes every text. The policy of the page refuses scripts and requests, should a text not be inert after all.

mod layers;
mod log;
mod waterfall;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::critical_path::critical_path;
use super::read::Report;
use super::steps::{BuildStep, StepList};
use crate::duration::elapsed_text;
use crate::text;

/// The policy of the page. Its one style is in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("page/style.css");
/// The most steps in each list.
const LISTED: usize = 20;
/// The longest of several texts of a registry, in bytes.
const TEXT: usize = 1 << 10;

/// The annotations of a log.
const REVISION: &str = "org.opencontainers.image.revision";
const CREATED: &str = "org.opencontainers.image.created";
const WORKFLOW: &str = "argo-buildkit.workflow";

impl Report {
    /// The report as a page of HTML.
    pub fn html(&self) -> String {
        page(self)
    }
}

fn page(report: &Report) -> String {
    let name = plain(&report.name);
    let body = body(report, &name);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Build of " (name) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    page.into_string()
}

fn body(report: &Report, name: &str) -> Markup {
    let steps = report.steps.as_ref();
    html! {
        h1 { (name) }
        (facts(report))
        @if let Some(list) = steps { (sections_of(list)) } @else { p { (no_steps(report)) } }
        (layers::section(report))
        (layers::attestations(report))
        (log::section(&report.sections, steps))
    }
}

/// Text of anybody on one line.
fn plain(of: &str) -> String {
    text::brief(of, TEXT)
}

fn no_steps(report: &Report) -> &'static str {
    if report.log.is_empty() {
        "The registry has no log of this build, so its steps are not known."
    } else {
        "The times of the steps are not stored with this log: the build failed, or an older version built it."
    }
}

fn facts(report: &Report) -> Markup {
    let annotation = |name: &str| report.annotations.get(name).map(|value| plain(value)).unwrap_or_default();
    let digest = report.contents.as_ref().map(|contents| contents.digest.clone()).unwrap_or_default();
    let previous = report.previous.as_ref().map(|contents| contents.digest.clone()).unwrap_or_default();
    let (took, cached) = report.steps.as_ref().map(summary).unwrap_or_default();
    let facts = [
        ("Digest", digest),
        ("Commit", annotation(REVISION)),
        ("Workflow", annotation(WORKFLOW)),
        ("Built", annotation(CREATED)),
        ("Took", took),
        ("Cached", cached),
        ("Log", plain(&report.log)),
        ("Previous build", previous),
    ];
    html! {
        dl {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                dt { (name) }
                dd { (value) }
            }
        }
    }
}

/// How long the build took, and how many of its steps were cached.
fn summary(list: &StepList) -> (String, String) {
    let took = list.span().map(|(from, to)| elapsed_text(std::time::Duration::from_millis(to - from)));
    let cacheable = list.steps.iter().filter(|step| step.cacheable);
    let cached = cacheable.clone().filter(|step| step.cached).count();
    (took.unwrap_or_default(), format!("{cached} of {} steps", cacheable.count()))
}

fn sections_of(list: &StepList) -> Markup {
    let path = critical_path(&list.steps);
    html! {
        (waterfall::section(list, &path))
        (critical(list, &path))
        (slowest(list))
        (missed(list))
    }
}

fn critical(list: &StepList, path: &[usize]) -> Markup {
    let steps = path.iter().filter_map(|at| list.steps.get(*at)).filter(|step| !step.took().is_zero());
    html! {
        h2 { "Critical path" }
        p { "The build could not have ended earlier than these steps, one after the other." }
        (listed(&steps.collect::<Vec<_>>()))
    }
}

fn slowest(list: &StepList) -> Markup {
    let mut steps: Vec<_> = list.steps.iter().filter(|step| !step.took().is_zero()).collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.took()));
    steps.truncate(5);
    html! {
        h2 { "Slowest steps" }
        (listed(&steps))
    }
}

fn missed(list: &StepList) -> Markup {
    let steps: Vec<_> = list.steps.iter().filter(|step| step.is_missed()).collect();
    html! {
        h2 { "Steps that were not cached" }
        @if !list.cache_miss.is_empty() { p.why { (list.cache_miss) } }
        @if steps.is_empty() { p { "All steps were cached." } } @else { (listed(&steps)) }
    }
}

/// Steps with their times.
fn listed(steps: &[&BuildStep]) -> Markup {
    html! {
        ol {
            @for step in steps.iter().take(LISTED) {
                li { span.name { (step.name) } " " span.took { (elapsed_text(step.took())) } }
            }
        }
        @if steps.len() > LISTED { p { "And " (steps.len() - LISTED) " more." } }
    }
}
