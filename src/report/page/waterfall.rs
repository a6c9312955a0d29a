//! The steps of a build over time.

use std::collections::HashSet;

use maud::{Markup, html};

use crate::duration::elapsed_text;
use crate::report::steps::{BuildStep, StepList};

/// The most steps that are drawn.
const DRAWN: usize = 300;
/// The width of a bar, and the least width of a step in it. A bar is drawn as wide as the page.
const WIDTH: f64 = 1000.0;
const LEAST: f64 = 3.0;

pub(super) fn section(list: &StepList, path: &[usize]) -> Markup {
    let Some(span) = list.span() else { return html! { p { "No step of this build has a time." } } };
    let path: HashSet<_> = path.iter().copied().collect();
    let (drawn, hidden) = drawn(&list.steps);
    let hidden = hidden.saturating_add(list.left_out);
    html! {
        h2 { "Steps" }
        p { "Each bar is the time of a step within the build. Steps of the critical path are marked." }
        ol.steps {
            @for at in drawn {
                @if let Some(step) = list.steps.get(at) { (row(step, span, path.contains(&at))) }
            }
        }
        @if hidden > 0 { p { "And " (hidden) " more steps, which are shorter or not stored." } }
    }
}

/// The positions of the steps that are drawn, by their start, and the number of the others. If they are too many, the longest are drawn.
fn drawn(steps: &[BuildStep]) -> (Vec<usize>, usize) {
    let timed = steps.iter().enumerate().filter(|(_, step)| step.times().is_some());
    let mut timed: Vec<_> = timed.collect();
    let all = timed.len();
    if all > DRAWN {
        timed.sort_by_key(|(_, step)| std::cmp::Reverse(step.took()));
        timed.truncate(DRAWN);
    }
    timed.sort_by_key(|(at, step)| (step.times(), *at));
    let hidden = all - timed.len();
    (timed.into_iter().map(|(at, _)| at).collect(), hidden)
}

fn row(step: &BuildStep, span: (u64, u64), is_on_path: bool) -> Markup {
    let (x, width) = place(step, span);
    let kind = match step {
        BuildStep { error: Some(_), .. } => "failed",
        BuildStep { cached: true, .. } => "cached",
        _ if is_on_path => "path",
        _ => "ran",
    };
    html! {
        li {
            span.name { (step.name) }
            " "
            span.mark { (marks(step, is_on_path)) }
            svg.bar viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true" {
                rect.back width="1000" height="8" {}
                rect class=(kind) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="8" {}
            }
            @if let Some(error) = &step.error { p.bad { (error) } }
        }
    }
}

/// What the colours mean, as text.
fn marks(step: &BuildStep, is_on_path: bool) -> String {
    let took = elapsed_text(step.took());
    let mut marks = vec![if step.cached { "cached".to_owned() } else { took }];
    if step.error.is_some() {
        marks.push("failed".to_owned());
    }
    if is_on_path {
        marks.push("critical path".to_owned());
    }
    marks.join(" · ")
}

/// Where the bar of a step begins, and how wide it is.
fn place(step: &BuildStep, (from, to): (u64, u64)) -> (f64, f64) {
    let (started, ended) = step.times().unwrap_or((from, from));
    let scale = WIDTH / (to.saturating_sub(from).max(1)) as f64;
    let width = (ended.saturating_sub(started) as f64 * scale).clamp(LEAST, WIDTH);
    let x = (started.saturating_sub(from) as f64 * scale).min(WIDTH - width);
    (x, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(started: u64, ended: u64) -> BuildStep {
        BuildStep { started: Some(started), ended: Some(ended), ..BuildStep::default() }
    }

    #[test]
    fn a_bar_is_within_the_build_and_can_be_seen() {
        for (started, ended, expected) in
            [(0, 100, (0.0, 1000.0)), (50, 75, (500.0, 250.0)), (0, 0, (0.0, 3.0)), (100, 100, (997.0, 3.0))]
        {
            assert_eq!(place(&step(started, ended), (0, 100)), expected);
        }
        let (x, width) = place(&step(u64::MAX, u64::MAX), (0, u64::MAX));
        assert!(x >= 0.0 && x + width <= WIDTH);
        assert_eq!(place(&step(7, 7), (7, 7)), (0.0, 3.0));
    }

    #[test]
    fn of_many_steps_the_longest_are_drawn() {
        let steps: Vec<_> = (0..400).map(|n| step(n, 2 * n)).collect();
        let (drawn, hidden) = drawn(&steps);
        assert_eq!((drawn.len(), hidden, drawn.first()), (DRAWN, 100, Some(&100)));
    }
}
