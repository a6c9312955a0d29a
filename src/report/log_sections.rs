//! The log of a build, divided by steps. Of each step, only the end is kept.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _};

use flate2::read::MultiGzDecoder;

use super::steps::BuildStep;
use crate::text;

/// The most bytes of text that are read. Zeros compress to a thousandth of their size.
const READ: u64 = 256 << 20;
/// The bytes of all steps that are kept; each step has an equal share, in these bounds.
const ALL: usize = 4 << 20;
const SHARE: (usize, usize) = (4 << 10, 256 << 10);
/// The most bytes of a line that are held at once, and that are shown.
const LINE: u64 = 64 << 10;
const SHOWN: usize = 4 << 10;
/// Bytes beyond a limit that show that it is exceeded: those of one character.
const MORE: usize = 4;
/// The bytes in which the end of a step is looked for: a name may have 512.
const HEAD: usize = 1 << 10;
/// What a line takes besides its text, in bytes.
const OVERHEAD: usize = 32;

/// What BuildKit's vertices are followed by at their end.
const ENDS: &[&str] = &[" CACHED", " CANCELED", " DONE ", " ERROR: "];

/// The lines of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogSection {
    pub(super) lines: VecDeque<String>,
    /// The number of lines before, which are not kept.
    pub(super) left_out: u64,
    bytes: usize,
}

/// A log by steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogSections {
    /// The lines of each step, in the order of the steps.
    pub(super) of_steps: Vec<LogSection>,
    /// The lines of no step.
    pub(super) others: LogSection,
    /// Whether the end of the log could not be read: it is too long, or damaged.
    pub(super) breaks_off: bool,
}

impl LogSections {
    /// Reads the log `gzip` of a build with `steps`.
    pub(super) fn read(gzip: &[u8], steps: &[BuildStep]) -> Self {
        let mut sections = Self { of_steps: vec![LogSection::default(); steps.len()], ..Self::default() };
        let share = (ALL / (steps.len() + 1)).clamp(SHARE.0, SHARE.1);
        let (owners, mut piece) = (Owners::of(steps), Vec::new());
        let mut log = BufReader::new(MultiGzDecoder::new(gzip).take(READ));
        let mut read = 0;
        loop {
            piece.clear();
            match log.by_ref().take(LINE).read_until(b'\n', &mut piece) {
                Ok(0) => break,
                Ok(bytes) => read += bytes as u64,
                Err(_) => {
                    sections.breaks_off = true;
                    break;
                }
            }
            let line = text::lines(&String::from_utf8_lossy(&piece));
            let (owner, line) = owners.of_line(line.trim_end_matches('\n'));
            let section = match owner {
                Some(owner) if owner < sections.of_steps.len() => &mut sections.of_steps[owner],
                _ => &mut sections.others,
            };
            section.push(line, share);
        }
        sections.breaks_off |= read >= READ;
        sections
    }
}

impl LogSection {
    fn push(&mut self, line: &str, share: usize) {
        // Only what may be shown is copied: a text that is cut afterwards keeps the memory of the whole.
        let line = text::cut(text::head(line, SHOWN + MORE).to_owned(), SHOWN);
        self.bytes += line.len() + OVERHEAD;
        self.lines.push_back(line);
        while self.bytes > share && self.lines.len() > 1 {
            let Some(first) = self.lines.pop_front() else { break };
            self.bytes -= first.len() + OVERHEAD;
            self.left_out += 1;
        }
    }
}

/// The steps by the texts that their lines begin with.
struct Owners<'a> {
    labels: HashMap<&'a str, usize>,
    names: HashMap<&'a str, usize>,
    /// The bytes of the longest label. A line may have a colon in every third byte, and nobody looks for labels beyond.
    longest: usize,
}

impl<'a> Owners<'a> {
    fn of(steps: &'a [BuildStep]) -> Self {
        let (mut labels, mut names) = (HashMap::new(), HashMap::new());
        for (at, step) in steps.iter().enumerate() {
            labels.entry(step.label.as_str()).or_insert(at);
            names.entry(step.name.as_str()).or_insert(at);
        }
        let longest = steps.iter().map(|step| step.label.len()).max().unwrap_or_default();
        Self { labels, names, longest }
    }

    /// The step that a line is of, and the line without the step's label.
    fn of_line<'l>(&self, line: &'l str) -> (Option<usize>, &'l str) {
        for (at, mark) in text::head(line, self.longest + MORE).match_indices(": ") {
            if let Some(step) = self.labels.get(&line[..at]) {
                return (Some(*step), &line[at + mark.len()..]);
            }
        }
        let head = text::head(line, HEAD);
        let ends = ENDS.iter().filter_map(|end| Some(&head[..head.rfind(end)?]));
        let step = std::iter::once(line).chain(ends).find_map(|name| self.names.get(name));
        (step.copied(), line)
    }
}
