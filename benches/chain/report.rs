//! The tables: medians of each, the ratios that are a goal, and where our time went.

use std::fmt;

use crate::contender::Contender;
use crate::settings::Settings;
use crate::stages::NAMES;
use crate::table::{Table, median, quantile};
use crate::timed::Timed;

/// All runs.
#[derive(Default)]
pub(crate) struct Report(Vec<(Settings, Contender, Timed)>);

impl Report {
    pub(crate) fn add(&mut self, settings: Settings, contender: Contender, timed: Timed) {
        self.0.push((settings, contender, timed));
    }

    fn of(&self, settings: Settings, contender: Contender) -> Vec<&Timed> {
        let same = |run: &&(Settings, Contender, Timed)| (run.0, run.1) == (settings, contender);
        self.0.iter().filter(same).map(|(_, _, timed)| timed).collect()
    }

    /// Who ran, in the order of their first runs.
    fn rows(&self) -> Vec<(Settings, Contender)> {
        let mut rows = Vec::new();
        for (settings, contender, _) in &self.0 {
            if !rows.contains(&(*settings, *contender)) {
                rows.push((*settings, *contender));
            }
        }
        rows
    }

    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| Argo's settings | what | created → commit | created → end | runs |\n|---|---|---|---|---|"
        )?;
        for (settings, contender) in self.rows() {
            let runs = self.of(settings, contender);
            let [commit, end] = [commit, end].map(|time| range(&runs, time));
            writeln!(f, "| {settings} | {contender} | {commit} | {end} | {} |", runs.len())?;
        }
        Ok(())
    }

    fn ratios(&self) -> Table {
        let mut table = Table::default();
        for settings in [Settings::Ours, Settings::Defaults] {
            for (peer, peers, goal) in
                [(Contender::Tekton, Settings::Ours, 0.5), (Contender::ThreePods, settings, 0.25)]
            {
                self.ratio(&mut table, settings, (peers, peer), goal);
            }
        }
        table
    }

    fn ratio(&self, table: &mut Table, settings: Settings, peer: (Settings, Contender), goal: f64) {
        let (ours, peers) = (self.of(settings, Contender::OneNode), self.of(peer.0, peer.1));
        if ours.is_empty() || peers.is_empty() {
            return;
        }
        let middle = |runs: &[&Timed]| median(&runs.iter().map(|run| commit(run)).collect::<Vec<_>>());
        let what = format!("to the commit, settings {settings}: one node beside {}", peer.1);
        table.beside(&what, "s", middle(&ours), middle(&peers), goal);
    }

    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| Argo's settings | what | {} |\n|---|---{}|",
            NAMES.join(" | "),
            "|---".repeat(NAMES.len())
        )?;
        for (settings, contender) in self.rows().into_iter().filter(|row| row.1.is_ours()) {
            let runs = self.of(settings, contender);
            let stage = |n: usize| {
                let times: Vec<_> = runs.iter().filter_map(|run| Some(run.stages.as_ref()?.0[n])).collect();
                format!("{:.2} s", median(&times))
            };
            let stages: Vec<_> = (0..NAMES.len()).map(stage).collect();
            writeln!(f, "| {settings} | {contender} | {} |", stages.join(" | "))?;
        }
        Ok(())
    }
}

fn commit(run: &Timed) -> f64 {
    run.commit.as_secs_f64()
}

fn end(run: &Timed) -> f64 {
    run.end.as_secs_f64()
}

/// `median (least-most)`.
fn range(runs: &[&Timed], time: fn(&Timed) -> f64) -> String {
    let times: Vec<_> = runs.iter().map(|run| time(run)).collect();
    format!("{:.1} s ({:.1}-{:.1})", median(&times), quantile(&times, 0.0), quantile(&times, 1.0))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.times(f)?;
        writeln!(f, "\n{}", self.ratios())?;
        self.stages(f)
    }
}
