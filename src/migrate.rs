//! Reads what other systems build images with, and makes a catalogue of it: texts in, texts out, no I/O.
//!
//! A reader for each system (`tekton`, `actions`, `pods`, `updater`) fills the neutral model `pipeline`, whose fields are those of the
//! catalogue; `writer` makes files of it. `source` is the input as a tree with places: a reader marks each value that it uses. What
//! no reader has marked is in the report too, with the advice of the table in `advice`. Names of parameters are replaced (`term`);
//! no expression is evaluated and no script is run.

mod actions;
mod advice;
mod containers;
mod filter;
mod flags;
mod found;
mod image;
mod pipeline;
mod pods;
mod report;
mod script;
mod service;
mod shell;
mod source;
mod tekton;
mod term;
mod updater;
mod verdict;
mod writer;

pub use report::{MigrationReport, OpenPoint, ReportRow};
pub use verdict::Verdict;

use crate::manifest::EditError;
use crate::manifest::documents::documents;
use crate::text;
use found::{Found, Objects};
use source::{Source, line_starts};

/// A file to read.
#[derive(Debug)]
pub struct MigrateInput {
    /// The name of the file in the report. That of a workflow of Actions says which repository it is of.
    pub name: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// What the files do not say.
#[derive(Debug, Clone)]
pub struct MigrateOptions {
    /// The namespace of the catalogue.
    pub namespace: String,
    /// The URL of the forge, for repositories of which only owner and name are known.
    pub git_url: Option<String>,
}

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedFile {
    /// Its path in the output directory.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The result of [`migrate`].
#[derive(Debug, Default)]
pub struct Migration {
    /// The files, `report.md` among them.
    pub files: Vec<MigratedFile>,
    /// What became of each key, and what is left to do.
    pub report: MigrationReport,
}

/// The most documents. Each build looks at all of them.
const DOCUMENTS: usize = 20_000;

const TOO_MANY: &str =
    "the file was not read: with it there are more than 20,000 documents; name fewer directories at once";
const NOT_READ: &str = "no object of this kind is read; look whether anything that stays needs it";

/// Reads all files, and makes a catalogue of what they build.
pub fn migrate(inputs: &[MigrateInput], options: &MigrateOptions) -> Migration {
    let (mut sources, mut unread) = (Vec::new(), Vec::new());
    for input in inputs {
        match documents(&input.bytes) {
            Ok((_, documents)) if sources.len() + documents.len() > DOCUMENTS => {
                unread.push(whole(input, 1, TOO_MANY));
            }
            Ok((body, documents)) => {
                let starts = line_starts(body);
                sources
                    .extend(documents.into_iter().map(|document| Source::of(&input.name, &starts, document)));
            }
            Err(error) => unread.push(unreadable(input, &error)),
        }
    }
    let mut found = Found::default();
    let objects = Objects::of(&sources);
    tekton::read(&objects, &mut found);
    actions::read(&objects, &mut found);
    pods::read(&objects, &mut found);
    updater::read(&objects, &mut found);
    objects.unread().iter().for_each(|object| object.mark_all(Verdict::ByHand, NOT_READ));
    sources.iter().for_each(|source| source.settle(true));
    let mut written = writer::write(&found, options);
    if found.is_cut() {
        let what = "there is more than one catalogue can have, so a part was not read; name fewer directories at once";
        found.open("the input", what);
    }
    let mut report = MigrationReport {
        rows: unread.into_iter().chain(sources.iter().flat_map(Source::rows)).collect(),
        open: found.open,
        services: written.services,
    };
    report.open.append(&mut written.open);
    report.open.iter_mut().for_each(|point| point.what = text::line(&point.what));
    written.files.push(MigratedFile { name: "report.md".to_owned(), text: report.markdown() });
    Migration { files: written.files, report }
}

/// The row of a file that is no YAML: all of it.
fn unreadable(input: &MigrateInput, error: &EditError) -> ReportRow {
    let line = match error {
        EditError::File { place, .. } => place.line,
        _ => 1,
    };
    let note = format!("the file was not read: {error}; of a Helm chart, name what `helm template` prints");
    whole(input, line, &note)
}

/// The one row of a file that was not read.
fn whole(input: &MigrateInput, line: usize, note: &str) -> ReportRow {
    ReportRow {
        file: text::line(&input.name),
        line,
        key: ".".to_owned(),
        verdict: Verdict::ByHand,
        note: text::line(note),
    }
}
