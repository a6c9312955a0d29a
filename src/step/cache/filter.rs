//! Filters in BuildKit's language (containerd `pkg/filters/filter.go`).
//!
//! The daemon takes a filter with a misspelt field, and then deletes nothing or too much. So the fields are checked here.

use crate::step::nearest::{hint, listed};

/// The fields of a record that a prune can compare (BuildKit `cache/manager.go`, `pruneOnce` and `adaptUsageInfo`). It does not know
/// `parents` and `inuse` yet, so `parents!=x` would match everything.
const FIELDS: [&str; 7] = ["id", "description", "mutable", "immutable", "type", "shared", "private"];

/// The types of records (BuildKit `client/diskusage.go`).
const TYPES: [&str; 6] =
    ["internal", "frontend", "source.local", "source.git.checkout", "exec.cachemount", "regular"];

/// The longest filter, in bytes.
const LONGEST: usize = 1000;

/// The longest regular expression of a tenant, in bytes.
const LONGEST_PATTERN: usize = 100;

/// Checks a filter of a tenant. The daemon compiles its regular expressions once for each record, and answers nobody else meanwhile
/// (`cache/manager.go`, `pruneOnce`), so they are short and repeat nothing by number.
pub(super) fn check_own(filter: &str) -> Result<String, String> {
    let filter = check(filter)?;
    let has_pattern = filter.contains("~=");
    if has_pattern && filter.len() > LONGEST_PATTERN {
        return Err(format!(
            "has a regular expression and is {} bytes long; with `scope: namespace`, at most {LONGEST_PATTERN} are taken",
            filter.len()
        ));
    }
    let costly = ["{", r"\p", r"\P", "[:"].into_iter().find(|part| has_pattern && filter.contains(part));
    match costly {
        Some(part) => Err(format!(
            "has `{part}` in a regular expression, which takes the daemon long; with `scope: namespace`, write it without"
        )),
        None => Ok(filter),
    }
}

/// Checks a filter: selectors with commas between them, such as `type==regular,description~="npm ci"`.
pub(super) fn check(filter: &str) -> Result<String, String> {
    if filter.len() > LONGEST {
        return Err(format!("is {} bytes long; at most {LONGEST} are taken", filter.len()));
    }
    let mut rest = filter;
    loop {
        rest = selector(rest.trim_start())?.trim_start();
        if rest.is_empty() {
            return Ok(filter.to_owned());
        }
        rest = rest.strip_prefix(',').ok_or_else(|| {
            format!(
                "is no filter: `{}` follows a value; put values with other characters in quotes",
                start(rest)
            )
        })?;
    }
}

/// Checks the selector at the beginning of `text`, and returns what follows it.
fn selector(text: &str) -> Result<&str, String> {
    let end =
        text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(text.len());
    let (field, rest) = text.split_at(end);
    if !FIELDS.contains(&field) {
        let known = listed(FIELDS);
        return Err(match field {
            "" => "is no filter: it ends where a field is expected".to_owned(),
            "until" => "is no filter: `until` is the field `older-than` of the step".to_owned(),
            field => format!(
                "is no filter: there is no field `{field}`{}; there are {known}",
                hint(field, FIELDS.into_iter())
            ),
        });
    }
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with(',') {
        return Ok(rest);
    }
    let operator = ["==", "!=", "~="].into_iter().find(|operator| rest.starts_with(operator));
    let operator = operator.ok_or_else(|| {
        format!("is no filter: `{}` follows `{field}`, and `==`, `!=` or `~=` is expected", start(rest))
    })?;
    let (value, rest) = value(rest[operator.len()..].trim_start(), operator == "~=")?;
    let is_word = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if field == "type" && operator != "~=" && is_word && !TYPES.contains(&value) {
        let known = listed(TYPES);
        return Err(format!(
            "is no filter: there is no type `{value}`{}; there are {known}",
            hint(value, TYPES.into_iter())
        ));
    }
    Ok(rest)
}

/// Splits the value off `text`: it is quoted, or ends at a comma or a space. `/` and `|` are quotes of regular expressions.
fn value(text: &str, is_pattern: bool) -> Result<(&str, &str), String> {
    let quote =
        text.chars().next().filter(|c| matches!(c, '"' | '\'') || is_pattern && matches!(c, '/' | '|'));
    let Some(quote) = quote else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        return match end {
            0 => Err("is no filter: it ends where a value is expected".to_owned()),
            end => Ok(text.split_at(end)),
        };
    };
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let (end, _) = end.ok_or_else(|| format!("is no filter: a value lacks its final `{quote}`"))?;
    Ok(text.split_at(end + 1))
}

fn start(text: &str) -> String {
    text.chars().take(20).flat_map(char::escape_debug).collect()
}
