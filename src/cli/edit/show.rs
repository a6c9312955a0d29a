//! The output of `edit`.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use crate::text;

const RESET: &str = "\u{1b}[0m";

/// Prints a diff on standard output, with git's colours on a terminal.
pub(super) fn difference(difference: &str) {
    let plain =
        !stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let shown = match (stdout().is_terminal(), plain) {
        // A program that reads the diff from a pipe may apply it.
        (false, _) => difference.to_owned(),
        (true, true) => text::lines(difference),
        (true, false) => coloured(&text::lines(difference)),
    };
    // A closed output must not fail an edit.
    let _ = stdout().write_all(shown.as_bytes());
}

/// Prints a line on standard error.
pub(super) fn error(line: &str) {
    let _ = writeln!(stderr(), "{}", text::lines(line));
}

fn coloured(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| match colour(line) {
        Some(colour) => format!("{colour}{}{RESET}\n", line.trim_end_matches('\n')),
        None => line.to_owned(),
    });
    lines.collect()
}

fn colour(line: &str) -> Option<&'static str> {
    match line {
        _ if line.starts_with("--- ") || line.starts_with("+++ ") => Some("\u{1b}[1m"),
        _ if line.starts_with("@@") => Some("\u{1b}[36m"),
        _ if line.starts_with('-') => Some("\u{1b}[31m"),
        _ if line.starts_with('+') => Some("\u{1b}[32m"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::coloured;

    #[test]
    fn colours_are_around_the_lines_that_differ() {
        let shown = coloured("--- a/x\n@@ -1 +1 @@\n same\n-old\n+new\n");
        let expected = "\u{1b}[1m--- a/x\u{1b}[0m\n\u{1b}[36m@@ -1 +1 @@\u{1b}[0m\n same\n\u{1b}[31m-old\u{1b}[0m\n\u{1b}[32m+new\u{1b}[0m\n";
        assert_eq!(shown, expected);
    }
}
