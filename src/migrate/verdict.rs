//! What becomes of a key of the input.

/// The most notes of one key. A script may have a note for each of its words.
const NOTES: usize = 6;

/// What becomes of a key of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It means the same in the output.
    Direct,
    /// Something in the output stands for it, or it is not needed there; the note says what differs.
    Approximate,
    /// Nothing in the output stands for it; the note says what to do.
    ByHand,
}

impl Verdict {
    /// All of them, from the best to the worst.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Approximate, Self::ByHand];

    /// `direct`, `approximate` or `by hand`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Approximate => "approximate",
            Self::ByHand => "by hand",
        }
    }
}

/// What the readers said about a key. The worst verdict counts.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) verdict: Verdict,
    notes: Vec<String>,
}

impl Mark {
    pub(super) fn new(verdict: Verdict, note: &str) -> Self {
        Self { verdict, notes: vec![note.to_owned()] }
    }

    /// Adds what another reader, or the same one for another service, says.
    pub(super) fn join(&mut self, verdict: Verdict, note: &str) {
        self.verdict = self.verdict.max(verdict);
        if self.notes.len() < NOTES && !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    pub(super) fn note(&self) -> String {
        self.notes.join("; ")
    }
}
