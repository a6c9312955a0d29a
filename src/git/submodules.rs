//! Parses `.gitmodules`, which lists the submodules of a commit (git `gitmodules.txt`, `config.txt`).

use std::collections::HashMap;

use super::{BadRepoUrl, RepoUrl};

/// A submodule, as `.gitmodules` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Submodule {
    pub(crate) path: String,
    /// An address, or a path relative to the address of the parent repository.
    pub(crate) url: String,
    /// Whether `update = none` excludes it.
    pub(crate) skipped: bool,
}

/// Reads a `.gitmodules`. Unknown lines are skipped, as an older Git does. If a submodule is listed twice, the last
/// value counts.
pub(crate) fn read(text: &str) -> Vec<Submodule> {
    let (mut all, mut places) = (Vec::<Submodule>::new(), HashMap::new());
    let mut current = None;
    for line in joined(text).lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            current = section(header).map(|name| {
                *places.entry(name).or_insert_with(|| {
                    all.push(Submodule::default());
                    all.len() - 1
                })
            });
            continue;
        }
        let Some(module) = current.and_then(|at: usize| all.get_mut(at)) else { continue };
        let Some((key, raw)) = line.split_once('=') else { continue };
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => module.path = value(raw),
            "url" => module.url = value(raw),
            "update" => module.skipped = value(raw) == "none",
            _ => {}
        }
    }
    all.retain(|module| is_path(&module.path) && !module.url.is_empty());
    all
}

/// Joins lines that end with a backslash to the next line.
fn joined(text: &str) -> String {
    text.replace("\r\n", "\n").replace("\\\n", "")
}

/// Parses `submodule "NAME"]`.
fn section(header: &str) -> Option<String> {
    let (head, _) = header.split_once(']')?;
    let (kind, name) = head.trim().split_once(char::is_whitespace)?;
    let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
    kind.eq_ignore_ascii_case("submodule").then(|| name.to_owned())
}

/// Removes the quotes, escapes and comment of a value.
fn value(raw: &str) -> String {
    let (mut made, mut quoted, mut kept) = (String::new(), false, 0);
    let mut rest = raw.trim().chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => made.extend(rest.next().map(|c| match c {
                'n' => '\n',
                't' => '\t',
                c => c,
            })),
            c => made.push(c),
        }
        if quoted || !c.is_whitespace() {
            kept = made.len();
        }
    }
    made.truncate(kept);
    made
}

/// Whether the path is a directory inside the repository and not its `.git`.
fn is_path(path: &str) -> bool {
    let odd = |name: &str| matches!(name, "" | "." | "..") || name.eq_ignore_ascii_case(".git");
    !path.is_empty() && !path.split('/').any(odd) && !path.contains(char::is_control)
}

/// The address of a submodule in the repository `above` (git `submodule--helper.c`, `relative_url`).
///
/// # Errors
/// The address is not supported. A user name in it is ignored, because the login comes from a Secret.
pub(crate) fn address(above: &RepoUrl, url: &str) -> Result<RepoUrl, BadRepoUrl> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return without_user(url).parse();
    }
    let mut base = above.to_string();
    base.truncate(base.trim_end_matches('/').len());
    let (mut rest, mut separator) = (url, '/');
    loop {
        if let Some(below) = rest.strip_prefix("./") {
            rest = below;
        } else if let Some(below) = rest.strip_prefix("../") {
            rest = below;
            let cut = base.rfind('/').or_else(|| {
                separator = ':';
                base.rfind(':')
            });
            base.truncate(cut.ok_or(BadRepoUrl::Malformed)?);
        } else {
            break;
        }
    }
    format!("{base}{separator}{}", rest.trim_end_matches('/')).parse()
}

/// Removes the user from `https://USER@HOST/…`, a form that forges show.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("http")) else {
        return url.to_owned();
    };
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((user, _)) if !user.contains(':') => format!("{scheme}://{}", &rest[user.len() + 1..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_is_read_as_git_reads_it() {
        let text = "# one\r\n[submodule \"a.b\"]\r\n\tpath = lib/a ; where\r\n\turl = \"https://h/a;b.git\" # address\n\
            [Submodule \"two\"]\nPATH=two\nurl = ../tw\\\no.git\nupdate = none\n[other \"x\"]\npath = x\nurl = x\n\
            [submodule \"up\"]\npath = ../up\nurl = x\n[submodule \"git\"]\npath = .GIT/x\nurl = x\n[submodule \"bare\"]\npath = bare\n\
            [submodule \"a.b\"]\nurl = \"q\\\"uoted\"\n";
        let expected = [("lib/a", "q\"uoted", false), ("two", "../two.git", true)];
        let expected =
            expected.map(|(path, url, skipped)| Submodule { path: path.into(), url: url.into(), skipped });
        assert_eq!(read(text), expected);
        assert_eq!(read(&text.replace("q\\\"uoted", "https://h/a;b.git"))[0].url, "https://h/a;b.git");
    }

    #[test]
    fn addresses_are_completed_as_git_completes_them() {
        let rows = [
            ("https://h/shop/api.git", "../lib.git", Some("https://h/shop/lib.git")),
            ("https://h/shop/api.git/", "../../other/lib", Some("https://h/other/lib")),
            ("https://h/shop/api.git", "./lib.git/", Some("https://h/shop/api.git/lib.git")),
            ("git@h:shop/api.git", "../lib.git", Some("git@h:shop/lib.git")),
            ("git@h:shop/api.git", "../../lib.git", Some("git@h:lib.git")),
            ("ssh://git@h:22/shop/api.git", "../lib.git", Some("ssh://git@h:22/shop/lib.git")),
            ("https://h/a.git", "https://user@x/b.git", Some("https://x/b.git")),
            ("https://h/a.git", "git@x:b.git", Some("git@x:b.git")),
            ("https://h/a.git", "https://user:pass@x/b.git", None),
            ("https://h/a.git", "git://x/b.git", None),
            ("https://h/a.git", "file:///srv/b.git", None),
            ("https://h/a.git", "/srv/b.git", None),
            ("https://h/a.git", "../../../../b.git", None),
        ];
        for (above, url, expected) in rows {
            let found = address(&above.parse().unwrap(), url).ok().map(|repo| repo.to_string());
            assert_eq!(found.as_deref(), expected, "{above} {url}");
        }
    }
}
