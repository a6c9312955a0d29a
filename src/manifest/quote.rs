//! Writes a string so that every reader parses it as that string.
//!
//! "Every reader" means YAML 1.1 and 1.2 with their common implementations: go-yaml (Helm, kustomize, Argo CD)
//! mixes both. In doubt, the string is quoted: a quoted string is a string for every reader.

use super::parser::Style;

/// `value` in the style of the scalar, or in double quotes if the plain style is not safe.
pub(super) fn render(value: &str, style: Style, flow: bool) -> String {
    match style {
        Style::Single => format!("'{}'", value.replace('\'', "''")),
        Style::Plain if is_plain_syntax(value, flow) && is_plain_string(value) => value.to_owned(),
        Style::Plain | Style::Double | Style::Literal | Style::Folded => {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
    }
}

/// `value` on one line: plain if every reader takes that for this text, else in double quotes, with escapes as in JSON.
pub(crate) fn on_one_line(value: &str, flow: bool) -> String {
    let is_plain = value.chars().all(is_printable) && is_plain_syntax(value, flow) && is_plain_string(value);
    if is_plain {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c if u32::from(c) > 0xffff => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// The text `value` in quotes on one line, with no more escapes than it needs. None for other styles, and for characters
/// that such quotes cannot hold.
pub(super) fn text(value: &str, style: Style) -> Option<String> {
    let fits = |c: char| is_printable(c) || (matches!(c, '\n' | '\t') && style == Style::Double);
    if !matches!(style, Style::Single | Style::Double) || !value.chars().all(fits) {
        return None;
    }
    Some(render(value, style, false).replace('\n', "\\n").replace('\t', "\\t"))
}

/// Whether a quoted scalar can hold the character without an escape.
pub(super) fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether `value` is one scalar without quotes.
fn is_plain_syntax(value: &str, flow: bool) -> bool {
    let indicator = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c);
    let in_flow = |c: char| ",[]{}?".contains(c);
    let ends = |c: char| c == ':' || c.is_whitespace();
    let splits = value.starts_with(|c: char| indicator(c) || c.is_whitespace())
        || value.ends_with(ends)
        || value.starts_with("...")
        || value.contains(": ")
        || value.contains(" #")
        || (flow && value.contains(in_flow));
    !splits
}

/// Whether `value` without quotes is a string for every reader: not a null, boolean, number, time or merge key.
pub(super) fn is_plain_string(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let word = matches!(
        lower.as_str(),
        "" | "~"
            | "null"
            | "y"
            | "n"
            | "yes"
            | "no"
            | "on"
            | "off"
            | "true"
            | "false"
            | "="
            | "<<"
            | "."
            | "-"
            | "+"
    );
    !word && !is_number(&lower) && !is_time(value)
}

/// Whether the text of a plain scalar means null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether both are numbers, or both booleans. The new value must be spelled so that all readers agree, and a number
/// must keep its digits: `1.20` would be read as 1.2.
pub(super) fn same_type(old: &str, new: &str) -> bool {
    let was_boolean = is_boolean(&old.to_ascii_lowercase()) && is_plain_syntax(old, true);
    let is_boolean = matches!(new, "true" | "True" | "TRUE" | "false" | "False" | "FALSE");
    let was_number = is_number(&old.to_ascii_lowercase());
    (was_number && (is_whole(new) || is_fraction(new))) || (was_boolean && is_boolean)
}

/// Booleans of YAML 1.1 except `y` and `n`, which go-yaml reads as strings.
fn is_boolean(lower: &str) -> bool {
    matches!(lower, "true" | "false" | "yes" | "no" | "on" | "off")
}

fn is_whole(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let leads = digits.starts_with('0') && value != "0";
    !leads && (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `value` is a decimal fraction that is printed with the same digits after it is parsed.
fn is_fraction(value: &str) -> bool {
    let Some((whole, fraction)) = value.split_once('.') else { return false };
    let fits = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let leads = whole.starts_with('0') && whole != "0";
    !leads && fits(whole) && fits(fraction) && !fraction.ends_with('0') && whole.len() + fraction.len() <= 15
}

/// Numbers of YAML 1.1 (section "int", "float" of its type repository) and of the 1.2 core schema, with `_`
/// and `,` between digits as some readers allow.
fn is_number(lower: &str) -> bool {
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    if matches!(unsigned, ".inf" | ".nan" | "inf" | "nan" | "infinity") {
        return true;
    }
    let digits: String = unsigned.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    let all = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    // go-yaml v3 also reads a sign after the prefix: `0o+62` is 50.
    let radix = |prefix, radix| {
        let rest = digits.strip_prefix(prefix).map(|rest| rest.trim_start_matches(['+', '-']));
        rest.is_some_and(|rest| rest.is_empty() || all(rest, radix))
    };
    radix("0x", 16) || radix("0o", 8) || radix("0b", 2) || is_decimal(&digits) || is_sexagesimal(&digits)
}

fn is_decimal(digits: &str) -> bool {
    let (mantissa, exponent) = digits.split_once('e').map_or((digits, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        all(e)
    });
    !(whole.is_empty() && fraction.is_empty()) && all(whole) && all(fraction) && exponent_fits
}

/// `190:20:30.15`: a number to base 60 in YAML 1.1.
fn is_sexagesimal(digits: &str) -> bool {
    digits.contains(':')
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'))
}

/// A date, alone or with a time behind it: four digits, then one or two, twice.
fn is_time(value: &str) -> bool {
    let mut parts = value.splitn(3, '-');
    let digits = |part: Option<&str>, lengths: std::ops::RangeInclusive<usize>| {
        part.is_some_and(|p| lengths.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    if !digits(parts.next(), 4..=4) || !digits(parts.next(), 1..=2) {
        return false;
    }
    let Some(day) = parts.next() else { return false };
    let length = day.bytes().take_while(u8::is_ascii_digit).count();
    matches!(length, 1 | 2)
        && day[length..].chars().next().is_none_or(|c| matches!(c, 'T' | 't' | ' ' | '\t'))
}
