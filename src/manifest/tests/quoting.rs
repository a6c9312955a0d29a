//! Which strings need no quotes.

use super::super::parser::Style;
use super::super::quote::{is_plain_string, render};

#[test]
fn what_a_reader_would_take_for_something_else_is_quoted() {
    for value in [
        "",
        "~",
        "null",
        "Null",
        "NULL",
        "y",
        "Y",
        "n",
        "yes",
        "Yes",
        "NO",
        "on",
        "Off",
        "true",
        "False",
        "=",
        "<<",
        "1",
        "-1",
        "+1",
        "0",
        "1.20",
        "1.",
        ".5",
        "-.5",
        "1e3",
        "1E3",
        "1.5e-3",
        "12e4567",
        "1e",
        "0123",
        "08",
        "1_000",
        "1,000",
        "0x1F",
        "0X1f",
        "0o17",
        "0b101",
        "-0x1f",
        "0o+62",
        ".inf",
        "-.INF",
        ".NaN",
        "nan",
        "190:20:30",
        "1:30",
        "190:20:30.15",
        "2024-01-15",
        "2024-1-5",
        "2024-01-15T10:00:00Z",
        "2024-01-15 10:00:00",
        ".",
        "_1",
    ] {
        assert!(!is_plain_string(value), "{value:?}");
        assert_eq!(render(value, Style::Plain, false), format!("\"{value}\""));
        assert_eq!(render(value, Style::Single, false), format!("'{value}'"));
    }
}

#[test]
fn ordinary_values_stay_plain() {
    for value in [
        "v1",
        "1.2.3",
        "v1.20",
        "1.20-rc1",
        "12e4567f",
        "1a2b3c4",
        "main-20240115",
        "2024-01-15-ab12",
        "20240115.1-x",
        "gitea.example.com/shop/api",
        "localhost:5000/api",
        super::NEW,
        "nulls",
        "yesterday",
        "0xyz",
        "a#b",
        "a b",
        "1.2.3.4",
        "é",
        "x=y",
        "a-b",
        "true-ish",
        "e3",
        "1e3x",
    ] {
        assert_eq!(render(value, Style::Plain, false), value);
        assert_eq!(render(value, Style::Plain, true), value);
    }
}

#[test]
fn what_syntax_would_split_is_quoted() {
    for value in [
        "a: b", "a:", "a #b", " a", "a ", "-x", "- x", "?x", ":x", ",x", "[x", "]x", "{x", "}x", "#x", "&x",
        "*x", "!x", "|x", ">x", "'x", "%x", "@x", "`x", "---", "...", "... x",
    ] {
        assert_eq!(render(value, Style::Plain, false), format!("\"{value}\""));
    }
    for value in ["a,b", "a[b", "a]", "a{b", "a}b", "a?b"] {
        assert_eq!(render(value, Style::Plain, false), value);
        assert_eq!(render(value, Style::Plain, true), format!("\"{value}\""));
    }
}

#[test]
fn quotes_escape_what_they_must() {
    assert_eq!(render("a'b", Style::Single, false), "'a''b'");
    assert_eq!(render("a\"\\b", Style::Double, false), "\"a\\\"\\\\b\"");
    assert_eq!(render("\"a", Style::Plain, false), "\"\\\"a\"");
}
