//! The times of a pipeline stand in one table, which is that of the measured runs, and which README's picture shows.

use std::path::PathBuf;

use regex_lite::Regex;

use super::markdown::{prose, rows, section};
use super::{pages, read};

/// The rows of the one table, and those of the runs under `**Numbers with the shared agent**`.
const SAME: &[(&str, &str)] = &[
    ("three pods: clone, build, commit", "three pods"),
    ("Tekton, two tasks", "Tekton, two tasks"),
    ("one node, with a sidecar", "one node"),
    ("one node, with the shared agent", "one node, shared agent"),
];
/// The width of a second in the picture.
const PIXELS: f64 = 40.0;

fn one_table() -> Vec<Vec<String>> {
    rows(section(&read("docs/benchmarks.md"), "## In one table"))
}

/// `2.4 s (2.3-2.7)` without what stands in brackets.
fn median(cell: &str) -> &str {
    cell.split(" (").next().unwrap()
}

#[test]
fn the_one_table_is_that_of_the_runs() {
    let page = read("docs/benchmarks.md");
    let (_, runs) = page.split_once("**Numbers with the shared agent**").unwrap();
    let runs = rows(&runs[..runs.find("\n\n| measured").unwrap()]);
    let table = one_table();
    assert_eq!(table.len(), SAME.len());
    for (row, (what, of_runs)) in table.iter().zip(SAME) {
        let run = runs.iter().find(|run| run[1] == *of_runs).unwrap();
        assert_eq!(*row, [*what, median(&run[2]), median(&run[3])]);
    }
}

#[test]
fn the_picture_shows_the_one_table() {
    let svg = read("docs/images/commit.svg");
    let all = |pattern: &str| -> Vec<String> {
        Regex::new(pattern).unwrap().captures_iter(&svg).map(|found| found[1].to_owned()).collect()
    };
    let texts = all(r#"class="seconds"[^>]*>([^<]+)</text>"#);
    let commits: Vec<_> = one_table().into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(texts, commits);
    let seconds = commits.iter().map(|text| text.trim_end_matches(" s").parse::<f64>().unwrap());
    let widths: Vec<_> = seconds.map(|seconds| format!("{:.0}", seconds * PIXELS)).collect();
    assert_eq!(all(r#"<rect class="bar[^"]*"[^>]* width="([0-9]+)""#), widths);
    // For those who do not see the picture.
    let readme = read("README.md");
    let alternative = readme.lines().find(|line| line.contains("docs/images/commit.svg")).unwrap();
    assert!(commits.iter().all(|text| alternative.contains(&**text)), "{alternative}");
}

#[test]
fn no_other_page_repeats_a_time_to_the_commit() {
    let time = Regex::new(r"[0-9]\.[0-9] s (?:after|to the commit|until the commit)").unwrap();
    let is_other = |page: &PathBuf| !page.ends_with("benchmarks.md") && !page.ends_with("CHANGELOG.md");
    for page in pages().into_iter().filter(is_other) {
        let text = read(&page);
        // docs/events.md has a time of Gitea's queue, which is no time of a pipeline.
        let wrong: Vec<_> =
            prose(&text).filter(|line| time.is_match(line) && !line.contains("the push")).collect();
        assert!(
            wrong.is_empty(),
            "{}: link to docs/benchmarks.md#in-one-table instead: {wrong:#?}",
            page.display()
        );
    }
}
