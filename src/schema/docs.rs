//! Descriptions of fields, from the tables of pages such as docs/steps.md.

use crate::step::Kind;

const PAGE: &str = include_str!("../../docs/steps.md");

/// The description of the field `path` of a kind, such as `cache.to.mode`, as plain text.
pub(super) fn description(kind: Kind, path: &str) -> Option<String> {
    described(PAGE, kind.name(), path)
}

/// The description of the field `path` in a section of a page, as plain text.
pub(super) fn described(page: &str, section: &str, path: &str) -> Option<String> {
    let section = page.split("\n## ").find(|part| part.starts_with(&format!("{section}\n")))?;
    let cells = section.lines().filter(|line| line.starts_with("| `")).map(cells);
    let row = cells.into_iter().find(|row| named(row, path))?;
    let text = plain(row.last()?);
    // The columns are: field, type, default, description.
    match row.get(2).filter(|_| row.len() == 4) {
        Some(default) if !matches!(default.as_str(), "required" | "–") => {
            Some(format!("{text}. Default: {}.", plain(default)))
        }
        _ => Some(format!("{text}.")),
    }
}

fn named(row: &[String], path: &str) -> bool {
    let name = row.first().map(|cell| cell.trim_matches('`').replace("[]", ""));
    name.as_deref() == Some(path)
}

/// The cells of a table's row. A `\|` is part of a cell.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "\u{1}");
    let cells = line.trim().trim_matches('|').split('|');
    cells.map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// The text without links: `[text](target)` becomes `text`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, label, after)) = link(rest) {
        plain.push_str(before);
        plain.push_str(label);
        rest = after;
    }
    plain + rest
}

/// The first link of a text: what is before it, its label, what is after it.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = text.split_once("](")?;
    let (before, label) = head.rsplit_once('[')?;
    let (_, after) = rest.split_once(')')?;
    Some((before, label, after))
}
