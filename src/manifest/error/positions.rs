//! Positions in a file.

use std::fmt;

/// A position in a file. Line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
}

impl Position {
    pub(in crate::manifest) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Names with their positions, in the order of the file. A long list is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPositions {
    /// Each name with its position.
    pub places: Vec<(Position, String)>,
    /// The number of names that are not listed.
    pub more: usize,
}

impl NamedPositions {
    /// The most names that are listed.
    const MAX: usize = 16;

    pub(in crate::manifest) fn of(places: impl Iterator<Item = (Position, String)>) -> Self {
        let mut places: Vec<_> = places.collect();
        let more = places.len().saturating_sub(Self::MAX);
        places.truncate(Self::MAX);
        Self { places, more }
    }

    pub(in crate::manifest) fn found(&self) -> String {
        if self.places.is_empty() { "the file has none".to_owned() } else { format!("the file has {self}") }
    }
}

impl fmt::Display for NamedPositions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (place, name)) in self.places.iter().enumerate() {
            write!(f, "{}`{name}` at {place}", if at > 0 { ", " } else { "" })?;
        }
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

impl NamedPositions {
    pub(in crate::manifest) fn moved(self, moved: &dyn Fn(Position) -> Position) -> Self {
        let places = self.places.into_iter().map(|(place, name)| (moved(place), name)).collect();
        Self { places, more: self.more }
    }
}
