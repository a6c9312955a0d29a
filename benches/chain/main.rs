//! `make bench-chain`: from a Workflow's creation to the commit on the Git server, and to the Workflow's end, beside a
//! pod per step and beside Tekton, on the tests' cluster.
//!
//! It asserts no number: it prints tables, with the goal beside each ratio. docs/benchmarks.md says how to read them.
//! `ours` or `defaults` as an argument measures under Argo's settings of that kind only, and a number is that of runs. `push` begins with
//! the push in place of the Workflow; `push healthy` ends with the pod in place of the commit.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops when something broke"
)]

mod api;
#[expect(dead_code, reason = "the tests need more of the cluster than the bench does")]
#[path = "../../tests/e2e/cluster.rs"]
mod cluster;
mod contender;
mod healthy;
mod hooks;
#[path = "../../tests/e2e/install.rs"]
mod install;
#[expect(dead_code, reason = "this crate needs a part of it")]
#[path = "../../tests/e2e/mode.rs"]
mod mode;
mod peers;
mod push;
mod report;
mod settings;
mod shared_agent;
mod shop;
mod stages;
#[expect(dead_code, unused_imports, reason = "the tests need more of the servers than the bench does")]
#[path = "../../tests/support/lib.rs"]
mod support;
#[expect(dead_code, reason = "the other bench needs more of the table")]
#[path = "../peers/table.rs"]
mod table;
mod timed;

use contender::Contender;
use report::Report;
use settings::Settings;
use shop::Shop;

/// Runs of each that are counted; one before them warms caches and is not.
const RUNS: usize = 10;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` starts benches too, without this flag.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let runs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
    let named: Vec<Settings> = arguments.iter().filter_map(|argument| Settings::named(argument)).collect();
    let shop = Shop::open().await;
    peers::install();
    shared_agent::allow_sidecars();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if has("push") {
        push::measure(runs, &shop, has("healthy")).await;
        return;
    }
    let mut report = Report::default();
    for settings in [Settings::Ours, Settings::Defaults] {
        if named.is_empty() || named.contains(&settings) {
            measure(settings, runs, &shop, &mut report).await;
            println!("{report}");
        }
    }
}

/// All in turns, one at a time.
async fn measure(settings: Settings, runs: usize, shop: &Shop, report: &mut Report) {
    settings.apply();
    let mut served = None;
    for number in 0..=runs {
        for contender in Contender::under(settings) {
            if served.replace(contender.has_agent()) != Some(contender.has_agent()) {
                shared_agent::switch(contender.has_agent());
                if contender.has_agent() {
                    // It serves for weeks: its first connections are nobody's usual wait.
                    timed::run(contender, shop).await;
                }
            }
            let timed = timed::run(contender, shop).await;
            println!("{settings} {number} {contender}: {timed}");
            if number > 0 {
                report.add(settings, contender, timed);
            }
        }
    }
}
