#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// What Go 1.26 compiles, with which argo-events v1.9.11 is built. It was asked about each of these.
const GOOD: &[&str] = &[
    "",
    "^refs/heads/(main|master)$",
    "(?i)main",
    "(?i:main)x",
    "(?P<a>x)(?<b>y)",
    "a{2,5}?",
    "a{,2}",
    "x{",
    "{",
    "a{2",
    r"\Qa.b\E$",
    r"\Q(",
    "[]a]",
    "[^]a]",
    "[a-]",
    "[-a]",
    r"[\d-]",
    r"\pL\p{Greek}\p{^Lu}",
    r"\p{Letter}",
    "a{01}",
    "[[:foo]",
    "(?P<a>x)(?P<a>y)",
    "[[:alpha:]_]",
    "a*?b+?c??",
    r"\x41\x{1F680}\07\123",
    r"\-\_\<\/",
    "(?s-i:.)",
    "()",
    "(|a)",
    "^*",
    "a|",
    r"\A\z\b\B",
    "a(?i)*",
    "]",
    "}",
    "(?-s)a",
    "[a&&b]",
    "[a[b]",
    "(a{10}){100}",
    "(?im)x",
];

/// What it refuses, and why.
const BAD: &[(&str, &str, &str)] = &[
    ("(?=a)", "invalid or unsupported Perl syntax", "(?="),
    ("(?!a)", "invalid or unsupported Perl syntax", "(?!"),
    ("(?<!a)b", "invalid named capture", "(?<!a)b"),
    ("(?x) a", "invalid or unsupported Perl syntax", "(?x"),
    ("(?-)a", "invalid or unsupported Perl syntax", "(?-)"),
    ("*a", "missing argument to repetition operator", "*"),
    ("a|+", "missing argument to repetition operator", "+"),
    ("(?i)*", "missing argument to repetition operator", "*"),
    ("a**", "invalid nested repetition operator", "**"),
    ("a{2}{3}", "invalid nested repetition operator", "{2}{3}"),
    ("a{1001}", "invalid repeat count", "{1001}"),
    ("a{3,2}", "invalid repeat count", "{3,2}"),
    ("(a{100}){100}", "invalid repeat count", "{100}"),
    ("(a", "missing closing )", "(a"),
    ("a)", "unexpected )", ")"),
    ("[a", "missing closing ]", "[a"),
    ("[]", "missing closing ]", "[]"),
    ("[z-a]", "invalid character class range", "z-a"),
    ("[[:foo:]]", "invalid character class range", "[:foo:]"),
    (r"\p{Script=Greek}", "invalid character class range", r"\p{Script=Greek}"),
    (r"\1", "invalid escape sequence", r"\1"),
    (r"\u0041", "invalid escape sequence", r"\u"),
    (r"\Z", "invalid escape sequence", r"\Z"),
    (r"\h", "invalid escape sequence", r"\h"),
    (r"[a-\d]", "invalid character class range", r"a-\d"),
    ("a\\", "trailing backslash at end of expression", "\\"),
    ("[a-[:alpha:]]", "invalid character class range", "a-["),
    ("(?P<a-b>x)", "invalid named capture", "(?P<a-b>"),
];

#[test]
fn what_go_compiles_is_accepted() {
    for text in GOOD {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn what_go_refuses_is_refused() {
    for (text, problem, part) in BAD {
        assert_eq!(parse(text).unwrap_err(), GoError::new(*problem, *part), "{text}");
    }
}

#[test]
fn an_expression_is_anchored_if_every_alternative_is() {
    for (text, start, end) in [
        ("^refs/heads/main$", true, true),
        ("main", false, false),
        ("^main", true, false),
        ("main$", false, true),
        ("^(main|master)$", true, true),
        ("^main$|^master$", true, true),
        ("^main|master$", false, false),
        ("(^main$)", true, true),
        (r"\Amain\z", true, true),
        (".*main.*", true, true),
        ("^refs/tags/", true, true),
        (r"^release\-", true, true),
        ("(?i)^main$", true, true),
        ("", false, false),
    ] {
        assert_eq!(parse(text).unwrap(), Anchors { start, end }, "{text}");
    }
}

#[test]
fn deep_nesting_ends() {
    for count in [DEPTH + 1, 1000, 100_000] {
        assert!(parse(&"(".repeat(count)).is_ok(), "nobody knows");
    }
}
