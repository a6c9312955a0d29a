//! Holds a document against the tables of `form`, and collects every mistake.

use serde_json::{Map, Value};

use super::form::{CatalogueForm, CatalogueTable, SECRET};
use super::problem::{CatalogueProblem, listed, quoted};
use super::targets;
use super::text::TextForm;
use crate::manifest::documents::child;
use crate::step::hint;

/// The most items of a list, and the most keys of a map. A step takes as many.
pub(crate) const ITEMS: usize = 1000;

/// The most mistakes that are reported. A file with more of them is none that a person wrote.
const PROBLEMS: usize = 200;

/// Reads values, and collects what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct FormReader {
    pub(super) problems: Vec<CatalogueProblem>,
}

impl FormReader {
    fn refuse(&mut self, pointer: &str, problem: impl Into<String>, help: &str) {
        self.push(CatalogueProblem::at(pointer, problem.into(), help));
    }

    fn push(&mut self, problem: CatalogueProblem) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// A map with the keys of `table`.
    pub(super) fn map(&mut self, value: &Value, pointer: &str, table: &CatalogueTable) {
        let Some(map) = self.object(value, pointer) else { return };
        for key in map.keys().filter(|key| !table.names().any(|name| name == key.as_str())) {
            let problem = format!("unknown field{}", hint(key, table.names()));
            let help = format!("known: {}", listed(table.names()));
            self.push(CatalogueProblem::at(&child(pointer, key), problem, &help).of_key());
        }
        for field in table.fields {
            match map.get(field.name) {
                Some(value) => self.value(value, &child(pointer, field.name), field.form),
                None if field.required => {
                    let problem = format!("`{}` is missing", field.name);
                    self.push(CatalogueProblem::at(pointer, problem, "write it").of_key());
                }
                None => {}
            }
        }
    }

    fn object<'a>(&mut self, value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
        match value.as_object() {
            Some(map) if map.len() > ITEMS => {
                self.refuse(pointer, too_many(map.len(), "keys"), "");
                None
            }
            Some(map) => Some(map),
            None => {
                self.wrong(value, pointer, "a map");
                None
            }
        }
    }

    fn value(&mut self, value: &Value, pointer: &str, form: CatalogueForm) {
        match form {
            CatalogueForm::Text(form) => self.text(value, pointer, form, false),
            CatalogueForm::MaybeText(form) => self.text(value, pointer, form, true),
            CatalogueForm::Bool if value.is_boolean() => {}
            CatalogueForm::Bool => self.wrong(value, pointer, "true or false"),
            CatalogueForm::Number(least, most) => self.number(value, pointer, (least, most)),
            CatalogueForm::Names(names) => self.name(value, pointer, names),
            CatalogueForm::List(least, item) => self.list(value, pointer, (least, *item)),
            CatalogueForm::Pairs(key, form) => self.pairs(value, pointer, (key, form)),
            CatalogueForm::Map(table) => self.map(value, pointer, table),
            CatalogueForm::BoolOrMap(_) if value.is_boolean() => {}
            CatalogueForm::BoolOrMap(table) if value.is_object() => self.map(value, pointer, table),
            CatalogueForm::BoolOrMap(_) => self.wrong(value, pointer, "true, false or a map"),
            CatalogueForm::Secret if value.is_string() => {
                self.text(value, pointer, TextForm::ObjectName, false);
            }
            CatalogueForm::Secret if value.is_object() => self.map(value, pointer, SECRET),
            CatalogueForm::Secret => self.wrong(value, pointer, "a Secret's name, or {name: …, key: …}"),
            CatalogueForm::Targets => self.problems.extend(targets::problems(value, pointer)),
        }
    }

    fn text(&mut self, value: &Value, pointer: &str, form: TextForm, is_optional: bool) {
        let Some(text) = value.as_str() else { return self.wrong(value, pointer, "a text") };
        if text.trim().is_empty() && !(is_optional && text.is_empty()) {
            return self.refuse(pointer, "is empty", "write a value, or leave the field out");
        }
        if !text.is_empty()
            && let Err(wrong) = form.check(text)
        {
            self.said(pointer, &wrong);
        }
    }

    /// A problem and what to do about it, in one text.
    fn said(&mut self, pointer: &str, wrong: &str) {
        self.push(CatalogueProblem::said(pointer, wrong));
    }

    fn number(&mut self, value: &Value, pointer: &str, (least, most): (i64, i64)) {
        if !value.as_i64().is_some_and(|number| (least..=most).contains(&number)) {
            self.wrong(value, pointer, &format!("a whole number from {least} to {most}"));
        }
    }

    fn name(&mut self, value: &Value, pointer: &str, names: &[&'static str]) {
        let Some(word) = value.as_str() else { return self.wrong(value, pointer, "a text") };
        if !names.contains(&word) {
            let near = hint(word, names.iter().copied());
            let help = format!("write one of {}", listed(names.iter().copied()));
            self.refuse(pointer, format!("{} is not known{near}", quoted(word)), &help);
        }
    }

    fn list(&mut self, value: &Value, pointer: &str, (least, item): (usize, CatalogueForm)) {
        let Some(items) = value.as_array() else { return self.wrong(value, pointer, "a list") };
        if items.len() < least {
            self.refuse(pointer, "is empty", "write at least one item");
        }
        if items.len() > ITEMS {
            return self.refuse(pointer, too_many(items.len(), "items"), "");
        }
        for (n, value) in items.iter().enumerate() {
            self.value(value, &format!("{pointer}/{n}"), item);
        }
    }

    fn pairs(&mut self, value: &Value, pointer: &str, (key, form): (TextForm, TextForm)) {
        let Some(map) = self.object(value, pointer) else { return };
        for (name, value) in map {
            let pointer = child(pointer, name);
            if let Err(wrong) = key.check(name) {
                self.push(CatalogueProblem::said(&pointer, &wrong).of_key());
            }
            match value.as_str() {
                Some("") => {}
                Some(text) => {
                    if let Err(wrong) = form.check(text) {
                        self.said(&pointer, &wrong);
                    }
                }
                None => self.wrong(value, &pointer, "a text"),
            }
        }
    }

    fn wrong(&mut self, value: &Value, pointer: &str, expected: &str) {
        let got = match value {
            Value::Null => "nothing (null)".to_owned(),
            Value::Bool(value) => format!("the bool {value}"),
            Value::Number(number) => format!("the number {number}"),
            Value::String(text) => format!("the text {}", quoted(text)),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a map".to_owned(),
        };
        let is_scalar = expected == "a text" && (value.is_number() || value.is_boolean());
        let help = if is_scalar { "write it in quotes" } else { "" };
        self.refuse(pointer, format!("expected {expected}, got {got}"), help);
    }
}

fn too_many(count: usize, what: &str) -> String {
    format!("has {count} {what}, and at most {ITEMS} are taken")
}
