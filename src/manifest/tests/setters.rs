//! Flux's setter comments.

use super::super::Concerns;
use super::{NEW, OLD, edit, makes, refusal};

const FILE: &str = "\
a: # {\"$imagepolicy\": \"ns:app\"}
  image: reg:5000/a:v1 # {\"$imagepolicy\": \"ns:app\"}
  tag: \"v1\"   # {\"$imagepolicy\": \"ns:app:tag\"}
  name: 'reg:5000/a' # {\"$imagepolicy\": \"ns:app:name\"}
  other: x:v1 # {\"$imagepolicy\": \"ns:app2\"}
  text: |
    y: v1 # {\"$imagepolicy\": \"ns:app\"}
  list:
  - reg:5000/a:v1 # {\"$imagepolicy\": \"ns:app\"}
";

#[test]
fn every_marked_scalar_is_set() {
    let after =
        FILE.replace("reg:5000/a:v1", "b/c:v2").replace("\"v1\"", "\"v2\"").replace("'reg:5000/a'", "'b/c'");
    makes(FILE, &edit("setter:ns:app=b/c:v2"), &after);
    makes(FILE, &edit("setter:ns:app:tag=:v2"), &FILE.replace("\"v1\"", "\"v2\""));
    let digest = format!("d: {OLD} # {{\"$imagepolicy\": \"ns:app:digest\"}}\r\n");
    makes(&digest, &edit(&format!("setter:ns:app=b/c:v2@{NEW}")), &digest.replace(OLD, NEW));
    makes(
        "a: x:v1 # {\"$imagepolicy\": \"n:p\"}",
        &edit("setter:n:p=:v2"),
        "a: x:v2 # {\"$imagepolicy\": \"n:p\"}",
    );
}

#[test]
fn refusals() {
    let messages = [
        refusal(FILE, edit("setter:ns:none=b/c:v2")),
        refusal(FILE, edit(&format!("setter:ns:app=b/c@{NEW}"))),
        refusal("a: b\n", edit("setter:ns:app=b/c:v2")),
        refusal("", edit("setter:ns:app=b/c:v2")),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
1:1: `setter:ns:none` does not exist: there is no such setter comment; the file has `ns:app` at 2:10, `ns:app:tag` at 3:8, `ns:app:name` at 4:9, `ns:app2` at 5:10, `ns:app` at 9:5
3:8: `setter:ns:app` wants the tag here, which the value does not have; give the whole `name:tag@digest`
1:1: `setter:ns:app` does not exist: there is no such setter comment; the file has none
1:1: the file holds no value, so nothing in it can be named; is it the right file?
"#);
}

#[test]
fn a_setter_concerns_the_files_with_its_comment() {
    let comment = |setter: &str| format!("a: v1 # {{\"$imagepolicy\": \"{setter}\"}}\n");
    let unreadable = format!("{}a: [\n", comment("n:other"));
    for (file, setter, does) in [
        (comment("n:p"), "n:p", true),
        (comment("n:p:tag"), "n:p", true),
        (comment("n:p:tag"), "n:p:tag", true),
        (comment("n:p"), "n:p:tag", false),
        (comment("n:pp"), "n:p", false),
        (comment("n:p:tags"), "n:p", false),
        ("a: v1\n".to_owned(), "n:p", false),
        ("a: [\n".to_owned(), "n:p", false),
        (unreadable, "n:p", true),
    ] {
        let target = edit(&format!("setter:{setter}=x:v2")).target;
        assert_eq!(Concerns::of(file.as_bytes()).has(&target), does, "{file} {setter}");
        assert!(Concerns::of(file.as_bytes()).has(&edit("helm:a=v2").target));
    }
}
