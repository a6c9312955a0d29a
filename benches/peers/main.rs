//! `make bench`: what a build costs beside `buildctl`, and what the sidecar and the shared agent cost at all.
//!
//! It asserts no number: it prints a table, with the bound beside each. docs/benchmarks.md says how to read it.
//! Of its parts those run that are named as arguments, all without: `editor`, `builds`, `agent`, `pool`, `push`, `sweep`, `tags`, and `write-back`, of
//! which `writers` is a part itself.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops when something broke"
)]

mod agent;
#[expect(dead_code, reason = "the other bench needs more of the API")]
#[path = "../chain/api.rs"]
mod api;
mod build;
mod editor;
mod flight;
mod http;
mod measured;
mod pool;
mod push;
mod sidecar;
#[expect(dead_code, unused_imports, reason = "the tests need more of the servers than the bench does")]
#[path = "../../tests/support/lib.rs"]
mod support;
mod sweep;
mod table;
mod tags;
mod world;
mod write_back;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == measured::FLAG) {
        return measured::child(&arguments[1..]);
    }
    // `cargo test --all-targets` starts benches too, without this flag.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let parts: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|part| !part.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    raise_the_limit_of_open_files();
    let mut table = table::Table::default();
    if wanted("editor") {
        editor::compare(&mut table);
    }
    if wanted("builds") {
        let world = world::World::start();
        build::compare(&world, &mut table);
        sidecar::start_and_rest(&world, &mut table);
        flight::poll_a_thousand(&world, &mut table);
    }
    if wanted("write-back") {
        write_back::compare(&mut table);
    }
    if wanted("write-back") || wanted("writers") {
        write_back::a_hundred_writers(&mut table);
    }
    if wanted("pool") {
        pool::measure(&mut table);
    }
    if wanted("push") {
        push::compare(&mut table);
    }
    if wanted("sweep") {
        sweep::measure(&mut table);
    }
    if wanted("tags") {
        tags::compare(&mut table);
    }
    // The last: its API server runs to the end.
    if wanted("agent") {
        agent::measure(&mut table);
    }
    println!("{table}");
}

/// A thousand jobs in flight are a thousand connections, at either end.
fn raise_the_limit_of_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
