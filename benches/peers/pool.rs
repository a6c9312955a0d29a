//! A pool of daemons: what its choice costs, what a second daemon brings, and what is left of a build after a small commit.

mod builds;
mod choice;
mod rebuild;
mod two_daemons;

use super::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        choice::measure(table).await;
        two_daemons::compare(table).await;
        rebuild::compare(table).await;
    });
}
