//! The operators that repeat: `*`, `+`, `?`, `{2,5}`.

use super::{GoError, Parser, Part};

/// The most repetitions that Go makes, in all (`maxSize` of `regexp/syntax`).
const MOST: u32 = 1000;

impl<'a> Parser<'a> {
    /// An operator, if one is next. Returns how often it repeats at the most, or 1 if that is not limited.
    pub(super) fn operator(&mut self) -> Result<Option<u32>, GoError> {
        let before = self.rest;
        let times = match self.take() {
            Some('*' | '+' | '?') => Some(1),
            Some('{') => self.counted(),
            _ => None,
        };
        let Some(times) = times else {
            self.rest = before;
            return Ok(None);
        };
        if times > MOST {
            return Err(GoError::new("invalid repeat count", self.since(before)));
        }
        self.eat("?");
        Ok(Some(times))
    }

    /// `n}`, `n,}` or `n,m}` behind a `{`; `None` if the `{` stands for itself.
    fn counted(&mut self) -> Option<u32> {
        let (inside, rest) = self.rest.split_once('}')?;
        let (low, high) = inside
            .split_once(',')
            .map_or((inside, Some(inside)), |(low, high)| (low, (!high.is_empty()).then_some(high)));
        let (low, high) = (number(low)?, high.map_or(Some(None), |high| number(high).map(Some))?);
        self.rest = rest;
        match high {
            Some(high) if high < low => Some(u32::MAX),
            high => Some(high.unwrap_or(low).max(low).max(1)),
        }
    }

    /// `part` with the operator behind it.
    pub(super) fn repeated(&mut self, part: Part) -> Result<Part, GoError> {
        let before = self.rest;
        let Some(times) = self.operator()? else { return Ok(part) };
        let repeats = part.repeats.saturating_mul(times);
        if repeats > MOST {
            return Err(GoError::new("invalid repeat count", self.since(before)));
        }
        if self.operator()?.is_some() {
            return Err(GoError::new("invalid nested repetition operator", self.since(before)));
        }
        Ok(Part { repeats, ..part })
    }
}

fn number(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let leads = digits.len() > 1 && digits.starts_with('0');
    (is_number && !leads).then(|| digits.parse().unwrap_or(u32::MAX))
}
