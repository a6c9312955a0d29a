//! What the tests read of a page in Markdown.

use std::collections::{BTreeSet, HashMap};

use regex_lite::Regex;

/// The lines outside fenced blocks.
pub(super) fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// The targets of links and pictures outside code.
pub(super) fn links(page: &str) -> Vec<String> {
    let code = Regex::new("`[^`]*`").unwrap();
    let link = Regex::new(r#"\]\(([^()\s]+)\)|(?:src|srcset|href)="([^"]+)""#).unwrap();
    let text = prose(page).collect::<Vec<_>>().join("\n");
    let text = code.replace_all(&text, "");
    let targets = link.captures_iter(&text).filter_map(|found| found.get(1).or_else(|| found.get(2)));
    targets.map(|target| target.as_str().to_owned()).collect()
}

/// The anchors that GitHub makes of the headings.
pub(super) fn anchors(page: &str) -> BTreeSet<String> {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = prose(page).filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let heading = link.replace_all(line.trim_start_matches('#').trim(), "$1").to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = seen.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    });
    anchors.collect()
}

/// The section below the heading `line`, until the next heading of the same or a higher level.
pub(super) fn section<'a>(page: &'a str, line: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n{line}\n")).unwrap_or_else(|| panic!("no `{line}`"));
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let end = (1..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level)))).min();
    &rest[..end.unwrap_or(rest.len())]
}

/// The rows of the tables in `text`, without heads, with the cells trimmed.
pub(super) fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let is_rule = |n: usize| lines.get(n).is_some_and(|line| line.starts_with("|--"));
    let body = (0..lines.len()).filter(|n| !is_rule(*n) && !is_rule(n + 1));
    body.map(|n| lines[n].trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn a_page_is_read_as_a_forge_shows_it() {
    let page = "# A page\n\n## `run`, and\n\n```sh\n# no heading [x](y)\n```\n\n## a page\n\n| a | b |\n|---|---|\n| [1](u#v) | `[z](w)` |\n\n## end\n";
    let anchors: Vec<_> = anchors(page).into_iter().collect();
    assert_eq!(anchors, ["a-page", "a-page-1", "end", "run-and"]);
    assert_eq!(links(page), ["u#v"]);
    assert_eq!(rows(section(page, "## a page")), [["[1](u#v)", "`[z](w)`"]]);
}
