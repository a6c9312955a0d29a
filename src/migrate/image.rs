//! Parts of image references, URLs, paths and patterns, before anything is checked.

use super::term::{Part, parts};

/// The name of an image, and its tag. A digest is left out. Expressions stay whole.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
    let text = text.split_once("@sha256:").map_or(text, |(name, _)| name);
    // The offsets outside of expressions, where a colon or a slash has a meaning.
    let (mut at, mut colon) = (0, None);
    for part in parts(text) {
        match part {
            Part::Text(plain) => {
                for (n, c) in plain.char_indices() {
                    match c {
                        '/' => colon = None,
                        ':' => colon = Some(at + n),
                        _ => {}
                    }
                }
                at += plain.len();
            }
            Part::Expression { raw, .. } => at += raw.len(),
        }
    }
    match colon {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (text, None),
    }
}

/// An image with its registry: docker.io for one without.
pub(super) fn full(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let is_registry = first.contains(['.', ':', '$', '{']) || first == "localhost";
    match (first, is_registry) {
        ("", _) if name.is_empty() || name.contains(['$', '{']) => name.to_owned(),
        ("", _) => format!("docker.io/library/{rest}"),
        (_, true) => name.to_owned(),
        (_, false) => format!("docker.io/{name}"),
    }
}

/// A URL without user name and password, and whether it had one.
pub(super) fn without_login(url: &str) -> (String, bool) {
    let url = url.strip_prefix("git://").map_or_else(|| url.to_owned(), |rest| format!("https://{rest}"));
    let Some((scheme, rest)) = url.split_once("://") else { return (url, false) };
    if scheme == "ssh" {
        return (url, false);
    }
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => (format!("{scheme}://{}", &rest[at + 1..]), true),
        None => (url, false),
    }
}

/// A directory of a checkout as a path in the repository; empty for the root.
pub(super) fn local_directory(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("dir://").unwrap_or(text);
    let text = match super::term::expression(text) {
        Some((raw, name)) if name.contains("path") || name.contains("env.") || name.contains("workspace") => {
            &text[raw.len()..]
        }
        _ => text,
    };
    let text = text.trim_start_matches("./").trim_start_matches('/');
    let text = match text.split_once('/') {
        Some(("workspace", rest)) => rest.split_once('/').map_or("", |(_, inner)| inner),
        _ => text,
    };
    let text = if matches!(text, "." | "workspace" | "src" | "source") { "" } else { text };
    text.trim_end_matches("/.").trim_matches('/').to_owned()
}

/// The pattern that only `name` matches.
pub(super) fn literal(name: &str) -> String {
    let escaped = |c: char| match c {
        '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '|' | '\\' => {
            format!("\\{c}")
        }
        c => c.to_string(),
    };
    name.chars().map(escaped).collect()
}

/// The pattern for a glob of Actions: `*` within one part of a name, `**` across parts.
pub(super) fn pattern_of_glob(glob: &str) -> String {
    let mut pattern = String::new();
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => pattern.push_str(".*"),
            '*' => pattern.push_str("[^/]*"),
            '?' | '+' | '[' | ']' => pattern.push(c),
            c => pattern.push_str(&literal(&c.to_string())),
        }
    }
    pattern
}

/// The name of a service for any text: at most 36 lower-case letters, digits and `-`, the first a letter.
pub(super) fn service_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(plain).collect();
    let name = name.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
    let name = name[..name.len().min(30)].trim_end_matches('-');
    if name.is_empty() { "service".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_are_told_apart_around_expressions() {
        assert_eq!(split("host:5000/shop/api:1.0"), ("host:5000/shop/api", Some("1.0")));
        assert_eq!(split("host:5000/shop/api"), ("host:5000/shop/api", None));
        assert_eq!(split("r.io/a:${{ github.sha }}"), ("r.io/a", Some("${{ github.sha }}")));
        assert_eq!(split("$(params.a:b)/x@sha256:00"), ("$(params.a:b)/x", None));
        assert_eq!(
            (full("api"), full("shop/api")),
            ("docker.io/library/api".into(), "docker.io/shop/api".into())
        );
        assert_eq!(full("r.io/api"), "r.io/api");
    }

    #[test]
    fn logins_leave_urls_and_directories_leave_machines() {
        let url = "https://user:$(TOKEN)@github.com/acme/api.git";
        assert_eq!(without_login(url), ("https://github.com/acme/api.git".to_owned(), true));
        assert_eq!(without_login("git://a.io/b"), ("https://a.io/b".to_owned(), false));
        for (text, path) in [
            (".", ""),
            ("./services/api", "services/api"),
            ("$(workspaces.source.path)/services/api", "services/api"),
            ("/workspace/source/app", "app"),
            ("dir:///workspace", ""),
            ("${{ github.workspace }}/x", "x"),
        ] {
            assert_eq!(local_directory(text), path, "{text}");
        }
    }

    #[test]
    fn globs_become_patterns_and_names_names() {
        assert_eq!(pattern_of_glob("release/**"), "release/.*");
        assert_eq!(pattern_of_glob("v*.1"), r"v[^/]*\.1");
        assert_eq!(literal("v1.2"), r"v1\.2");
        assert_eq!(service_name("Shop/API 2"), "shop-api-2");
        assert_eq!(service_name("7"), "service");
    }
}
