//! Prepares a step's result for the workflow: removes secrets from texts, limits sizes, and checks machine-read values.
//!
//! A value that the next step reads, such as a digest, is never rewritten: a password `shop` would turn `registry/shop/api` into
//! another image. Such a value cannot contain a secret, because it consists of the step's own fields, digests and numbers. A value
//! that a server composes is checked, and the step fails if it contains a secret.

use serde::Serialize;
use serde_json::json;

use crate::outcome::{Outputs, StepError, Success};
use crate::redact::Redactor;
use crate::step::{Kind, OutputSource};

/// The longest message or output, in bytes. A node's status lives in etcd, and one that etcd refuses takes
/// the results of all the agent's other nodes with it.
pub(super) const LONGEST: usize = 32 << 10;

/// The origin of the output `name` of `kind`. An unlisted output is checked like a server's text.
fn made(kind: Kind, name: &str) -> OutputSource {
    kind.spec().output(name).map_or(OutputSource::Foreign, |output| output.source)
}

/// Returns the result without secrets and within the size limits, or the error for an output that cannot be passed on.
pub(super) fn checked(
    ended: Result<Success, StepError>,
    kind: Kind,
    redactor: &Redactor,
) -> Result<Success, StepError> {
    // The outputs of the entries were checked when each entry ended.
    let outputs = |outputs: Outputs| -> Result<Outputs, StepError> {
        match kind {
            Kind::Steps => Ok(outputs),
            _ => outputs
                .into_iter()
                .map(|(name, value)| Ok((name.clone(), output(made(kind, &name), &name, value, redactor)?)))
                .collect(),
        }
    };
    match ended {
        Ok(s) => Ok(Success { summary: shown(&s.summary, redactor), outputs: outputs(s.outputs)? }),
        Err(e) => Err(StepError { message: shown(&e.message, redactor), outputs: outputs(e.outputs)?, ..e }),
    }
}

fn output(made: OutputSource, name: &str, value: String, redactor: &Redactor) -> Result<String, StepError> {
    match made {
        OutputSource::Text => Ok(shown(&value, redactor)),
        // A cut value would be another value.
        OutputSource::Foreign | OutputSource::Ours if value.len() > LONGEST => Err(StepError::user(format!(
            "the work is done, but its output `{name}` is {} bytes long, and at most {LONGEST} fit a node's status; name fewer things \
             in the step (tags, targets, workflows), or split it into several",
            value.len()
        ))),
        OutputSource::Foreign if redactor.line(&value) != value => Err(StepError::user(format!(
            "the work is done, but its output `{name}`, as the server words it, holds a value of a Secret that the step has read, \
             or is no plain text, so it is not passed on; look for that value in the server's own address and in the names of the \
             repository and the branch, and change it there or in the Secret"
        ))),
        OutputSource::Foreign | OutputSource::Ours => Ok(value),
    }
}

fn shown(text: &str, redactor: &Redactor) -> String {
    let mut text = redactor.lines(text);
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push_str("\n… (cut)");
    }
    text
}

/// Keeps Argo from finding an expression in `text`. After one pass, three braces still have two.
pub(super) fn without_expressions(mut text: String) -> String {
    while text.contains("{{") {
        text = text.replace("{{", "{ {");
    }
    text
}

/// The first items as a JSON list that fits an output. A program reads it, so no item is cut. Argo would replace `{{…}}` in
/// whatever reads an output, so the list has none.
pub(super) fn list_that_fits(items: impl IntoIterator<Item = impl Serialize>) -> String {
    list_and_count(items).0
}

/// The same list, and how many items it has.
pub(super) fn list_and_count(items: impl IntoIterator<Item = impl Serialize>) -> (String, usize) {
    let (mut list, mut count) = (String::from("["), 0);
    for item in items {
        let item = json!(item).to_string().replace("{{", r"{\u007b");
        if list.len() + item.len() + 2 > LONGEST {
            break;
        }
        if count > 0 {
            list.push(',');
        }
        list.push_str(&item);
        count += 1;
    }
    (list + "]", count)
}

/// The warning that the output `output`, a list of `count` items, has only the first `kept`; `None` if it has all.
pub(super) fn cut_list(output: &str, kept: usize, count: usize) -> Option<String> {
    (kept < count).then(|| {
        format!("the output `{output}` has the first {kept} of {count}: more do not fit a node's status")
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn knowing(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        secrets.iter().for_each(|secret| redactor.remember(&(*secret).into()));
        redactor
    }

    #[test]
    fn values_for_machines_are_whole_whatever_the_secrets_are() {
        let redactor = knowing(&["shop", "true", "e433cc65", "registry.example.com", "1.5", "exported"]);
        let image = "registry.example.com/shop/api@sha256:e433cc65";
        let value = |name: &str| match name {
            "changed" => "true".to_owned(),
            _ => format!("{image} true 1.5 exported"),
        };
        for known in Kind::ALL.iter().flat_map(|kind| kind.spec().outputs) {
            let name = known.name;
            let passed = output(known.source, name, value(name), &redactor);
            match known.source {
                OutputSource::Ours => assert_eq!(passed.unwrap(), value(name), "{name}"),
                OutputSource::Text => assert!(!passed.unwrap().contains("e433cc65"), "{name}"),
                OutputSource::Foreign => assert!(passed.is_err(), "{name}"),
            }
        }
        assert_eq!(
            output(OutputSource::Foreign, "url", "https://git/shop/1".into(), &knowing(&["shop"])).unwrap(),
            "https://git/shop/1"
        );
    }

    #[test]
    fn texts_are_plain_and_short() {
        let text = shown(
            &format!("a\u{1b}[31m\rb \u{202e}hunt\0er22\n{}", "x".repeat(LONGEST)),
            &knowing(&["hunter22"]),
        );
        assert!(text.starts_with("a b ***\nxx") && text.ends_with("x\n… (cut)"), "{text:.40}");
        assert!(text.len() < LONGEST + 20);
    }

    #[test]
    fn a_reason_is_no_expression() {
        for braces in 0..6 {
            assert!(!without_expressions("{".repeat(braces)).contains("{{"), "{braces}");
        }
    }

    #[test]
    fn a_list_is_whole_json_and_no_expression() {
        let names = ["a", "\"q\"\n", "{{workflow.name}}", "{{{{=x}}}}", "😀"].map(str::to_owned);
        let list = list_that_fits(&names);
        assert!(!list.contains("{{"), "{list}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&list).unwrap(), names);
        for braces in 0..6 {
            assert!(!list_that_fits(["{".repeat(braces)]).contains("{{"), "{braces}");
        }
        let many = list_that_fits((0..10_000).map(|nth| format!("file-{nth}")));
        assert!(many.len() <= LONGEST);
        assert!(serde_json::from_str::<Vec<String>>(&many).unwrap().len() > 2000);
        assert_eq!(list_that_fits(std::iter::empty::<String>()), "[]");
    }
}
