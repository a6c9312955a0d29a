//! Reads tests/corpus.

use std::fs;
use std::path::Path;

use argo_buildkit::manifest::Edit;

/// One directory: an input, and the edits that are applied to it.
pub(crate) struct File {
    pub(crate) input: Vec<u8>,
    pub(crate) cases: Vec<Case>,
}

/// Edits that are applied together, and the expected result.
pub(crate) struct Case {
    /// `DIRECTORY/cases:LINE`.
    pub(crate) name: String,
    pub(crate) sets: Vec<Set>,
    pub(crate) expected: Expected,
}

/// A line `set TARGET = VALUE`, with `create` or `shared` instead of `set` for edits that may do more.
pub(crate) struct Set {
    pub(crate) target: String,
    pub(crate) value: String,
    pub(crate) create: bool,
    pub(crate) shared: bool,
}

pub(crate) enum Expected {
    /// The whole file.
    Bytes(Vec<u8>),
    /// An error that contains `words`, and begins with `place` if there is one.
    Refused { place: Option<String>, words: String },
}

impl Case {
    pub(crate) fn edits(&self) -> Vec<Edit> {
        self.sets.iter().map(|set| set.edit(&self.name)).collect()
    }
}

impl Set {
    fn edit(&self, name: &str) -> Edit {
        let target = self.target.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        Edit { create: self.create, shared: self.shared, ..Edit::new(target, &self.value) }
    }
}

/// The whole corpus, in the order of the directories' names.
pub(crate) fn corpus() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut directories: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("cases").is_file())
        .collect();
    directories.sort();
    directories.iter().map(|directory| read(directory)).collect()
}

fn read(directory: &Path) -> File {
    let mut files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let inputs: Vec<_> = files.by_ref().filter(|path| !path.ends_with("cases")).collect();
    let [path] = &inputs[..] else { panic!("{} needs one input beside `cases`", directory.display()) };
    let input = fs::read(path).unwrap();
    let text = fs::read_to_string(directory.join("cases")).unwrap();
    let name = directory.file_name().unwrap().to_string_lossy();
    let mut cases = Vec::new();
    let mut block = Vec::new();
    for (at, line) in text.lines().chain([""]).enumerate() {
        if !line.is_empty() {
            block.push(line);
        } else if block.iter().any(|line| !line.starts_with('#')) {
            let name = format!("{name}/cases:{}", at + 1 - block.len());
            cases.push(parse(name, &std::mem::take(&mut block), &input));
        } else {
            block.clear();
        }
    }
    assert!(!cases.is_empty(), "{} has no case", directory.display());
    File { input, cases }
}

fn parse(name: String, block: &[&str], input: &[u8]) -> Case {
    let mut sets = Vec::new();
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut expected = None;
    for line in block {
        match line.split_at(line.find(' ').unwrap_or(line.len())) {
            _ if line.starts_with('#') => {}
            (verb @ ("set" | "create" | "shared"), rest) => sets.push(set(&name, rest, verb)),
            ("at", line) => hunks.push(Hunk { at: line.trim().parse().ok(), ..Hunk::default() }),
            ("same", "") => expected = Some(Expected::Bytes(input.to_vec())),
            ("becomes", "") => expected = Some(Expected::Bytes(Vec::new())),
            ("refused", rest) => expected = Some(refused(rest.trim())),
            _ => match (&mut expected, line.strip_prefix('+')) {
                (Some(Expected::Bytes(whole)), Some(line)) => whole.extend(format!("{line}\n").bytes()),
                _ => line_of_hunk(&name, &mut hunks, line),
            },
        }
    }
    assert!(!sets.is_empty() && expected.is_some() == hunks.is_empty(), "{name}: what is to happen?");
    let expected = expected.unwrap_or_else(|| Expected::Bytes(patched(&name, input, &hunks)));
    Case { name, sets, expected }
}

fn set(name: &str, rest: &str, verb: &str) -> Set {
    let (target, value) = rest.trim_start().split_once(" =").unwrap_or_else(|| panic!("{name}: no ` =`"));
    let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
    Set { target: target.to_owned(), value, create: verb == "create", shared: verb == "shared" }
}

/// `3:5 words`, or only words.
fn refused(rest: &str) -> Expected {
    let (first, words) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_place =
        first.split_once(':').is_some_and(|(l, c)| l.parse::<u32>().is_ok() && c.parse::<u32>().is_ok());
    match is_place {
        true => Expected::Refused { place: Some(first.to_owned()), words: words.to_owned() },
        false => Expected::Refused { place: None, words: rest.to_owned() },
    }
}

/// Old lines, and the new lines that replace them. The line endings are the file's.
#[derive(Default)]
struct Hunk<'a> {
    /// The number of the first old line, if the old lines occur more than once.
    at: Option<usize>,
    old: Vec<&'a str>,
    new: Vec<&'a str>,
}

fn line_of_hunk<'a>(name: &str, hunks: &mut Vec<Hunk<'a>>, line: &'a str) {
    let (sign, text) = line.split_at(1);
    if sign == "-" && hunks.last().is_none_or(|hunk| !hunk.new.is_empty()) {
        hunks.push(Hunk::default());
    }
    match (sign, hunks.last_mut()) {
        ("-", Some(hunk)) => hunk.old.push(text),
        ("+", Some(hunk)) => hunk.new.push(text),
        _ => panic!("{name}: what is `{line}`?"),
    }
}

/// `input` with every hunk applied, from the last to the first.
fn patched(name: &str, input: &[u8], hunks: &[Hunk]) -> Vec<u8> {
    let input = std::str::from_utf8(input).unwrap();
    let mut lines: Vec<String> = input.split_inclusive('\n').map(str::to_owned).collect();
    let ending = if lines[0].ends_with("\r\n") { "\r\n" } else { "\n" };
    for hunk in hunks.iter().rev() {
        let at = place(name, &lines, hunk);
        let last = &lines[at + hunk.old.len() - 1];
        let tail = last[bare(last).len()..].to_owned();
        let mut new: Vec<_> = hunk.new.iter().map(|line| format!("{line}{ending}")).collect();
        if let (Some(line), Some(text)) = (new.last_mut(), hunk.new.last()) {
            *line = format!("{text}{tail}");
        }
        lines.splice(at..at + hunk.old.len(), new);
    }
    lines.concat().into_bytes()
}

fn place(name: &str, lines: &[String], hunk: &Hunk) -> usize {
    assert!(!hunk.old.is_empty(), "{name}: a hunk needs an old line");
    let fits = |at: &usize| hunk.old.iter().zip(&lines[*at..]).all(|(old, line)| *old == bare(line));
    let all: Vec<_> = (0..=lines.len().saturating_sub(hunk.old.len())).filter(fits).collect();
    match (hunk.at, &all[..]) {
        (Some(line), _) if all.contains(&(line - 1)) => line - 1,
        (None, [one]) => *one,
        _ => panic!("{name}: {:?} stands at the lines {all:?}, counted from 0", hunk.old),
    }
}

/// A line without its ending. The first line keeps its byte order mark, because removing it would hide an error.
fn bare(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}
