//! "Did you mean": names near one that does not exist.

use super::bounds::REFS_KEPT;

/// Names that are shown at most.
const SHOWN: usize = 5;
/// Bytes of a name that is compared: the work grows with the square of it.
const COMPARED: usize = 200;

/// `; did you mean …?` when some are close, else `; there are: …`; empty without names.
pub(super) fn suggest(names: &[String], wanted: &str) -> String {
    if let Some(name) = without_remote(names, wanted) {
        return format!("; did you mean {}?", quote(name));
    }
    let short = |name: &&String| name.len().max(wanted.len()) <= COMPARED;
    let mut ranked: Vec<(f64, &String)> = names
        .iter()
        .take(REFS_KEPT)
        .filter(short)
        .map(|name| (strsim::jaro_winkler(name, wanted), name))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let close: Vec<_> =
        ranked.iter().filter(|(score, _)| *score >= 0.8).take(3).map(|(_, n)| quote(n)).collect();
    if !close.is_empty() {
        return format!("; did you mean {}?", close.join(" or "));
    }
    let shown: Vec<_> = names.iter().take(SHOWN).map(quote).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    if shown.is_empty() { String::new() } else { format!("; there are: {}{more}", shown.join(", ")) }
}

/// The name in `origin/NAME` or `refs/heads/NAME`, as it is called in a clone.
fn without_remote<'a>(names: &'a [String], wanted: &str) -> Option<&'a String> {
    let tails = wanted.match_indices('/').filter_map(|(at, _)| wanted.get(at + 1..));
    tails.take(SHOWN).find_map(|tail| names.iter().take(REFS_KEPT).find(|name| *name == tail))
}

fn quote(name: &String) -> String {
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
