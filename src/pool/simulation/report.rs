//! The table and the plot of docs/scaling.md.

use super::fleet::Change;
use super::runs::{Runs, SIZE, SIZES, is_in_plot};
use super::strategy::Strategy;
use super::trace::SERVICES;

/// The length of a bar of 100 %.
const BAR: f64 = 40.0;

/// What stands between the two markers of the page.
pub(super) fn markdown(runs: &Runs) -> String {
    format!("\n{}\n\n```text\n{}\n```\n\n", table(runs), plot(runs))
}

fn table(runs: &Runs) -> String {
    let grown = SIZE + SIZE / 5;
    let head = format!(
        "| choice | builds that found their layers | wait, median | wait, p99 | services moved when one of {SIZE} is killed | \
         services moved by {SIZE} → {grown} |\n|---|---|---|---|---|---|"
    );
    let rows = Strategy::ALL.map(|strategy| row(runs, strategy));
    format!("{head}\n{}", rows.join("\n"))
}

fn row(runs: &Runs, strategy: Strategy) -> String {
    let outcome = runs.of(strategy, SIZE);
    let moved = |change| match strategy.moved(&runs.setup, change) {
        Some(count) => percent(count as f64 / SERVICES as f64),
        None => "–".to_owned(),
    };
    let cells = [
        strategy.name().to_owned(),
        percent(outcome.hit_rate()),
        time(outcome.wait(50)),
        time(outcome.wait(99)),
        moved(Change::Killed(0)),
        moved(Change::Grown),
    ];
    format!("| {} |", cells.join(" | "))
}

fn plot(runs: &Runs) -> String {
    SIZES.map(|size| bars(runs, size)).join("\n\n")
}

/// The bars of the pools of one size.
fn bars(runs: &Runs, size: usize) -> String {
    let shown = Strategy::ALL.into_iter().filter(|strategy| is_in_plot(*strategy));
    let bars: Vec<_> = shown.map(|strategy| bar(runs, strategy, size)).collect();
    format!("{size} daemons\n{}", bars.join("\n"))
}

fn bar(runs: &Runs, strategy: Strategy, size: usize) -> String {
    let outcome = runs.of(strategy, size);
    let rate = outcome.hit_rate();
    let bar = "█".repeat((rate * BAR).round() as usize);
    let (name, rate, wait) = (strategy.name(), percent(rate), time(outcome.wait(99)));
    format!("  {name:<27}{bar:<40} {rate:>7}   p99 {wait}")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn time(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}
