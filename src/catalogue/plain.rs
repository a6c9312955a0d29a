//! Texts that stay texts.
//!
//! No text of a catalogue reaches Argo, Argo Events or the plugin as anything but text: what would begin an expression (`{{`)
//! or a reference (`$(build.digest)`) is refused here, except where references belong.

use super::problem::quoted;

/// The most bytes of one text. All parameters of a Workflow stand in one object of at most 1.5 MiB.
const LONGEST: usize = 16 << 10;

/// Refuses characters that no field has, and what would be replaced later.
pub(super) fn plain(text: &str, has_lines: bool) -> Result<(), String> {
    let is_odd = |c: char| (c.is_control() && !(has_lines && matches!(c, '\n' | '\t'))) || is_unseen(c);
    if text.len() > LONGEST {
        return Err(format!("is {} bytes long, and at most {LONGEST} are taken; shorten it", text.len()));
    }
    if let Some(odd) = text.chars().find(|&c| is_odd(c)) {
        return Err(format!("contains the character `{}`; leave it out", odd.escape_unicode()));
    }
    no_expression(text)?;
    if !has_lines && let Some(found) = reference(text) {
        return Err(format!(
            "contains {}, a reference to an output, which has no meaning here; leave it out",
            quoted(found)
        ));
    }
    Ok(())
}

/// Characters that YAML readers take for line breaks, or do not take, and those that reorder what is shown.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Refuses `{{`.
pub(super) fn no_expression(text: &str) -> Result<(), String> {
    if text.contains("{{") {
        return Err("contains `{{`, which begins an expression of Argo; the values of a catalogue are plain texts, so leave it out".to_owned());
    }
    Ok(())
}

/// The first `$(name.output)` that is not escaped (`step/reference.rs`).
fn reference(text: &str) -> Option<&str> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let mut from = 0;
    while let Some(at) = text[from..].find("$(").map(|at| from + at) {
        let inside = text[at + 2..].split_once(')').map(|(inside, _)| inside);
        let is_reference =
            inside.and_then(|inside| inside.split_once('.')).is_some_and(|(a, b)| is_name(a) && is_name(b));
        if is_reference && !text[..at].ends_with('$') {
            return inside.map(|inside| &text[at..at + inside.len() + 3]);
        }
        from = at + 2;
    }
    None
}
