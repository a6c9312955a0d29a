//! Makes edits in rounds. Edits that do not overlap are made together; an edit that overlaps another one waits for the next round.

use std::collections::HashMap;

use super::error::{EditError, FileProblem, Position, Refusal};
use super::file::File;
use super::plan;
use super::splice::{Expect, Splice};
use super::{Edit, Stream};

/// The most work for one file: the events that all plans of all rounds may read. Additions to one collection take a round each, and
/// each round plans every edit again. A file of 10,000 events takes 100 edits in 1,000 rounds.
pub(super) const MAX_WORK: usize = 1_000_000_000;

/// Which edits were made in earlier rounds.
pub(super) struct Rounds {
    made: Vec<bool>,
    /// The work that is left.
    work: usize,
}

impl Rounds {
    pub(super) fn of(edits: &[Edit], work: usize) -> Self {
        Self { made: vec![false; edits.len()], work }
    }

    /// The splices of the next round, in the order of the file. Empty when the file already holds the value of every
    /// edit, which also proves that the file reads back as each edit requires.
    pub(super) fn next(&mut self, file: &File<'_>, edits: &[Edit]) -> Result<Vec<Splice>, EditError> {
        let reads = edits.len().saturating_mul(file.stream.events().len());
        self.work =
            self.work.checked_sub(reads).ok_or_else(|| FileProblem::TooMuchWork.at(Position::START))?;
        let mut round: Vec<Splice> = Vec::new();
        let mut taken = HashMap::new();
        // For each event, the index of its splice in `round`.
        let mut at = HashMap::new();
        for (edit, made) in edits.iter().zip(&mut self.made) {
            let mut splices = match plan::plan(file, edit, edits) {
                // The edit may have changed the name by which its target is found.
                Err(_) if *made => continue,
                planned => planned?,
            };
            // Several edits of one entry may produce the same splice.
            let planned = splices.len();
            let is_said = |splice: &Splice| {
                at.get(&splice.expect.event()).is_some_and(|&at: &usize| round[at].writes_same_as(splice))
            };
            splices.retain(|splice| !is_said(splice));
            if splices.is_empty() && planned > 0 && !*made {
                *made = true;
            }
            let Some(first) = splices.first() else { continue };
            if *made {
                return Err(set_twice(&file.stream, first));
            }
            match splices.iter().find_map(|s| taken.get(&s.expect.event()).map(|is_set| (s, *is_set))) {
                Some((splice @ Splice { expect: Expect::Set { .. }, .. }, true)) => {
                    return Err(set_twice(&file.stream, splice));
                }
                Some(_) => continue,
                None => *made = true,
            }
            taken.extend(splices.iter().map(|s| (s.expect.event(), matches!(s.expect, Expect::Set { .. }))));
            at.extend(splices.iter().enumerate().map(|(n, s)| (s.expect.event(), round.len() + n)));
            round.extend(splices);
        }
        round.sort_by_key(|splice| splice.expect.event());
        Ok(round)
    }
}

fn set_twice(stream: &Stream, splice: &Splice) -> EditError {
    let place = stream.events().get(splice.expect.event()).map_or(Position::START, |event| event.place);
    Refusal::SetTwice.at(place, &splice.change.path)
}
