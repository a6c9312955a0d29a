//! The fields of a map.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::super::InvalidStep;
use super::{Node, child_path};

/// The fields of a map. Every field is known.
#[derive(Debug)]
pub(in crate::step) struct Fields<'a> {
    pub(super) path: String,
    pub(super) values: BTreeMap<String, Node<'a>>,
}

impl<'a> Fields<'a> {
    /// The field, unless it is absent, null or an empty string.
    pub(in crate::step) fn optional(&mut self, name: &str) -> Option<Node<'a>> {
        self.values.remove(name).filter(|node| !node.is_absent())
    }

    /// Whether the field is there, and neither null nor an empty string.
    pub(in crate::step) fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|node| !node.is_absent())
    }

    /// The field, which must be there and not empty.
    pub(in crate::step) fn required(&mut self, name: &str) -> Result<Node<'a>, InvalidStep> {
        let node = self.values.remove(name).ok_or_else(|| self.refuse(name, "is missing"))?;
        if node.is_absent() { Err(node.refuse("is empty")) } else { Ok(node) }
    }

    /// The field parsed by `read`, or the default if it is absent.
    pub(in crate::step) fn or_default<T: Default>(
        &mut self,
        name: &str,
        read: impl FnOnce(Node<'a>) -> Result<T, InvalidStep>,
    ) -> Result<T, InvalidStep> {
        self.optional(name).map_or_else(|| Ok(T::default()), read)
    }

    /// Reads a bool that is `default` when absent.
    pub(in crate::step) fn switch(&mut self, name: &str, default: bool) -> Result<bool, InvalidStep> {
        self.optional(name).map_or(Ok(default), Node::bool)
    }

    /// Reads a field that must be there if the step is `enabled`. It is checked in any case.
    pub(in crate::step) fn unless_off<T>(
        &mut self,
        name: &str,
        enabled: bool,
        read: impl FnOnce(Node<'a>) -> Result<T, InvalidStep>,
    ) -> Result<Option<T>, InvalidStep> {
        match enabled {
            true => self.required(name).and_then(read).map(Some),
            false => self.optional(name).map(read).transpose(),
        }
    }

    /// The error `problem` at the field `name`.
    pub(in crate::step) fn refuse(&self, name: &str, problem: impl Display) -> InvalidStep {
        InvalidStep::new(child_path(&self.path, name), problem)
    }
}
