//! The filters of triggers: interceptors of Tekton. Of an expression in CEL, the comparisons that are joined by `&&` and that have a
//! known form are read; nothing is evaluated.

use regex_lite::Regex;

use super::found::FoundHook;
use super::image::literal;
use super::pipeline::{Field, Pipeline, push_new};
use super::source::Node;
use super::term::Term;

/// What a trigger lets through.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    /// The owner and name of the repository.
    full_name: Option<Term<'a>>,
    branches: Vec<String>,
    tags: Vec<String>,
    pull_requests: bool,
    /// The values that the filter was read from, with what is said about each.
    read: Vec<(Node<'a>, String, bool)>,
}

/// The most bytes of an expression that is read.
const LONGEST: usize = 2000;

/// The forms of comparisons, with one group each: for equality and the beginning of a ref, and for the repository.
const REF: &str = r#"^\(*body\.ref\s*==\s*['"]([^'"]+)['"]\)*$"#;
const REFS: &str = r#"^\(*body\.ref\s+in\s+\[([^\]]+)\]\)*$"#;
const REF_BEGINS: &str = r#"^\(*body\.ref\.startsWith\(['"]([^'"]+)['"]\)\)*$"#;
const REPOSITORY: &str = r#"^\(*body\.repository\.full_name\s*==\s*['"]([^'"]+)['"]\)*$"#;
const EVENT: &str =
    r#"^\(*header\.(?:match|canonical)\(['"]X-[A-Za-z]+-Event['"](?:\)\s*==\s*|,\s*)['"]([a-z_]+)['"]\)*$"#;

/// Reads the interceptors of a trigger.
pub(super) fn read<'a>(interceptors: &[Node<'a>], hook: &mut FoundHook) -> Filter<'a> {
    let mut filter = Filter::default();
    for interceptor in interceptors {
        let name = interceptor.text_at(&["ref", "name"]);
        for (key, node) in interceptor.entries() {
            match key {
                // The older form: one key for each kind.
                "cel" => node.get("filter").into_iter().for_each(|expression| filter.expression(&expression)),
                "github" | "gitlab" | "bitbucket" => forge(key, &node, hook),
                _ => {}
            }
        }
        for parameter in interceptor.list("params") {
            let Some(value) = parameter.get("value") else { continue };
            match parameter.text_at(&["name"]).as_deref() {
                Some("filter") => filter.expression(&value),
                Some("secretRef") => secret(name.as_deref().unwrap_or_default(), &value, hook),
                Some("eventTypes") => value.items().iter().for_each(|item| filter.event(item)),
                _ => {}
            }
        }
    }
    filter
}

fn forge(name: &str, node: &Node<'_>, hook: &mut FoundHook) {
    if let Some(value) = node.get("secretRef") {
        secret(name, &value, hook);
    }
}

/// The Secret of a hook.
fn secret(forge: &str, node: &Node<'_>, hook: &mut FoundHook) {
    let name = node.get("secretName").or_else(|| node.get("name"));
    let key = node.get("secretKey").or_else(|| node.get("key"));
    let (Some(name), Some(key)) = (name, key) else { return };
    let (Some(name_text), Some(key_text)) = (name.text(), key.text()) else { return };
    let found = (name_text, key_text);
    match &hook.secret {
        Some(known) if *known != found => {
            name.by_hand("`hook.secret`: one hook has one Secret, and another was found first");
        }
        _ => {
            name.direct("`hook.secret.name`; it must be in the namespace of the catalogue");
            key.direct("`hook.secret.key`");
            hook.secret = Some(found);
            if forge == "github" {
                hook.source = hook.source.or(Some("github"));
            }
        }
    }
}

impl<'a> Filter<'a> {
    fn event(&mut self, node: &Node<'a>) {
        match node.str() {
            Some("push") => self.said(node, "pushes begin builds", true),
            Some("pull_request" | "pull_request_sync") => {
                self.pull_requests = true;
                self.said(node, "`pull-requests`", true);
            }
            _ => self.said(node, "only pushes and pull requests begin builds", false),
        }
    }

    fn said(&mut self, node: &Node<'a>, note: &str, is_whole: bool) {
        self.read.push((node.clone(), note.to_owned(), is_whole));
    }

    /// An expression in CEL.
    fn expression(&mut self, node: &Node<'a>) {
        let Some(text) = node.str() else { return };
        let mut left = 0;
        let has_or = text.contains("||") || text.len() > LONGEST;
        for clause in text.split("&&").map(str::trim) {
            left += usize::from(has_or || !self.clause(node, clause));
        }
        match left {
            0 => self.said(node, "`repo`, `branches`, `tags`: every comparison of the filter is read", true),
            _ => self.said(
                node,
                "a part of the filter is not read; write it as `branches`, `tags`, `paths` or `pull-requests` of the service",
                false,
            ),
        }
    }

    /// One comparison. Whether it is known.
    fn clause(&mut self, node: &Node<'a>, clause: &str) -> bool {
        let group = |form: &str| {
            let regex = Regex::new(form).ok()?;
            Some(regex.captures(clause)?.get(1)?.as_str().to_owned())
        };
        if let Some(name) = group(REPOSITORY) {
            self.full_name = Some(Term::of(node, name));
        } else if let Some(name) = group(REF) {
            self.git_ref(&name);
        } else if let Some(names) = group(REFS) {
            names.split(',').for_each(|name| self.git_ref(name.trim().trim_matches(['\'', '"'])));
        } else if let Some(begin) = group(REF_BEGINS) {
            self.begins(&begin);
        } else if let Some(event) = group(EVENT) {
            self.pull_requests |= event == "pull_request";
            return matches!(event.as_str(), "push" | "pull_request");
        } else {
            return false;
        }
        true
    }

    fn git_ref(&mut self, name: &str) {
        match name.strip_prefix("refs/tags/") {
            Some(tag) => self.tags.push(literal(tag)),
            None => self.branches.push(literal(name.strip_prefix("refs/heads/").unwrap_or(name))),
        }
    }

    fn begins(&mut self, begin: &str) {
        match begin.strip_prefix("refs/tags/") {
            Some(tag) => self.tags.push(format!("{}.*", literal(tag))),
            None => self
                .branches
                .push(format!("{}.*", literal(begin.strip_prefix("refs/heads/").unwrap_or(begin)))),
        }
    }

    /// Gives a build what the filter says.
    pub(super) fn apply(&self, out: &mut Pipeline) {
        for (node, note, is_whole) in &self.read {
            if *is_whole { node.direct(note) } else { node.by_hand(note) }
        }
        // The branches of the filter are those of the service; a default of a parameter is for runs by hand.
        if !self.branches.is_empty() || !self.tags.is_empty() {
            out.branches.clear();
            self.branches.iter().for_each(|branch| push_new(&mut out.branches, branch));
            self.tags.iter().for_each(|tag| push_new(&mut out.git_tags, tag));
        }
        out.pull_requests |= self.pull_requests;
        if let (Some(name), None) = (&self.full_name, out.get(Field::Repo)) {
            out.full_name = Some(name.text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn comparisons_that_are_joined_are_read_one_by_one() {
        for (form, text, found) in [
            (REF, "body.ref == 'refs/heads/main'", "refs/heads/main"),
            (REPOSITORY, "(body.repository.full_name == \"shop/api\")", "shop/api"),
            (REF_BEGINS, "body.ref.startsWith('refs/tags/v')", "refs/tags/v"),
            (
                REFS,
                "body.ref in ['refs/heads/main', 'refs/heads/dev']",
                "'refs/heads/main', 'refs/heads/dev'",
            ),
            (EVENT, "header.match('X-Gitea-Event', 'push')", "push"),
            (EVENT, "header.canonical('X-GitHub-Event') == 'push'", "push"),
        ] {
            let regex = Regex::new(form).unwrap();
            assert_eq!(regex.captures(text).unwrap().get(1).unwrap().as_str(), found);
        }
    }
}
