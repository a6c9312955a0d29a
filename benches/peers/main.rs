//! `make bench`: what a build costs beside `buildctl`, and what the sidecar costs at all.
//!
//! It asserts no number: it prints a table, with the bound beside each. docs/benchmarks.md says how to read it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops when something broke"
)]

mod build;
mod flight;
mod http;
mod measured;
mod sidecar;
#[expect(dead_code, reason = "the tests need more of the servers than the bench does")]
mod support;
mod table;
mod world;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == measured::FLAG) {
        return measured::child(&arguments[1..]);
    }
    // `cargo test --all-targets` starts benches too, without this flag.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    raise_the_limit_of_open_files();
    let world = world::World::start();
    let mut table = table::Table::default();
    build::compare(&world, &mut table);
    sidecar::start_and_rest(&world, &mut table);
    flight::poll_a_thousand(&world, &mut table);
    println!("{table}");
}

/// A thousand jobs in flight are a thousand connections, at either end.
fn raise_the_limit_of_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
