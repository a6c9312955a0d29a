//! "Did you mean": suggests names that are similar to one that does not exist.

use super::bounds::REFS_KEPT;
use crate::text;

/// The maximum number of names in a list.
const SHOWN: usize = 5;
/// The maximum number of names when some are similar.
const CLOSE: usize = 3;

/// `; did you mean …?` when some names are similar, else `; there are: …`; empty if there are no names.
pub(super) fn suggest(names: &[String], wanted: &str) -> String {
    if let Some(name) = without_remote(names, wanted) {
        return format!("; did you mean {}?", quote(name));
    }
    let known = names.iter().take(REFS_KEPT).map(String::as_str);
    let close: Vec<_> = text::near(wanted, known).into_iter().take(CLOSE).map(quote).collect();
    if !close.is_empty() {
        return format!("; did you mean {}?", close.join(" or "));
    }
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| quote(name)).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    if shown.is_empty() { String::new() } else { format!("; there are: {}{more}", shown.join(", ")) }
}

/// Finds the name in `origin/NAME` or `refs/heads/NAME`, which is how a clone calls it.
fn without_remote<'a>(names: &'a [String], wanted: &str) -> Option<&'a String> {
    let tails = wanted.match_indices('/').filter_map(|(at, _)| wanted.get(at + 1..));
    tails.take(SHOWN).find_map(|tail| names.iter().take(REFS_KEPT).find(|name| *name == tail))
}

fn quote(name: &str) -> String {
    format!("`{name}`")
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn near_names_first() {
        let names = ["main", "release", "docs"].map(str::to_owned);
        assert_eq!(suggest(&names, "mian"), "; did you mean `main`?");
        assert_eq!(suggest(&names, "zzz"), "; there are: `main`, `release`, `docs`");
        assert_eq!(suggest(&[], "zzz"), "");
        assert_eq!(suggest(&names, "origin/main"), "; did you mean `main`?");
        assert_eq!(suggest(&names, "refs/remotes/origin/docs"), "; did you mean `docs`?");
    }
}
