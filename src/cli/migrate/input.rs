//! The files that are read. They may be anybody's: nothing outside of the named directories is opened, and sizes are limited.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::migrate::MigrateInput;

/// The most bytes of a file. The parser refuses larger ones; one byte more tells it so.
const LARGEST: u64 = (10 << 20) + 1;

/// The most bytes of all files.
const TOTAL: usize = 64 << 20;

/// The most files.
const FILES: usize = 10_000;

/// The most directories in each other.
const DEPTH: usize = 64;

/// Reads the files, and those in the directories, in the order of their names. Also returns what was not read.
pub(super) fn read(paths: &[PathBuf]) -> (Vec<MigrateInput>, Vec<String>) {
    let mut reader = InputReader::default();
    for path in paths {
        // A path of the command line is the user's own word, so a link there is followed.
        match path.is_dir() {
            true => reader.walk(path, 0),
            false => reader.file(path),
        }
    }
    (reader.files, reader.unread)
}

#[derive(Default)]
struct InputReader {
    files: Vec<MigrateInput>,
    unread: Vec<String>,
    bytes: usize,
}

impl InputReader {
    fn walk(&mut self, directory: &Path, depth: usize) {
        if depth > DEPTH {
            return self
                .unread
                .push(format!("{} is too deep, and was not read; name it alone", directory.display()));
        }
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                return self.unread.push(format!("{} cannot be read: {error}", directory.display()));
            }
        };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_input = matches!(extension, Some("yaml" | "yml" | "json"));
            if metadata.is_dir() && path.file_name().is_none_or(|name| name != ".git") {
                self.walk(&path, depth + 1);
            } else if is_input && metadata.is_file() {
                self.file(&path);
            } else if metadata.is_symlink() && (is_input || path.is_dir()) {
                self.unread.push(format!(
                    "{} is a symbolic link, and was not followed; name its target if it is wanted",
                    path.display()
                ));
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = path.display().to_string().trim_start_matches("./").to_owned();
        if self.files.len() >= FILES || self.bytes >= TOTAL {
            // Once is enough: the next files are left out for the same reason.
            if self.unread.last().is_none_or(|last| !last.contains("was not read with those behind it")) {
                self.unread.push(format!(
                    "{name} was not read with those behind it: too many files; name fewer at once"
                ));
            }
            return;
        }
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
            Ok(_) => {
                self.bytes += bytes.len();
                self.files.push(MigrateInput { name, bytes });
            }
            Err(error) => self.unread.push(format!("{name} cannot be read: {error}")),
        }
    }
}
