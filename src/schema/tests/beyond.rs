//! What only the parser refuses, as docs/schema.md lists it.

const PAGE: &str = include_str!("../../../docs/schema.md");

/// Each row of the page's table, with parts of the parser's messages.
const BEYOND: &[(&str, &[&str])] = &[
    (
        "the text of a string",
        &[
            "is not",
            "is no ",
            "holds ",
            "must not",
            "must be",
            "must begin",
            "must have",
            "names a directory",
            "names no ",
            "would leave",
            "is absolute",
            "is wrong at",
            "has a digest",
            "write a Git repository",
            "not available",
            "no level",
            "user name or password",
            "holds `",
            "expected host=address",
            "stands for nothing",
            "cannot stand",
            "has no spaces",
            "no one platform",
            "is not a known",
            "is an",
            "is a private key",
            "a reference can stand",
            "a secret reference",
            "lies in local files",
            "soft limit",
            "is neither",
            "URL contains",
            "cannot be read",
            "expected name=soft:hard",
            "names neither",
            "the path",
            "unknown scheme",
        ],
    ),
    ("JSON in a string", &["is no valid JSON"]),
    ("a number in a string, and a number with a point", &["expected a whole number", "is no size"]),
    ("a reference of `steps`", &["no earlier entry", "has no output", "example value for the reference"]),
    ("names that occur twice", &["is used by another", "another entry is named"]),
    (
        "fields that depend on the value of others",
        &[
            "an ssh repository needs a key",
            "chooses among tags, and `image` names one",
            "has no meaning with `delete`",
            "counts the newest",
            "name repositories in it",
            "is used with",
            "cannot be used with",
            "needs a `secret`",
            "needs the field",
            "needs a time",
            "stands beside",
            "a push needs at least one",
            "one of `tags`",
            "for images of several",
            "has annotations in manifests alone",
            "has no name for this",
            "has no attestations",
            "needs `attest",
            "looks into the registry",
            "is set by `skip-if-exists`",
            "has no meaning with `scope",
            "with `scope: namespace`, write it without",
            "would delete everything",
            "`on-degraded: revert` commits to",
            "works with Argo CD only",
        ],
    ),
    ("the sizes of a step", &["at most", "levels deep", "more than"]),
];

/// The row of [`BEYOND`] that goes before [`HELD`].
const DEPENDING: usize = 5;

/// Parts of messages about what the schema refuses too, whatever else they contain.
const HELD: &[&str] = &[
    "expected a string",
    "expected true or false",
    "expected a list",
    "expected a map",
    "unknown field",
    "step kind",
    "is missing",
    "is not one of",
    "changes nothing",
    "says nothing",
    "write one target",
    "names no key",
    "write one of them",
    "cannot be nested",
    "nothing to refer to",
];

/// Whether the schema may take what the parser refuses with this message.
pub(super) fn is_beyond(problem: &str) -> bool {
    let has = |parts: &[&str]| parts.iter().any(|part| problem.contains(part));
    let held = has(HELD) || problem.starts_with("is empty");
    has(BEYOND[DEPENDING].1) || !held && BEYOND.iter().any(|(_, parts)| has(parts))
}

#[test]
fn the_page_lists_what_a_schema_cannot_say() {
    let rows: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    for (row, _) in BEYOND {
        assert!(rows.contains(row), "docs/schema.md has no row `{row}`: {rows:?}");
    }
}
