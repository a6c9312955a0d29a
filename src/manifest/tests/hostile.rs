//! Files and edits that are made to take time or memory. Without their limits, most of these tests run for minutes.

use super::super::{Edit, Path, Stream, apply, apply_within};
use super::{edit, helm, refusal};

#[test]
fn many_documents_with_an_alias_each_are_followed_in_their_own_document() {
    let file = "a: &x {}\nb: *x\n---\n".repeat(20_000);
    let error = refusal(&file, Edit { shared: true, ..helm("b.c", "v2") });
    assert!(error.contains("`b.c` does not exist"), "{error}");
}

#[test]
fn a_path_has_at_most_256_steps() {
    let path = |steps: usize| vec!["a"; steps].join(".").parse::<Path>();
    assert!(path(256).is_ok());
    assert!(path(257).unwrap_err().to_string().contains("expected the end after 256 steps"));
}

#[test]
fn a_path_enters_at_most_three_texts() {
    let file = "a: |\n  a: |\n    a: |\n      a: v1\n";
    let edited = apply(file.as_bytes(), &[helm("a|a|a|a", "v2")]).unwrap();
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), file.replace("v1", "v2"));
    let deep = "a|a|a|a|a".parse::<Path>().unwrap_err().to_string();
    assert!(deep.contains("at column 8: expected no further `|` after three"), "{deep}");
}

#[test]
fn a_large_mapping_that_merges_itself_is_searched_once() {
    let keys: String = (0..60_000).map(|n| format!("  k{n}: v\n")).collect();
    let error = refusal(&format!("m: &m\n{keys}  <<: *m\n"), helm("m.tag", "v2"));
    assert!(error.contains("takes that key") || error.contains("does not exist"), "{error}");
}

#[test]
fn many_comments_of_one_mapping_are_set_in_one_search() {
    let comment = "# {\"$imagepolicy\": \"n:p:tag\"}";
    let file = |tag: &str| (0..20_000).map(|n| format!("k{n}: {tag} {comment}\n")).collect::<String>();
    let edits = [edit("setter:n:p=:v2"), edit("setter:n:p:tag=:v2")];
    let edited = apply(file("v1").as_bytes(), &edits).unwrap();
    assert!(edited.bytes == file("v2").into_bytes());
    assert_eq!(edited.changes.len(), 20_000);
}

#[test]
fn a_long_text_takes_a_small_expression() {
    let file = format!("t: \"{}v1\"\n", "a".repeat(60 << 10));
    let part = |pattern: &str| apply(file.as_bytes(), &[edit(&format!("helm:t~\"{pattern}\"=v2"))]);
    assert!(part("(v[0-9]+)$").unwrap().changed);
    let error = part("(?:a?){200}(v[0-9]+)$").unwrap_err().to_string();
    assert!(error.contains("long"), "{error}");
}

#[test]
fn many_collections_before_a_comment_are_read_once() {
    let file = format!("x: v1\ny: [{}] # {}\n", "[],".repeat(60_000), "$imagepolicy ".repeat(100_000));
    assert!(refusal(&file, edit("setter:n:p=:v2")).contains("setter comment"));
}

#[test]
fn additions_to_one_list_end_where_the_file_was_read_too_often() {
    let edits: Vec<_> = (0..10).map(|n| edit(&format!("helm:a[+]=x{n}"))).collect();
    let file = "a:\n- y\n";
    let events = Stream::parse(file).unwrap().events().len();
    // Each of ten rounds adds an item, and the last one finds nothing to do.
    let work = (events..=events + 10).sum::<usize>() * edits.len();
    assert_eq!(apply_within(work, file.as_bytes(), &edits).unwrap().changes.len(), 10);
    let error = apply_within(work - 1, file.as_bytes(), &edits).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"1:1: the file is too large for so many additions to one list or mapping, since each of them reads it again; make them in several steps, or in a smaller file");
}
