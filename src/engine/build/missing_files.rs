//! Messages about files that a build misses, or gets in an unexpected form.

use super::inputs::Inputs;
use super::sources;
use crate::buildkit::Ignore;
use crate::outcome::{Fault, StepError};
use crate::step::Build;

/// The ignore files of a build, each with the name of its named context, if any.
fn all(inputs: &Inputs) -> impl Iterator<Item = (Option<&str>, &Ignore)> {
    let named = inputs.named.iter().map(|(name, checkout)| (Some(name.as_str()), checkout));
    let all = std::iter::once((None, &inputs.main)).chain(named);
    all.filter_map(|(name, checkout)| Some((name, checkout.parts.ignore.as_deref()?)))
}

/// Adds to the error which ignore file excludes a missing file, and notes about files in an unexpected form.
pub(super) fn explain(mut error: StepError, inputs: &Inputs) -> StepError {
    if let Some((at, why)) = excluded(&error.message, inputs) {
        error.message.insert_str(at, &why);
    }
    if error.fault == Fault::User {
        error.message.extend(notes(inputs).flat_map(|note| ["\n", note]));
    }
    error
}

/// The text that names the ignore file of a missing path, and its position in the message.
fn excluded(message: &str, inputs: &Inputs) -> Option<(usize, String)> {
    let (end, path) = missing(message)?;
    let (context, ignore) = all(inputs).find(|(_, ignore)| ignore.excludes(path))?;
    let of = context.map(|name| format!(" of the context `{name}`")).unwrap_or_default();
    let why = format!(
        "; `{}`{of} excludes it: keep it by a line `!{path}` there, or set `dockerignore: false`",
        ignore.name
    );
    Some((end, why))
}

fn notes(inputs: &Inputs) -> impl Iterator<Item = &str> {
    let checkouts = std::iter::once(&inputs.main).chain(inputs.named.values());
    checkouts.flat_map(|checkout| &checkout.parts.notes).map(String::as_str)
}

/// The path in a line such as `failed to compute cache key: failed to calculate checksum: "/PATH": not found`, and the line's end
/// (buildkit `cache/contenthash`, `solver/llbsolver/ops/opsutils`). Lines of the Dockerfile start with a number.
fn missing(message: &str) -> Option<(usize, &str)> {
    let line = message.lines().rfind(|line| line.starts_with("failed to "))?;
    let (before, _) = line.split_once("\": not found")?;
    let (doing, path) = before.rsplit_once("\"/")?;
    let end = message.rfind(line)? + line.len();
    doing.contains("failed to calculate checksum").then_some((end, path))
}

/// Warnings about surprising effects of an ignore file.
pub(super) fn warnings(build: &Build, inputs: &Inputs) -> Vec<String> {
    let ignore = inputs.main.parts.ignore.as_deref();
    let git = ignore.filter(|ignore| sources::keeps_git_dir(build) && ignore.excludes(".git"));
    let warning = |ignore: &Ignore| {
        format!(
            "`{}` excludes `.git`, which BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps: it is not in the context",
            ignore.name
        )
    };
    git.map(warning).into_iter().chain(notes(inputs).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn the_file_that_a_copy_misses_is_found_in_the_message() {
        let line = "failed to compute cache key: failed to calculate checksum: \"/a b.txt\": not found; it is not there";
        let rows = [
            (line.to_owned(), Some("a b.txt")),
            (
                format!("Dockerfile:1\n>> 1 | COPY \"/x\": not found\n{line}\nlast log lines:\nx"),
                Some("a b.txt"),
            ),
            ("failed to solve: \"/a\": not found".to_owned(), None),
            (format!(">> 1 | {line}"), None),
            (String::new(), None),
        ];
        for (message, path) in rows {
            let found = missing(&message);
            assert_eq!(found.map(|(_, path)| path), path, "{message}");
            assert!(found.is_none_or(|(end, _)| message[..end].ends_with("; it is not there")), "{message}");
        }
    }
}
