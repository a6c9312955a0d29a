//! Scripts: the commands in them that clone, build, and change a manifest. A script is one key of the input, so it is never more than
//! approximate.

use std::collections::BTreeSet;

use super::flags;
use super::pipeline::{Field, Pipeline};
use super::shell::commands;
use super::source::Node;
use super::term::{Scope, Term, resolve_text};

/// Commands that need nothing in their place.
const SILENT: &[&str] = &[
    "set",
    "cd",
    "echo",
    "export",
    "mkdir",
    "true",
    "exit",
    "if",
    "fi",
    "then",
    "else",
    "done",
    "do",
    "for",
    "while",
    "[",
    "test",
    "cat",
    "ls",
    "pwd",
    "printf",
    "sleep",
    ":",
    "chmod",
    "cp",
    "mv",
    "rm",
    "local",
    "umask",
    "trap",
    "shift",
    "date",
    "until",
    "buildkitd",
];

/// The most bytes of a script. It is read again for each service that uses it.
const LONGEST: usize = 64 << 10;

/// The most names of commands in a note.
const NAMED: usize = 8;

/// What a script does, as far as it is known.
#[derive(Default)]
struct Found {
    read: BTreeSet<&'static str>,
    left: BTreeSet<String>,
}

/// Reads a script.
pub(super) fn read<'a>(node: &Node<'a>, scope: &Scope<'a>, out: &mut Pipeline) {
    let Some(script) = node.str() else { return };
    if script.len() > LONGEST {
        return node.by_hand("the script is too long to be read; put it in a stage of the Dockerfile");
    }
    let commands = commands(script);
    let pushes = commands.iter().any(|command| is_git(command, "push"));
    let mut found = Found::default();
    let mut scope = scope.clone();
    for command in &commands {
        let words: Vec<Term<'a>> = command.iter().map(|word| resolve_text(node, word, &scope)).collect();
        one(node, &words, pushes, &mut scope, out, &mut found);
    }
    out.deploys |= pushes && found.read.contains("sed");
    say(node, &found);
}

fn say(node: &Node<'_>, found: &Found) {
    let names = |names: Vec<String>| {
        names.into_iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let left = names(found.left.iter().cloned().collect());
    if found.read.is_empty() {
        let what = if left.is_empty() { String::new() } else { format!(" ({left})") };
        return node.by_hand(&format!(
            "a script that is not run{what}; put it in a stage of the Dockerfile, or in a container template of your own"
        ));
    }
    let read = names(found.read.iter().map(|name| (*name).to_owned()).collect());
    match left.is_empty() {
        true => node.approximate(&format!("read: {read}; the script is not run")),
        false => node.by_hand(&format!(
            "read: {read}; nothing stands for {left}: put it in a stage of the Dockerfile, or in a container template of your own"
        )),
    }
}

fn is_git(command: &[String], verb: &str) -> bool {
    command.first().is_some_and(|name| name == "git") && command.iter().any(|word| word == verb)
}

fn one<'a>(
    node: &Node<'a>,
    words: &[Term<'a>],
    pushes: bool,
    scope: &mut Scope<'a>,
    out: &mut Pipeline,
    found: &mut Found,
) {
    let words = behind_assignments(node, words, scope);
    let Some(first) = words.first() else { return };
    let name = first.text.rsplit('/').next().unwrap_or_default();
    let has = |word: &str| words.iter().any(|term| term.text == word);
    if let Some((tool, arguments)) = flags::tool(words, "") {
        flags::take(tool, arguments, out);
        found.read.insert("build");
        return;
    }
    match name {
        "git" if has("clone") || has("fetch") || has("remote") => {
            clone(words, pushes, out);
            found.read.insert("git clone");
        }
        "git" => drop(found.read.insert("git")),
        "docker" | "podman" | "buildah" | "crane" | "skopeo" if has("push") || has("login") || has("tag") => {
            pushed(words, out);
            found.read.insert("push");
        }
        "sed" | "yq" if pushes => {
            values(words, out);
            found.read.insert("sed");
        }
        _ if SILENT.contains(&name)
            || name.starts_with('-')
            || name.contains(['$', '{', '}', '=', '<', '>']) => {}
        _ => drop(found.left.insert(crate::text::brief(name, 40))),
    }
}

/// The words behind `NAME=value …`. An assignment alone stays in the scope.
fn behind_assignments<'w, 'a>(
    node: &Node<'a>,
    words: &'w [Term<'a>],
    scope: &mut Scope<'a>,
) -> &'w [Term<'a>] {
    let skipped = usize::from(words.first().is_some_and(|word| word.text == "export"));
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut count = 0;
    for word in &words[skipped..] {
        let Some((name, value)) = word.text.split_once('=').filter(|(name, _)| is_name(name)) else { break };
        scope.insert(format!("env.{name}"), Term::of(node, value).and(&word.from));
        count += 1;
    }
    &words[skipped + count..]
}

/// `git clone URL`: the service's repository, or, in a script that pushes, the GitOps repository.
fn clone(words: &[Term<'_>], pushes: bool, out: &mut Pipeline) {
    for (n, word) in words.iter().enumerate() {
        let is_branch = n > 0 && matches!(words[n - 1].text.as_str(), "-b" | "--branch");
        let lower = word.text.to_lowercase();
        let is_named = word.is_open() && (lower.contains("url") || lower.contains("repo"));
        let is_url = is_named || lower.contains("://") || lower.starts_with("git@");
        match (is_url, is_branch, pushes) {
            (true, _, false) => out.repo(word),
            (true, _, true) => {
                let (url, had_login) = super::image::without_login(word.text.trim());
                out.set(Field::GitopsRepo, &word.with(url));
                if had_login {
                    out.open.insert(
                        "a script has the login for the GitOps repository in a URL: put it into the Secret that `gitops.secret` names (`git-write-back`), with the keys `username` and `password`".to_owned(),
                    );
                }
            }
            (_, true, false) => out.git_ref(word),
            (_, true, true) => out.set(Field::GitopsBranch, word),
            _ => {}
        }
    }
}

/// `docker push IMAGE`, `docker tag OLD NEW`.
fn pushed(words: &[Term<'_>], out: &mut Pipeline) {
    let is_push = words.iter().any(|word| word.text == "push");
    if let Some(image) =
        words.last().filter(|word| is_push && !word.text.starts_with('-') && word.text.contains('/'))
    {
        out.image(image);
    }
}

/// `sed -i "s|tag: .*|tag: X|" charts/api/values.yaml`, `yq -i '.image.tag = "X"' FILE`.
fn values(words: &[Term<'_>], out: &mut Pipeline) {
    let is_file = |word: &&Term<'_>| word.text.ends_with(".yaml") || word.text.ends_with(".yml");
    let Some(file) = words.iter().rev().find(is_file) else { return };
    let path = file.text.trim_start_matches("./").to_owned();
    // A chart in the root has no directory that the templates could name.
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path.as_str()));
    if !name.contains("values") || directory.is_empty() {
        out.open.insert(format!(
            "a script changes {}: write it as `targets` of the service (docs/steps.md, \"Targets\")",
            crate::text::brief(&path, 120)
        ));
        return;
    }
    out.set_as(
        Field::ChartDir,
        &file.with(directory),
        Some("the directory that the script names; look whether it is that of the repository"),
    );
    if name != "values.yaml" {
        out.set(Field::ValuesFile, &file.with(name));
    }
    let key = words.iter().find_map(|word| key_of(&word.text).map(|key| word.with(key)));
    if let Some(key) = key.filter(|key| key.text != "image.tag") {
        out.set_as(
            Field::TagKey,
            &key,
            Some("the key that the script changes; look whether it is the whole path"),
        );
    }
}

/// The key that an expression of sed or yq sets.
fn key_of(text: &str) -> Option<String> {
    if let Some(path) = text.strip_prefix('.') {
        let end =
            path.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(path.len());
        return Some(path[..end].to_owned()).filter(|key| !key.is_empty() && text.contains('='));
    }
    let key = ["imageTag:", "newTag:", "tag:", "image:"]
        .into_iter()
        .find(|key| text.starts_with('s') && text.contains(key))?;
    Some(if key == "tag:" { "image.tag".to_owned() } else { key.trim_end_matches(':').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_is_set_is_found() {
        for (text, key) in [
            ("s|tag: .*|tag: 1|", Some("image.tag")),
            ("s/imageTag: .*/imageTag: 1/", Some("imageTag")),
            (".api.image.tag = \"1\"", Some("api.image.tag")),
            ("./x", None),
            ("-i", None),
        ] {
            assert_eq!(key_of(text).as_deref(), key, "{text}");
        }
    }
}
