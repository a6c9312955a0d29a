//! The table that is printed, and the statistics in it.

use std::fmt;
use std::time::Duration;

/// Rows of what was measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 5]>,
}

const HEAD: [&str; 5] = ["measured", "ours", "peer", "result", "bound"];

impl Table {
    /// A row beside a peer: `bound` is the largest wanted ratio.
    pub(crate) fn beside(&mut self, what: &str, unit: &str, ours: f64, peer: f64, bound: f64) {
        let result = format!("{:.2}×", ours / peer);
        let row = [what.to_owned(), format!("{ours:.1} {unit}"), format!("{peer:.1} {unit}"), result];
        self.push(row, format!("≤ {bound}×"), ours / peer <= bound);
    }

    /// A row of pairs, ours and a peer's: medians of both sides, and the median of the pairs' ratios.
    pub(crate) fn paired(&mut self, what: &str, unit: &str, pairs: &[(f64, f64)], bound: Option<f64>) {
        let (row, ratio) = of_pairs(what, unit, pairs);
        match bound {
            Some(bound) => self.push(row, format!("≤ {bound}×"), ratio <= bound),
            None => self.rows.push(with(row, String::new())),
        }
    }

    /// The same of rates, of which more is better: `bound` is the smallest wanted ratio.
    pub(crate) fn at_least(&mut self, what: &str, unit: &str, pairs: &[(f64, f64)], bound: f64) {
        let (row, ratio) = of_pairs(what, unit, pairs);
        self.push(row, format!("≥ {bound}×"), ratio >= bound);
    }

    /// A row of its own: `bound` is the largest wanted value.
    pub(crate) fn alone(&mut self, what: &str, unit: &str, ours: f64, bound: Option<f64>) {
        let value = format!("{ours:.1} {unit}");
        let row = [what.to_owned(), value.clone(), String::new(), value];
        match bound {
            Some(bound) => self.push(row, format!("≤ {bound} {unit}"), ours <= bound),
            None => self.rows.push(with(row, String::new())),
        }
    }

    fn push(&mut self, row: [String; 4], bound: String, met: bool) {
        let bound = if met { bound } else { format!("{bound}: missed") };
        self.rows.push(with(row, bound));
    }
}

/// The row of pairs without a bound, and the median of their ratios.
fn of_pairs(what: &str, unit: &str, pairs: &[(f64, f64)]) -> ([String; 4], f64) {
    let middle = |value: fn(&(f64, f64)) -> f64| median(&pairs.iter().map(value).collect::<Vec<_>>());
    let [ours, peer] = [middle(|pair| pair.0), middle(|pair| pair.1)];
    let ratio = middle(|(ours, peer)| ours / peer);
    let digits = if ratio < 0.1 { 4 } else { 2 };
    let [ours, peer] = [ours, peer].map(|value| format!("{value:.1} {unit}"));
    ([what.to_owned(), ours, peer, format!("{ratio:.digits$}×")], ratio)
}

fn with([a, b, c, d]: [String; 4], e: String) -> [String; 5] {
    [a, b, c, d, e]
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || std::iter::once(HEAD.map(str::to_owned)).chain(self.rows.iter().cloned());
        let widths: [usize; 5] =
            std::array::from_fn(|n| rows().map(|row| row[n].chars().count()).max().unwrap_or(0));
        for (number, row) in rows().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                widths.iter().try_for_each(|width| write!(f, "|{}", "-".repeat(width + 2)))?;
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// The value that `share` (0 to 1) of the `values` do not exceed.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// In milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// From KiB.
pub(crate) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
