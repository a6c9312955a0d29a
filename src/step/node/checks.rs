//! Checks of texts and keys: their length, their characters, and expressions that Argo left in them.

use super::super::InvalidStep;
use super::super::limits::too_long;
use super::super::reference::{Scope, refers};
use super::{Node, quoted};
use crate::text;

impl Node<'_> {
    /// Refuses an expression that Argo did not substitute: a misspelt parameter, or one of another template.
    pub(super) fn check_substituted(&self, raw: &str) -> Result<(), InvalidStep> {
        let Some((_, tag)) = raw.split_once("{{").filter(|_| !matches!(self.scope, Scope::Literal)) else {
            return Ok(());
        };
        let tag = tag.split("}}").next().unwrap_or(tag);
        let problem =
            format!("Argo did not substitute {}: no such parameter here", quoted(&format!("{{{{{tag}}}}}")));
        Err(self.refuse(problem))
    }

    pub(super) fn check_characters(
        &self,
        text: &str,
        welcome: impl Fn(char) -> bool,
    ) -> Result<(), InvalidStep> {
        let Some(found) = text.chars().find(|&c| c.is_control() && !welcome(c) || text::reorders(c)) else {
            return Ok(());
        };
        let code = found as u32;
        Err(self.refuse(format!("holds a control character (U+{code:04X}), which is not allowed here")))
    }

    pub(super) fn check_length(&self, text: &str, limit: usize) -> Result<(), InvalidStep> {
        if text.len() > limit { Err(self.refuse(too_long(text.len(), limit))) } else { Ok(()) }
    }

    pub(super) fn check_key(&self, key: &str) -> Result<(), InvalidStep> {
        self.check_substituted(key)?;
        self.check_characters(key, |_| false)?;
        if refers(key) {
            return Err(self.refuse("a reference can stand in a value only, not in a key"));
        }
        if key.is_empty() { Err(self.refuse("a key is empty")) } else { Ok(()) }
    }
}
