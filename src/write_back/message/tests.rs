#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Message, account_for, groups, line, render};
use crate::write_back::trailer::{MANAGED_BY, SOURCE_COMMIT, WORKFLOW};

fn message(text: &str, trailers: &[(&str, &str)]) -> Message {
    let trailers = trailers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Message { text: text.to_owned(), trailers }
}

#[test]
fn one_message_is_its_own() {
    let one = message("Set the tag\r\n\r\nwhy\n\n", &[(SOURCE_COMMIT, "a\nEvil: b"), (WORKFLOW, "ns/w")]);
    let want = "Set the tag\n\nwhy\n\nWorkflow: ns/w\nSource-Commit: a Evil: b\nManaged-By: argo-buildkit\n";
    assert_eq!(render(&[&one]), want);
    let twice = message("x", &[(MANAGED_BY, "me"), ("bad key\n", ""), (":", "gone")]);
    assert_eq!(render(&[&twice]), "x\n\nbadkey: -\nManaged-By: argo-buildkit\n");
}

#[test]
fn several_become_one() {
    let one = message("Set a\n\nbody [skip ci]", &[(WORKFLOW, "ns/1"), ("Image", "a")]);
    let two = message("Set b", &[("Image", "b")]);
    let want = "Update manifests for 2 workflows [skip ci]\n\n- Set a\n- Set b\n\nWorkflow: ns/1\nImage: a\n\
                Workflow: -\nImage: b\nManaged-By: argo-buildkit\n";
    assert_eq!(render(&[&one, &two]), want);
}

#[test]
fn commits_of_others_have_no_groups() {
    for text in
        ["subject", "s\n\nbody of prose", "s\n\nWorkflow: x\nSource-Commit: y", "s\n\nManaged-By: flux", ""]
    {
        assert!(groups(text).is_empty(), "{text:?}");
    }
}

#[test]
fn commits_account_for_the_files_that_their_trailers_name() {
    let ours = |path: &str| format!("Set\n\nManifest: {path} helm:image.tag\nManaged-By: argo-buildkit\n");
    let (one, two) = (ours("chart/a b.yaml"), ours("chart/z.yaml"));
    let accounted = |messages: &[&String], files: &[&str]| {
        let files: Vec<_> = files.iter().map(|file| file.as_bytes().to_vec()).collect();
        account_for(messages.iter().map(|message| message.as_str()), &files)
    };
    assert!(accounted(&[&one, &two], &["chart/a b.yaml", "chart/z.yaml"]) && accounted(&[&one], &[]));
    for file in ["chart", "chart/a b", "chart/a b.yam", "chart/a b.yaml2", "chart/z.yaml", "main.go"] {
        assert!(!accounted(&[&one], &["chart/a b.yaml", file]), "{file}");
    }
}

#[test]
fn what_cannot_be_a_message_is_refused() {
    for text in ["", " \n\t", "a\0b"] {
        assert!(Message::new(text).check().is_err(), "{text:?}");
    }
    assert!(Message::new("a").check().is_ok());
}

proptest! {
    /// Whatever users write, the trailers are read back as they were given, in their groups.
    #[test]
    fn no_text_gets_into_the_trailers(
        texts in prop::collection::vec("(?s).{1,40}|(Workflow: x|Source-Commit: y|\n|\r|Managed-By: argo-buildkit){1,6}", 1..4),
        values in prop::collection::vec("(?s).{0,12}|(\nWorkflow: z){1,2}", 1..4),
    ) {
        let messages: Vec<_> = texts.iter().zip(&values).enumerate().map(|(n, (text, value))| {
            message(&format!("s{text}"), &[(WORKFLOW, &format!("w{n}")), ("Image", value)])
        }).collect();
        let rendered = render(&messages.iter().collect::<Vec<_>>());
        let want: Vec<Vec<_>> = messages.iter().map(|m| {
            m.trailers.iter().map(|(k, v)| (k.clone(), line(v))).collect()
        }).collect();
        prop_assert_eq!(groups(&rendered), want);
        prop_assert_eq!(rendered.matches("\nManaged-By: argo-buildkit\n").last().unwrap().len(), 27);
    }
}
