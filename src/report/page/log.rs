//! The log of each step, folded.

use maud::{Markup, html};

use crate::report::log_sections::{LogSection, LogSections};
use crate::report::steps::{BuildStep, StepList};

/// The most bytes of a log that is read; see `log_sections`.
const LONGEST: &str = "256 MiB";

pub(super) fn section(sections: &LogSections, list: Option<&StepList>) -> Markup {
    let steps = list.map(|list| &list.steps[..]).unwrap_or_default();
    let with_lines = || steps.iter().zip(&sections.of_steps).filter(|(_, section)| !section.lines.is_empty());
    let is_empty = with_lines().next().is_none() && sections.others.lines.is_empty();
    html! {
        h2 { "Log" }
        @if is_empty { p { "There is no log." } }
        @if sections.breaks_off { p { "The log is damaged or longer than " (LONGEST) "; its end is not shown." } }
        @for (step, section) in with_lines() { (folded(&step.name, section, is_failed(step))) }
        @if !sections.others.lines.is_empty() { (folded("Other lines", &sections.others, steps.is_empty())) }
    }
}

fn is_failed(step: &BuildStep) -> bool {
    step.error.is_some()
}

fn folded(name: &str, section: &LogSection, is_open: bool) -> Markup {
    let lines = section.lines.len() as u64 + section.left_out;
    html! {
        details open[is_open] {
            summary { (name) " " span.mark { @if lines == 1 { "1 line" } @else { (lines) " lines" } } }
            @if section.left_out > 0 {
                p { "The first " (section.left_out) " lines are left out; " code { "argo-buildkit log" } " prints all that is stored." }
            }
            pre { @for line in &section.lines { (line) "\n" } }
        }
    }
}
