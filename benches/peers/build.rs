//! A build in which nothing changed, against `buildctl build` of the same, in turns.

use super::measured::{self, Run};
use super::table::{Table, median, mib, ms};
use super::world::{Revision, World};

/// Runs of each side; those before them warm caches and are not counted.
const RUNS: usize = 21;
const WARM_UP: usize = 3;

pub(crate) fn compare(world: &World, table: &mut Table) {
    for (revision, name) in [(Revision::Branch, "branch"), (Revision::Sha, "SHA")] {
        let (ours, theirs) = in_turns(world, revision);
        let [wall, peer] = [&ours, &theirs].map(|runs| middle(runs, |run| ms(run.wall)));
        table.beside(&format!("build+push by {name}, nothing changed: wall"), "ms", wall, peer, 0.8);
        let [peak, peer] = [&ours, &theirs].map(|runs| middle(runs, |run| mib(run.peak)));
        table.beside(&format!("build+push by {name}, nothing changed: peak memory"), "MiB", peak, peer, 0.4);
    }
}

fn in_turns(world: &World, revision: Revision) -> (Vec<Run>, Vec<Run>) {
    let (ours, theirs) = (world.ours(revision), world.buildctl(revision));
    (0..WARM_UP + RUNS).map(|_| (measured::run(&ours), measured::run(&theirs))).skip(WARM_UP).unzip()
}

fn middle(runs: &[Run], value: impl Fn(&Run) -> f64) -> f64 {
    median(&runs.iter().map(value).collect::<Vec<_>>())
}
