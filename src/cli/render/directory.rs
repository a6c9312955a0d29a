//! The directory of rendered files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::manifest::unified_diff;
use crate::render::{RenderedFile, is_ours};

/// The YAML files in a directory, as they are.
pub(super) struct OutputDirectory {
    path: PathBuf,
    /// The text of each file by its name; `None` for what is no regular file with text.
    files: BTreeMap<String, Option<String>>,
}

/// A file that is not as it should be: what it is, and what it should be.
pub(super) struct Difference {
    name: String,
    old: Option<String>,
    new: Option<String>,
}

impl OutputDirectory {
    /// Reads the directory. One that does not exist is empty.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        for file in yaml_files_or_none(path)? {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let is_plain = fs::symlink_metadata(&file).is_ok_and(|metadata| metadata.is_file());
            files.insert(name, fs::read_to_string(&file).ok().filter(|_| is_plain));
        }
        Ok(Self { path: path.to_owned(), files })
    }

    /// A file with the name of one of `rendered` that no run has made.
    pub(super) fn foreign(&self, rendered: &[RenderedFile]) -> Option<PathBuf> {
        let is_foreign =
            |name: &str| self.files.get(name).is_some_and(|text| !text.as_deref().is_some_and(is_ours));
        rendered.iter().find(|file| is_foreign(&file.name)).map(|file| self.path.join(&file.name))
    }

    /// What differs from `rendered`. Of the files that are not among them, those that a run has made.
    pub(super) fn differences(&self, rendered: Vec<RenderedFile>) -> Vec<Difference> {
        let mut all: BTreeMap<String, Difference> = BTreeMap::new();
        for (name, text) in &self.files {
            if let Some(old) = text.as_ref().filter(|text| is_ours(text)) {
                let (name, old) = (name.clone(), Some(old.clone()));
                all.insert(name.clone(), Difference { name, old, new: None });
            }
        }
        for RenderedFile { name, text } in rendered {
            let made = Difference { name: name.clone(), old: None, new: None };
            all.entry(name).or_insert(made).new = Some(text);
        }
        all.into_values().filter(|one| one.old != one.new).collect()
    }
}

impl Difference {
    /// The difference in the format of `git diff`.
    pub(super) fn diff(&self, directory: &Path) -> String {
        let bytes = |text: &Option<String>| text.as_deref().unwrap_or_default().as_bytes().to_vec();
        let path = directory.join(&self.name).display().to_string();
        unified_diff(path.trim_start_matches("./"), &bytes(&self.old), &bytes(&self.new))
    }

    /// Writes the file as it should be, or removes it. A reader sees the old file or the new one.
    pub(super) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let path = directory.join(&self.name);
        let written = match &self.new {
            Some(text) => replace(directory, &path, text),
            None => fs::remove_file(&path),
        };
        written.with_context(|| format!("{} cannot be written", path.display()))
    }

    /// What was done.
    pub(super) fn said(&self, directory: &Path) -> String {
        let path = directory.join(&self.name).display().to_string();
        let verb = match (&self.old, &self.new) {
            (_, None) => "removed",
            (None, _) => "made",
            _ => "changed",
        };
        format!("{verb} {path}")
    }
}

fn replace(directory: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// The YAML files in a directory, by name.
pub(super) fn yaml_files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("{} cannot be read", directory.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn yaml_files_or_none(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    match fs::metadata(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        _ => yaml_files(directory),
    }
}
