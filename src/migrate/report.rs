//! The report: a row for each key of the input, and what the output still lacks.

use serde_json::{Value, json};

use super::verdict::Verdict;

/// What became of one key of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The path of the key, such as `spec.params[0].value`. Values are never shown: one may be a password.
    pub key: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What stands for it, what differs, or what to do.
    pub note: String,
}

/// What somebody has to do that no single key of the input asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenPoint {
    /// The place: a file and line of the input, or a field of the output.
    pub place: String,
    /// What to do.
    pub what: String,
}

/// The report of a migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// A row for each key, in the order of the files and of the lines.
    pub rows: Vec<ReportRow>,
    /// What is left to do.
    pub open: Vec<OpenPoint>,
    /// The names of the services that were found.
    pub services: Vec<String>,
}

impl MigrationReport {
    /// The number of keys with `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// The report as text for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let ReportRow { file, line, key, verdict, note } = row;
            text.push_str(&format!("{file}:{line}: {}: {key}: {note}\n", verdict.name()));
        }
        for OpenPoint { place, what } in &self.open {
            text.push_str(&format!("{place}: to do: {what}\n"));
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    /// The numbers, on one line.
    pub fn summary(&self) -> String {
        let counts = Verdict::ALL.map(|verdict| format!("{} {}", self.count(verdict), verdict.name()));
        format!(
            "{}: {}; {} to do; {} keys in all",
            many(self.services.len(), "service"),
            counts.join(", "),
            self.open.len(),
            self.rows.len()
        )
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Migration\n\n{}.\n", self.summary());
        if !self.open.is_empty() {
            text.push_str("\n## To do\n\n");
            for OpenPoint { place, what } in &self.open {
                text.push_str(&format!("- {}: {}\n", cell(place), cell(what)));
            }
        }
        let mut file = None;
        for row in &self.rows {
            if file != Some(&row.file) {
                text.push_str(&format!(
                    "\n## {}\n\n| line | key | | note |\n|---|---|---|---|\n",
                    cell(&row.file)
                ));
                file = Some(&row.file);
            }
            let key = row.key.replace('`', "'").replace('|', "\\|");
            let name = row.verdict.name();
            text.push_str(&format!("| {} | `{key}` | {name} | {} |\n", row.line, cell(&row.note)));
        }
        text
    }

    /// The report as JSON.
    pub fn json(&self) -> Value {
        let row = |row: &ReportRow| {
            json!({
                "file": row.file,
                "line": row.line,
                "key": row.key,
                "verdict": row.verdict.name(),
                "note": row.note,
            })
        };
        let open = |point: &OpenPoint| json!({"place": point.place, "what": point.what});
        json!({
            "services": self.services,
            "keys": self.rows.iter().map(row).collect::<Vec<_>>(),
            "open": self.open.iter().map(open).collect::<Vec<_>>(),
            "direct": self.count(Verdict::Direct),
            "approximate": self.count(Verdict::Approximate),
            "by_hand": self.count(Verdict::ByHand),
        })
    }
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A text that ends no cell of a table and begins no HTML.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
