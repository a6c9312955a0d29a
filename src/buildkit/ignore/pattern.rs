//! One line of an ignore file (moby `patternmatcher`; Go `filepath.Clean` and `filepath.Match`).

use std::fmt;

use regex_lite::Regex;

/// Paths that are excluded or, with an exception pattern, kept.
#[derive(Debug, Clone)]
pub(super) struct IgnorePattern {
    text: String,
    exception: bool,
    meaning: Meaning,
}

/// The forms that moby distinguishes. Its `**` has another meaning beside a wildcard than alone.
#[derive(Debug, Clone)]
enum Meaning {
    Exact,
    Prefix(String),
    Suffix(String),
    Regex(Box<Regex>),
    /// An expression that this module cannot match.
    Unknown,
}

impl IgnorePattern {
    /// The pattern in `line`; none in an empty one. A wildcard is matched only while there is `room`, in bytes.
    pub(super) fn read(line: &str, room: &mut usize) -> Result<Option<Self>, &'static str> {
        let line = line.trim();
        let (exception, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if rest.is_empty() {
            let alone = Err("`!` stands alone; write the path that is kept after it");
            return if exception { alone } else { Ok(None) };
        }
        let clean = clean(rest);
        let text = clean.strip_prefix('/').filter(|text| !text.is_empty()).unwrap_or(&clean).to_owned();
        check(&text)?;
        let meaning = Meaning::of(&text, room);
        Ok(Some(Self { text, exception, meaning }))
    }

    pub(super) fn is_exception(&self) -> bool {
        self.exception
    }

    /// Whether it means `path`, or one of the directories `above` it.
    pub(super) fn matches(&self, path: &str, above: &[&str]) -> bool {
        let any = |is: &dyn Fn(&str) -> bool| is(path) || above.iter().any(|path| is(path));
        match &self.meaning {
            Meaning::Exact => any(&|path| path == self.text),
            Meaning::Prefix(prefix) => any(&|path| path.starts_with(prefix)),
            Meaning::Suffix(suffix) => {
                any(&|path| path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path))
            }
            Meaning::Regex(regex) => regex.is_match(path),
            Meaning::Unknown => false,
        }
    }
}

impl IgnorePattern {
    /// The memory in bytes that the pattern takes: itself, and its text twice.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + 2 * self.text.len()
    }
}

impl fmt::Display for IgnorePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.exception { "!" } else { "" }, self.text)
    }
}

impl Meaning {
    fn of(text: &str, room: &mut usize) -> Self {
        let wild = |text: &str| text.contains(['*', '?', '[', ']', '\\']);
        if !wild(text) {
            return Self::Exact;
        }
        if let Some(prefix) = text.strip_suffix("**").filter(|prefix| !wild(prefix) && !prefix.is_empty()) {
            return Self::Prefix(prefix.to_owned());
        }
        if let Some(suffix) = text.strip_prefix("**").filter(|suffix| !wild(suffix)) {
            return Self::Suffix(suffix.to_owned());
        }
        let Some(left) = room.checked_sub(text.len()) else { return Self::Unknown };
        *room = left;
        Regex::new(&expression(text)).map_or(Self::Unknown, |regex| Self::Regex(Box::new(regex)))
    }
}

/// The regular expression that moby makes of a pattern, or that and what is below it.
fn expression(text: &str) -> String {
    let mut made = String::from("^");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                made.push_str(if rest.peek().is_none() { ".*" } else { "(.*/)?" });
            }
            '*' => made.push_str("[^/]*"),
            '?' => made.push_str("[^/]"),
            '\\' => made.extend(rest.next().map(|c| regex_lite::escape(&c.to_string()))),
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => made.extend(['\\', c]),
            c => made.push(c),
        }
    }
    made.push_str("(/.*)?$");
    made
}

/// Go's `filepath.Clean`: one slash between names, no `.`, and each `..` removes the name before it, if there is one.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|name| *name != "..") => drop(names.pop()),
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    match (rooted, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}

/// Rejects what Go's `filepath.Match` calls a bad pattern.
fn check(text: &str) -> Result<(), &'static str> {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.next().is_none() => {
                return Err("it ends with a backslash; write what it escapes after it");
            }
            '[' => class(&mut rest)
                .ok_or("`[` has no `]`, or nothing between them; write `\\[` for the character itself")?,
            _ => {}
        }
    }
    Ok(())
}

/// Skips the rest of a character class after its `[`, such as `a-z]`.
fn class(rest: &mut std::str::Chars<'_>) -> Option<()> {
    let mut ahead = rest.clone();
    if ahead.next() == Some('^') {
        rest.next();
    }
    for nth in 0.. {
        if nth > 0 && rest.as_str().starts_with(']') {
            rest.next();
            return Some(());
        }
        one(rest)?;
        if rest.as_str().starts_with('-') {
            rest.next();
            one(rest)?;
        }
    }
    None
}

/// Reads one character of a class, which may be escaped.
fn one(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}
