//! Escapes such as `\d` and `\pL`, and classes such as `[a-z]`.

use super::{GoError, Parser, Part};

const INVALID: &str = "invalid escape sequence";
const RANGE: &str = "invalid character class range";

/// The names of `[[:NAME:]]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

impl<'a> Parser<'a> {
    /// What is behind a `\`, outside of a class.
    pub(super) fn escape(&mut self, before: &'a str) -> Result<Part, GoError> {
        match self.rest.chars().next() {
            Some('A') => self.rest = &self.rest[1..],
            Some('z') => {
                self.rest = &self.rest[1..];
                return Ok(Part::anchored(false, true));
            }
            Some('b' | 'B') => {
                self.rest = &self.rest[1..];
                return Ok(Part::plain());
            }
            Some('Q') => {
                self.rest = self.rest.split_once("\\E").map_or("", |(_, rest)| rest);
                return Ok(Part::plain());
            }
            _ => {
                let letter = self.class_escape(before)?;
                return Ok(Part::anchored(false, letter == Some('/') || letter == Some('-')));
            }
        }
        Ok(Part::anchored(true, false))
    }

    /// What is behind a `\` that stands for letters; `None` for many, such as `\d`.
    fn class_escape(&mut self, before: &'a str) -> Result<Option<char>, GoError> {
        let invalid = |parser: &Self| Err(GoError::new(INVALID, parser.since(before)));
        let Some(next) = self.take() else {
            return Err(GoError::new("trailing backslash at end of expression", before));
        };
        match next {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Ok(None),
            'p' | 'P' => self.unicode(before).map(|()| None),
            'a' | 'f' | 'n' | 'r' | 't' | 'v' => Ok(Some('\n')),
            'x' => self.hex(before).map(Some),
            '1'..='7' if !self.rest.starts_with(|c| matches!(c, '0'..='7')) => invalid(self),
            '0'..='7' => {
                let digits = self.rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                self.rest = &self.rest[digits..];
                Ok(Some('\u{1}'))
            }
            letter if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Ok(Some(letter)),
            _ => invalid(self),
        }
    }

    /// `41` or `{10FFFF}` behind `\x`.
    fn hex(&mut self, before: &'a str) -> Result<char, GoError> {
        let digits = match self.rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}'),
            None => self.rest.split_at_checked(2),
        };
        let read = digits.and_then(|(digits, rest)| {
            let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let letter =
                u32::from_str_radix(digits, 16).ok().filter(|code| is_hex && *code <= 0x0010_FFFF)?;
            Some((char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
        });
        let Some((letter, rest)) = read else { return Err(GoError::new(INVALID, self.since(before))) };
        self.rest = rest;
        Ok(letter)
    }

    /// `L` or `{Greek}` behind `\p`.
    fn unicode(&mut self, before: &'a str) -> Result<(), GoError> {
        let name = match self.rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}'),
            None => self.rest.chars().next().map(|letter| self.rest.split_at(letter.len_utf8())),
        };
        let Some((name, rest)) = name else { return Err(GoError::new(RANGE, before)) };
        self.rest = rest;
        let name = name.strip_prefix('^').unwrap_or(name);
        let is_name =
            !name.is_empty() && name.chars().all(|c| matches!(c, '_' | '-' | ' ') || c.is_ascii_alphabetic());
        if !is_name {
            return Err(GoError::new(RANGE, self.since(before)));
        }
        Ok(())
    }

    /// A class, behind its `[`.
    pub(super) fn class(&mut self, before: &'a str) -> Result<Part, GoError> {
        self.eat("^");
        let mut is_first = true;
        while is_first || !self.rest.starts_with(']') {
            is_first = false;
            let item = self.rest;
            let Some(low) = self.class_item(before)? else { continue };
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.eat("-");
                let high = self.class_letter(before)?;
                if high.is_none_or(|high| high < low) {
                    return Err(GoError::new(RANGE, self.since(item)));
                }
            }
        }
        self.eat("]");
        Ok(Part::plain())
    }

    /// One thing in a class: a letter, or `None` for many.
    fn class_item(&mut self, before: &'a str) -> Result<Option<char>, GoError> {
        if let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|inside| inside.split_once(":]")) {
            let item = self.rest;
            self.rest = rest;
            return match POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                true => Ok(None),
                false => Err(GoError::new(RANGE, self.since(item))),
            };
        }
        self.class_letter(before)
    }

    fn class_letter(&mut self, before: &'a str) -> Result<Option<char>, GoError> {
        let item = self.rest;
        match self.take() {
            None => Err(GoError::new("missing closing ]", before)),
            Some('\\') => self.class_escape(item),
            letter => Ok(letter),
        }
    }
}
