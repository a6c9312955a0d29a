//! Go's regular expressions (package `regexp/syntax` with its Perl flags): which texts it compiles, and whether they match a
//! text as a whole. Rust's own differ: they know `(?x)`, `\u{…}` and `\b{start}`, but not `\Q…\E` or a single `{`.

mod escape;
mod repeat;

use super::GoError;

/// How a regular expression matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchors {
    /// It matches from the beginning only, or begins with `.*`, which says that the beginning does not matter.
    pub(crate) start: bool,
    /// The same of the end. A `/` or `-` as the last letter says too that something follows.
    pub(crate) end: bool,
}

/// The deepest nesting that is read. Go takes 1000 levels.
const DEPTH: usize = 200;

/// The longest text that is read, in bytes. Real ones have some dozens.
const LONGEST: usize = 8 << 10;

/// Reads a regular expression as Go does.
pub(crate) fn parse(text: &str) -> Result<Anchors, GoError> {
    let mut parser = Parser { rest: text, depth: 0 };
    if text.len() > LONGEST {
        return Ok(UNKNOWN.anchors);
    }
    let whole = parser.alternatives()?;
    if parser.rest.starts_with(')') {
        return Err(GoError::new("unexpected )", parser.rest));
    }
    Ok(whole.anchors)
}

/// A part of an expression.
#[derive(Debug, Clone, Copy)]
struct Part {
    anchors: Anchors,
    /// How often it repeats something, in all.
    repeats: u32,
}

const OPEN: Anchors = Anchors { start: false, end: false };

/// What is not read counts as anchored.
const UNKNOWN: Part = Part::anchored(true, true);

impl Part {
    const fn plain() -> Self {
        Self { anchors: OPEN, repeats: 1 }
    }

    const fn anchored(start: bool, end: bool) -> Self {
        Self { anchors: Anchors { start, end }, repeats: 1 }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn take(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    /// `a|b|c`, up to the end or a `)`.
    fn alternatives(&mut self) -> Result<Part, GoError> {
        let mut whole = self.sequence()?;
        while self.eat("|") {
            let next = self.sequence()?;
            whole.anchors.start &= next.anchors.start;
            whole.anchors.end &= next.anchors.end;
            whole.repeats = whole.repeats.max(next.repeats);
        }
        Ok(whole)
    }

    fn sequence(&mut self) -> Result<Part, GoError> {
        let mut parts = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let before = self.rest;
            if self.operator()?.is_some() && parts.is_empty() {
                return Err(GoError::new("missing argument to repetition operator", self.since(before)));
            }
            self.rest = before;
            let Some(atom) = self.atom()? else { continue };
            parts.push(self.repeated(atom)?);
        }
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(Part::plain()) };
        let anchors = Anchors { start: first.anchors.start, end: last.anchors.end };
        Ok(Part { anchors, repeats: parts.iter().map(|part| part.repeats).max().unwrap_or(1) })
    }

    /// One thing, which an operator can repeat; `None` for flags such as `(?i)`.
    fn atom(&mut self) -> Result<Option<Part>, GoError> {
        let before = self.rest;
        let part = match self.take() {
            Some('(') => return self.group(before),
            Some('[') => self.class(before)?,
            Some('\\') => self.escape(before)?,
            Some('^') => Part::anchored(true, false),
            Some('$') => Part::anchored(false, true),
            Some('.') if self.rest.starts_with(['*', '+']) => Part::anchored(true, true),
            Some('/' | '-') => Part::anchored(false, true),
            _ => Part::plain(),
        };
        Ok(Some(part))
    }

    /// A group, behind its `(`.
    fn group(&mut self, before: &'a str) -> Result<Option<Part>, GoError> {
        self.depth += 1;
        if self.depth > DEPTH {
            self.rest = "";
            return Ok(Some(UNKNOWN));
        }
        if self.eat("?") && self.flags(before)? {
            self.depth -= 1;
            return Ok(None);
        }
        let inner = self.alternatives()?;
        if self.depth > DEPTH {
            return Ok(Some(UNKNOWN));
        }
        if !self.eat(")") {
            return Err(GoError::new("missing closing )", before));
        }
        self.depth -= 1;
        Ok(Some(inner))
    }

    /// What is behind `(?`: a name, or flags. Returns whether the group ends there.
    fn flags(&mut self, before: &'a str) -> Result<bool, GoError> {
        if self.eat("P<") || self.eat("<") {
            let Some((name, rest)) = self.rest.split_once('>') else {
                return Err(GoError::new("invalid named capture", before));
            };
            self.rest = rest;
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                return Err(GoError::new("invalid named capture", self.since(before)));
            }
            return Ok(false);
        }
        let (mut is_negative, mut letters) = (false, 0);
        loop {
            match self.take() {
                Some('i' | 'm' | 's' | 'U') => letters += 1,
                Some('-') if !is_negative => (is_negative, letters) = (true, 0),
                Some(end @ (':' | ')')) if !is_negative || letters > 0 => return Ok(end == ')'),
                _ => return Err(GoError::new("invalid or unsupported Perl syntax", self.since(before))),
            }
        }
    }

    fn since(&self, before: &'a str) -> &'a str {
        &before[..before.len() - self.rest.len()]
    }
}

#[cfg(test)]
mod tests;
