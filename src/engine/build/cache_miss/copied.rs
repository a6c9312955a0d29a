//! The files that a `COPY` or `ADD` takes from the context.

use crate::text;

/// The sources of an instruction as the daemon shows it, such as `COPY --chown=1 package*.json ./`. `None` if it takes nothing from the
/// context, or if that is not certain.
pub(super) fn sources(instruction: &str) -> Option<Vec<String>> {
    let instruction = instruction.strip_prefix("ONBUILD ").unwrap_or(instruction);
    let (word, rest) = instruction.split_once(' ')?;
    if word != "COPY" && word != "ADD" {
        return None;
    }
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        if rest.starts_with("--from") {
            return None;
        }
        rest = rest.split_once(' ')?.1.trim_start();
    }
    let mut words: Vec<String> = match rest.starts_with('[') {
        true => serde_json::from_str(rest).ok()?,
        false => rest.split_whitespace().map(str::to_owned).collect(),
    };
    words.pop()?;
    // A text in the Dockerfile, and a file from elsewhere.
    let is_foreign =
        |word: &String| word.starts_with("<<") || word.contains("://") || word.starts_with("git@");
    (!words.is_empty() && !words.iter().any(is_foreign)).then_some(words)
}

/// Whether `source` takes the file `path` of the context: it is the file, a directory above it, or a pattern for one of them.
pub(super) fn takes(source: &str, path: &str) -> bool {
    let (source, path) = (parts(source), parts(path));
    source.len() <= path.len() && source.iter().zip(&path).all(|(pattern, name)| matches(pattern, name))
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}

/// Whether `name` matches `pattern` (Go's `filepath.Match`). A pattern with a class, such as `[ab]`, or with an escape matches every name.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.contains(['[', '\\']) || text::matches_wildcard(pattern, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_what_comes_from_the_context() {
        for (instruction, expected) in [
            ("COPY . .", Some(vec!["."])),
            ("COPY package.json package-lock.json ./", Some(vec!["package.json", "package-lock.json"])),
            ("COPY --chown=1:1 --link src /app/src", Some(vec!["src"])),
            (r#"COPY ["a file", "b", "/x/"]"#, Some(vec!["a file", "b"])),
            ("ADD app.tar /", Some(vec!["app.tar"])),
            ("ONBUILD COPY a b", Some(vec!["a"])),
            ("COPY --from=build /app /app", None),
            ("COPY --link --from=node:22 /a /b", None),
            ("ADD https://example.com/a /", None),
            ("ADD git@git.example:a.git /", None),
            ("COPY <<EOF /etc/a", None),
            ("COPY a", None),
            ("COPY", None),
            ("RUN cp a b", None),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(sources(instruction), expected, "{instruction}");
        }
    }

    #[test]
    fn a_source_takes_itself_what_is_below_it_and_what_matches() {
        for (source, path, taken) in [
            (".", "a/b", true),
            ("./", "a", true),
            ("/", "a", true),
            ("src", "src/a.rs", true),
            ("./src/", "src/a/b", true),
            ("src", "srcs/a", false),
            ("src/a", "src", false),
            ("*.json", "package.json", true),
            ("*.json", "a/package.json", false),
            ("pack*ge?.json", "package1.json", true),
            ("pack*ge?.json", "package.json", false),
            ("*/go.mod", "a/go.mod", true),
            ("**", "a", true),
            ("[ab].txt", "a.txt", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(takes(source, path), taken, "{source} {path}");
        }
    }
}
