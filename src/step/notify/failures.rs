//! Reads `{{workflow.failures}}`.

use serde::Deserialize;

use crate::notify::Failure;

/// A node that failed, as Argo lists it (argo-workflows, docs/variables.md: `workflow.failures`).
#[derive(Deserialize)]
struct Node {
    #[serde(default, rename = "displayName")]
    display_name: String,
    #[serde(default)]
    message: String,
}

/// The failures in `text`: a JSON list, the same in quotes (Argo quotes it once more than a string in YAML needs), or any text,
/// which is one failure. Nothing here is an error: a message that says less is better than none.
pub(super) fn failures(text: &str) -> Vec<Failure> {
    let text = text.trim();
    if matches!(text, "" | "null") {
        return Vec::new();
    }
    match nodes(text) {
        Some(nodes) => named(nodes),
        None => vec![Failure { name: String::new(), message: text.to_owned() }],
    }
}

fn nodes(text: &str) -> Option<Vec<Node>> {
    let read = |text: &str| serde_json::from_str::<Option<Vec<Node>>>(text).ok();
    let unquoted = || read(&serde_json::from_str::<String>(text).ok()?);
    read(text).or_else(unquoted).map(Option::unwrap_or_default)
}

/// Without the nodes that only say that a child of theirs has failed.
fn named(nodes: Vec<Node>) -> Vec<Failure> {
    let is_parent = |node: &Node| node.message.starts_with("child '") && node.message.ends_with("' failed");
    let all_are = nodes.iter().all(is_parent);
    let told = nodes.into_iter().filter(|node| all_are || !is_parent(node));
    told.map(|node| Failure { name: node.display_name, message: node.message }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        failures(text).into_iter().map(|failure| (failure.name, failure.message)).collect()
    }

    #[test]
    fn failures_are_read_in_every_form_that_argo_gives_them() {
        let list = r#"[{"displayName":"build","message":"step 1 of 2:\n\"no\"","phase":"Failed"},
            {"displayName":"main","message":"child 'main-1234' failed","phase":"Failed"}]"#;
        let expected = vec![("build".to_owned(), "step 1 of 2:\n\"no\"".to_owned())];
        assert_eq!(read(list), expected);
        assert_eq!(read(&serde_json::Value::from(list).to_string()), expected);
        for empty in ["", " ", "null", "[]", "\"null\"", "\"[]\""] {
            assert!(read(empty).is_empty(), "{empty}");
        }
        let parents = r#"[{"displayName":"main","message":"child 'main-1234' failed"}]"#;
        assert_eq!(read(parents).len(), 1);
        for other in ["no space left", "[{\"displayName\":", "{\"a\": 1}"] {
            assert_eq!(read(other), [(String::new(), other.to_owned())], "{other}");
        }
    }
}
