//! All simulated days.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::day::{Outcome, day};
use super::fleet::Setup;
use super::strategy::Strategy;
use super::trace::Trace;

/// The size of the pool whose numbers are in the table.
pub(super) const SIZE: usize = 20;
/// The sizes of the plot.
pub(super) const SIZES: [usize; 4] = [12, 15, SIZE, 30];

/// The outcomes of the same day, by the size of the pool and the strategy.
pub(super) struct Runs {
    outcomes: Vec<(usize, Strategy, Outcome)>,
    /// The setup of [`SIZE`] daemons.
    pub(super) setup: Setup,
}

impl Runs {
    pub(super) fn new() -> Self {
        let trace = Trace::new(1);
        let outcomes = SIZES.into_iter().flat_map(|size| days(&trace, size)).collect();
        Self { outcomes, setup: Setup::new(&trace, SIZE) }
    }

    pub(super) fn of(&self, strategy: Strategy, size: usize) -> &Outcome {
        let mut outcomes = self.outcomes.iter();
        let found = outcomes.find(|(of, by, _)| (*of, *by) == (size, strategy));
        let (_, _, outcome) = found.unwrap();
        outcome
    }
}

/// The day of each strategy that the table or the plot has for `size`.
fn days(trace: &Trace, size: usize) -> Vec<(usize, Strategy, Outcome)> {
    let setup = Setup::new(trace, size);
    let shown = Strategy::ALL.into_iter().filter(|strategy| size == SIZE || is_in_plot(*strategy));
    shown.map(|strategy| (size, strategy, day(strategy, &setup, trace))).collect()
}

/// Whether the plot has this strategy. For hits, the least loaded daemon is as good as any.
pub(super) fn is_in_plot(strategy: Strategy) -> bool {
    strategy != Strategy::LeastLoaded
}
