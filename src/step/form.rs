//! The form of every field: which keys a map has, and which values a key takes.
//!
//! The parser refuses a key that is not in these tables. The room [`schema`](crate::schema) prints them as a JSON Schema. Whether
//! the parser takes the values that a table describes is held by the tests of that room, on every body of the tests here.

/// The fields of a map.
#[derive(Debug)]
pub(crate) struct FieldTable {
    /// The fields, in the order of docs/steps.md.
    pub(crate) fields: &'static [FieldForm],
    /// What must hold between the fields.
    pub(crate) rules: &'static [FieldRule],
}

/// A field of a map.
#[derive(Debug)]
pub(crate) struct FieldForm {
    /// The key.
    pub(crate) name: &'static str,
    /// Whether it must be there, with a value that is not empty.
    pub(crate) required: bool,
    /// Its value.
    pub(crate) form: ValueForm,
}

/// What a value may be. Where it is no string, a string that contains it as text is taken too.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueForm {
    /// A string, which may be empty.
    Text,
    /// A string that is not empty. The parser checks its text further.
    Word,
    /// `true` or `false`.
    Bool,
    /// A whole number from one to another.
    Number(i64, i64),
    /// One of a few names.
    Names(&'static [&'static str]),
    /// The value, or an empty one.
    Maybe(&'static ValueForm),
    /// A list of at least some items.
    List(usize, &'static ValueForm),
    /// A list, or a string of items separated by commas.
    Words(&'static ValueForm),
    /// A map with any keys, at least some of them.
    Pairs(usize, &'static ValueForm),
    /// A map with known keys.
    Map(&'static FieldTable),
    /// One of several forms.
    Any(&'static [ValueForm]),
    /// The entries of `steps`.
    Entries,
}

/// A rule between the fields of a map.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldRule {
    /// One of the fields is there, and no other.
    OneOf(&'static [&'static str]),
    /// At least one of the fields is there.
    AnyOf(&'static [&'static str]),
    /// Not both of the fields are there.
    NotBoth(&'static str, &'static str),
    /// The second field is there if the first is.
    Needs(&'static str, &'static str),
    /// The first field is there, or the second is `false`.
    UnlessOff(&'static str, &'static str),
    /// At least one of the fields is there, or the last is `false`.
    AnyUnlessOff(&'static [&'static str], &'static str),
}

impl FieldTable {
    /// A table without rules.
    pub(super) const fn of(fields: &'static [FieldForm]) -> Self {
        Self { fields, rules: &[] }
    }

    /// The keys, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.fields.iter().map(|field| field.name)
    }
}

/// A field that must be there.
pub(super) const fn required(name: &'static str, form: ValueForm) -> FieldForm {
    FieldForm { name, required: true, form }
}

/// A field that may be absent, null or empty.
pub(super) const fn optional(name: &'static str, form: ValueForm) -> FieldForm {
    FieldForm { name, required: false, form }
}

/// The names of a table of [`Node::one_of`](super::node::Node::one_of).
pub(super) const fn names<T, const N: usize>(table: &[(&'static str, T)]) -> [&'static str; N] {
    assert!(table.len() == N, "N is the number of names");
    let mut names = [""; N];
    let mut n = 0;
    while n < N {
        names[n] = table[n].0;
        n += 1;
    }
    names
}

/// A Secret: `{name, key}`, or its name.
pub(super) const SECRET: ValueForm = ValueForm::Any(&[ValueForm::Word, ValueForm::Map(SECRET_TABLE)]);
pub(super) const SECRET_TABLE: &FieldTable =
    &FieldTable::of(&[required("name", ValueForm::Word), optional("key", ValueForm::Word)]);

/// A Secret and its key.
pub(super) const SECRET_KEY: ValueForm = ValueForm::Map(SECRET_KEY_TABLE);
const SECRET_KEY_TABLE: &FieldTable =
    &FieldTable::of(&[required("name", ValueForm::Word), required("key", ValueForm::Word)]);

/// An image: `{ref, insecure}`, or the reference.
pub(super) const IMAGE: ValueForm = ValueForm::Any(&[ValueForm::Word, ValueForm::Map(IMAGE_TABLE)]);
pub(super) const IMAGE_TABLE: &FieldTable =
    &FieldTable::of(&[required("ref", ValueForm::Word), optional("insecure", ValueForm::Bool)]);
