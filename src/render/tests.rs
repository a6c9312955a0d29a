//! What catalogues become.
#![expect(clippy::unwrap_used, reason = "tests")]

mod events;
mod limits;
mod round_trip;
mod steps;

use serde_json::Value;

use super::{RenderedFile, render};
use crate::catalogue::{Catalogue, KnownTemplates, read};

fn catalogue(body: &Value) -> Catalogue {
    read(body, &KnownTemplates::bundled()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn files(body: &Value) -> Vec<RenderedFile> {
    render(&catalogue(body)).unwrap()
}

/// The object in a file.
fn object(files: &[RenderedFile], name: &str) -> Value {
    let file = files.iter().find(|file| file.name == name);
    serde_saphyr::from_str(&file.unwrap_or_else(|| panic!("{name}")).text).unwrap()
}

/// The slug of a catalogue's only repository.
fn slug(body: &Value) -> String {
    catalogue(body).repositories()[0].slug.clone()
}

/// The item of a list with this name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == name)
        .unwrap_or_else(|| panic!("{name} in {list:#}"))
}
