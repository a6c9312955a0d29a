//! The tables: medians of each, the ratios that are a goal, and where our time went.

use std::fmt;

use crate::contender::Contender;
use crate::settings::Settings;
use crate::stages::NAMES;
use crate::table::{Table, median, quantile};
use crate::timed::Timed;

/// Who ran, and under which settings.
type Side = (Settings, Contender);

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
            let (tekton, pods) = ((Settings::Ours, Contender::Tekton), (settings, Contender::ThreePods));
            let sidecar = (settings, Contender::OneNode);
            let agent = (settings, Contender::AgentOneNode);
            self.ratio(&mut table, "commit", (sidecar, tekton), 0.35);
            self.ratio(&mut table, "commit", (sidecar, pods), 0.25);
            self.ratio(&mut table, "commit", (agent, tekton), 0.1);
            self.ratio(&mut table, "end", (agent, tekton), 0.18);
        }
        table
    }

    fn ratio(&self, table: &mut Table, to: &str, (ours, peer): (Side, Side), goal: f64) {
        let time = if to == "end" { end } else { commit };
        let middle = |side: Side| {
            let times: Vec<_> = self.of(side.0, side.1).into_iter().map(time).collect();
            (!times.is_empty()).then(|| median(&times))
        };
        if let (Some(our), Some(peers)) = (middle(ours), middle(peer)) {
            let what = format!("to the {to}, settings {}: {} beside {}", ours.0, ours.1, peer.1);
            table.beside(&what, "s", our, peers, goal);
        }
    }

    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| Argo's settings | what | {} |\n|---|---{}|",
            NAMES.join(" | "),
            "|---".repeat(NAMES.len())
        )?;
        for (settings, contender) in self.rows().into_iter().filter(|row| row.1.has_sidecar()) {
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
