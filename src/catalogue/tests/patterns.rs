//! Patterns, schedules, and which documents are catalogues.

use serde_json::json;

use super::{problems, small};
use crate::catalogue::{NamePattern, is_catalogue};

#[test]
fn a_pattern_stands_for_the_whole_name() {
    for (pattern, matched, others) in [
        ("main", &["main"][..], &["mainline", "x/main", "main\n"][..]),
        ("^main$", &["main"], &["mainline"]),
        ("main|master", &["main", "master"], &["mainline", "xmaster"]),
        ("release/.*", &["release/1", "release/"], &["my-release/1"]),
        (r"v\d+\.\d+", &["v1.20"], &["v1x20", "v1.2.3"]),
        ("[^/]+", &["a"], &["a/b"]),
        ("(?:a|b)c", &["ac", "bc"], &["a"]),
    ] {
        let pattern = NamePattern::parse(pattern).unwrap();
        for name in matched {
            assert!(pattern.matches(name), "{pattern} {name}");
        }
        for name in others {
            assert!(!pattern.matches(name), "{pattern} {name}");
        }
    }
}

/// What Go 1.26 and `regex-lite` were asked about: one of them refuses each of these, or they read it in two ways.
#[test]
fn a_pattern_is_refused_if_a_reader_of_it_refuses_it() {
    for (pattern, expected) in [
        ("release/**", "for Go, which reads it in the Sensor: invalid nested repetition operator: `**`"),
        ("v+*", "invalid nested repetition operator: `+*`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a*++", "invalid nested repetition operator: `*+`"),
        ("a{1,1001}", "invalid repeat count: `{1,1001}`"),
        ("(?:[0-9a-f]{1,64}){1,20}", "invalid repeat count: `{1,20}`"),
        (r"\<a", r"`\<` is not taken"),
        (r"a[\>]", r"`\>` is not taken"),
        ("a{,2}", "`{` is taken in a count alone"),
        ("a{02}", "`{` is taken in a count alone"),
        ("a{ 2 }", "`{` is taken in a count alone"),
        ("a{", "`{` is taken in a count alone"),
        (".{0,1000}", "no pattern for `select` and `poll`"),
        ("[a-z]{1,1000}", "no pattern for `select` and `poll`"),
        (&"\u{1f980}".repeat(200), "it has more than 500 bytes"),
        ("", "it is empty"),
    ] {
        let error = NamePattern::parse(pattern).unwrap_err();
        assert!(error.contains(expected), "{pattern}: {error}");
    }
    for pattern in ["v[0-9]{1,3}", "a{2}", "a{2,}?", r"a\{x\}", "[{]x", "(?:a|b){0,9}"] {
        assert!(NamePattern::parse(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn schedules_are_those_of_cron() {
    for (schedule, is_good) in [
        ("* * * * *", true),
        ("*/10 0-6,22 1 jan-MAR mon", true),
        ("@daily", true),
        ("0 0 * * 6", true),
        ("0 0 * * 7", false),
        ("60 * * * *", false),
        ("*/0 * * * *", false),
        ("5-1 * * * *", false),
        ("* * * *", false),
        ("* * * * * *", false),
        ("@never", false),
        ("+1 * * * *", false),
    ] {
        let found = problems(&small(&json!({"pull": {"schedule": schedule}})));
        assert_eq!(found.is_empty(), is_good, "{schedule}: {found:?}");
    }
}

#[test]
fn a_catalogue_is_recognised() {
    for (document, is_one) in [
        (json!({"services": []}), true),
        (json!({"namespace": "builds", "services": {}}), true),
        (json!({"services": {"web": {"image": "x"}}}), false),
        (json!({"apiVersion": "v1", "kind": "List", "services": []}), false),
        (json!([]), false),
        (json!("services"), false),
    ] {
        assert_eq!(is_catalogue(&document), is_one, "{document}");
    }
}
