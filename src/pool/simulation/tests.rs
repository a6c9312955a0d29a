#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::LazyLock;
use std::{env, fs};

use super::fleet::Change;
use super::report;
use super::runs::{Runs, SIZE, SIZES};
use super::strategy::Strategy;
use super::trace::{BUILDS, SERVICES};

const PAGE: &str = "docs/scaling.md";
const BEGIN: &str = "<!-- simulation -->\n";
const END: &str = "<!-- end of simulation -->\n";
const WRITE: &str = "ARGO_BUILDKIT_WRITE_DOCS";

static RUNS: LazyLock<Runs> = LazyLock::new(Runs::new);

/// The sizes of pools that have enough places for the day. The smallest one has not.
fn large_enough() -> impl Iterator<Item = usize> {
    SIZES.into_iter().skip(1)
}

#[test]
fn the_page_has_the_numbers_of_the_simulation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (block, after) = rest.split_once(END).unwrap();
    let made = report::markdown(&RUNS);
    if env::var_os(WRITE).is_some() {
        fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
    } else {
        assert!(block == made, "{PAGE} is not up to date; run this test with {WRITE}=1 to write:\n{made}");
    }
}

#[test]
fn more_builds_find_their_layers_than_by_modulo_or_at_random() {
    for size in large_enough() {
        let [ours, modulo, random] = [Strategy::Ours, Strategy::Modulo, Strategy::Random]
            .map(|strategy| RUNS.of(strategy, size).hit_rate());
        assert!(ours > modulo && ours > random, "{size} daemons: {ours} {modulo} {random}");
    }
    let [ours, least] =
        [Strategy::Ours, Strategy::LeastLoaded].map(|strategy| RUNS.of(strategy, SIZE).hit_rate());
    assert!(ours > least, "{ours} {least}");
}

/// A hash is not exactly even, so a daemon may have a quarter more than its share.
#[test]
fn a_change_moves_about_the_share_of_the_daemons_that_change() {
    let moved = |strategy: Strategy, change| strategy.moved(&RUNS.setup, change).unwrap();
    let more = SIZE / 5;
    for (change, share) in
        [(Change::Killed(0), SERVICES / SIZE), (Change::Grown, SERVICES * more / (SIZE + more))]
    {
        let [ours, modulo] = [Strategy::Ours, Strategy::Modulo].map(|strategy| moved(strategy, change));
        assert!(ours * 4 <= share * 5, "{change:?}: {ours} of {SERVICES}");
        assert!(modulo > SERVICES / 2, "{change:?}: {modulo} of {SERVICES}");
    }
}

#[test]
fn no_build_waits_longer_because_a_full_daemon_lets_builds_pass() {
    for size in large_enough() {
        let [ours, unbounded] =
            [Strategy::Ours, Strategy::Unbounded].map(|strategy| RUNS.of(strategy, size).wait(99));
        assert!(ours <= unbounded, "{size} daemons: {ours} s, {unbounded} s");
    }
}

/// So the page says that a pool needs free places.
#[test]
fn builds_of_a_pool_that_is_too_small_wait_longer_because_they_move() {
    let [ours, unbounded] =
        [Strategy::Ours, Strategy::Unbounded].map(|strategy| RUNS.of(strategy, SIZES[0]).wait(99));
    assert!(ours > unbounded, "{ours} s, {unbounded} s");
}

#[test]
fn builds_of_a_killed_daemon_begin_again() {
    for size in SIZES {
        assert!(RUNS.of(Strategy::Ours, size).begun > BUILDS, "{size} daemons");
    }
}
