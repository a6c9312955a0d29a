//! The files that are checked.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::lint::LintInput;

const STDIN: &str = "-";

/// The most bytes of a file. The parser refuses larger ones; one byte more tells it so.
const LARGEST: u64 = (10 << 20) + 1;

/// Reads the files, and those in the directories. Also returns what could not be read.
pub(super) fn read(paths: &[PathBuf]) -> (Vec<LintInput>, Vec<String>) {
    let (mut files, mut unread) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            walk(path, &mut files, &mut unread);
        } else {
            files.push((path.clone(), true));
        }
    }
    let mut seen = HashSet::new();
    files.retain(|(path, _)| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    let mut sources = Vec::new();
    for (path, is_named) in files {
        let name = path.display().to_string().trim_start_matches("./").to_owned();
        match bytes(&path) {
            Ok(bytes) => sources.push(LintInput { name, bytes, is_named }),
            Err(error) => unread.push(format!("{name} cannot be read: {error}")),
        }
    }
    (sources, unread)
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reader: Box<dyn Read> = match path.to_str() {
        Some(STDIN) => Box::new(std::io::stdin()),
        _ => Box::new(File::open(path)?),
    };
    reader.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The YAML files below `directory`, in the order of their names. Symbolic links to directories are not followed.
fn walk(directory: &Path, files: &mut Vec<(PathBuf, bool)>, unread: &mut Vec<String>) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return unread.push(format!("{} cannot be read: {error}", directory.display())),
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let is_link = path.is_symlink();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_yaml = matches!(extension, Some("yaml" | "yml"));
        if path.is_dir() && !is_link {
            walk(&path, files, unread);
        } else if is_yaml && path.is_file() {
            files.push((path, false));
        }
    }
}
