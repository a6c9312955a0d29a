//! Catalogues of services.

use serde_json::{Value, json};

use super::mutants::mutants;
use super::validator;
use crate::catalogue::tests::{GOOD, bodies};
use crate::catalogue::{CATALOGUE, CatalogueForm, CatalogueTable, KnownTemplates, read};

/// What only the parser refuses, as docs/schema.md lists it: parts of its messages.
const BEYOND: &[&str] = &[
    "is no regular expression",
    "is no schedule",
    "is no path",
    "is no branch",
    "is no glob for paths",
    "names a repository without",
    "is no name that a forge",
    "is not an image name",
    "has a tag or a digest",
    "repository URL",
    "has the name",
    "has the image",
    "writes the same repository",
    "another Secret for the same repository",
    "on another server",
    "ends like the name",
    "begins with `select-`",
    "there is no template",
    "the template `",
    "is no further parameter",
    "no event builds",
    "pull mode builds no pull requests",
    "`hook` is missing",
    "`image` is missing",
    "`secret` is missing",
    "has its own",
    "a reference to an output",
    "contains the character",
    "bytes long",
    "is taken in `(?:…)` alone",
    "is not taken",
    "an ssh repository needs a key",
    "; ",
];

/// Whether every mistake is one that only the parser refuses, or is in the texts of targets.
fn is_beyond(body: &Value, templates: &KnownTemplates) -> bool {
    read(body, templates).err().into_iter().flatten().all(|problem| {
        problem.pointer.contains("/targets") || BEYOND.iter().any(|part| problem.problem.contains(part))
    })
}

#[test]
fn catalogue_and_schema_agree_on_every_small_change() {
    let (schema, templates) = (validator(&crate::schema::catalogue()), KnownTemplates::bundled());
    let (mut taken, mut refused) = (0, 0);
    let all = bodies();
    for body in all.iter().flat_map(mutants).chain(all.iter().cloned()) {
        match (read(&body, &templates), schema.is_valid(&body)) {
            (Ok(_), valid) => {
                taken += 1;
                assert!(valid, "the schema refuses {body}: {:?}", schema.iter_errors(&body).next());
            }
            (Err(_), false) => refused += 1,
            (Err(problems), true) => assert!(is_beyond(&body, &templates), "{problems:?}: taken: {body}"),
        }
    }
    assert!(taken > 50 && refused > 500, "{taken} taken, {refused} refused");
}

#[test]
fn every_field_is_described() {
    fn fields(above: &str, table: &CatalogueTable, missing: &mut Vec<String>) {
        for field in table.fields {
            let path = format!("{above}{}", field.name);
            if crate::schema::catalogue::description(&path).is_none() {
                missing.push(path.clone());
            }
            let inner = match field.form {
                CatalogueForm::Map(inner) | CatalogueForm::BoolOrMap(inner) => Some(inner),
                CatalogueForm::List(_, CatalogueForm::Map(inner)) => Some(*inner),
                _ => None,
            };
            inner.into_iter().for_each(|inner| fields(&format!("{path}."), inner, missing));
        }
    }
    let mut missing = Vec::new();
    fields("", CATALOGUE, &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_schema_of_a_catalogue_is_this() {
    insta::assert_snapshot!(super::printed(crate::schema::catalogue()));
    assert!(validator(&crate::schema::catalogue()).is_valid(&json!(bodies()[GOOD])));
}
