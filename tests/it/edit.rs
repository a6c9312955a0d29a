//! `argo-buildkit edit` on files of its own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");
const VALUES: &str = "image:\n  tag: \"v1\"   # by CI\nenv:\n- name: A=B\n  value: one\n";
const CHANGED: i32 = 0;
const REFUSED: i32 = 1;
const USAGE: i32 = 2;
const UNCHANGED: i32 = 3;

fn room() -> tempfile::TempDir {
    let room = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "b.yaml"] {
        fs::write(room.path().join(name), VALUES).unwrap();
    }
    room
}

fn edit(room: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(BINARY).arg("edit").args(arguments).current_dir(room).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn read(room: &Path, name: &str) -> String {
    fs::read_to_string(room.join(name)).unwrap()
}

#[test]
fn the_difference_is_shown_and_written_on_request() {
    let room = room();
    let path = room.path();
    let (code, shown, said) = edit(path, &["a.yaml", "--target", "helm:image.tag=v2"]);
    let expected = "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,5 +1,5 @@\n image:\n-  tag: \"v1\"   # by CI\n+  tag: \"v2\"   # by CI\n env:\n - name: A=B\n   value: one\n";
    assert_eq!((code, &*shown, &*said), (CHANGED, expected, ""));
    assert_eq!(read(path, "a.yaml"), VALUES);

    let (code, again, _) = edit(path, &["a.yaml", "--target", "helm:image.tag=v2", "--write"]);
    assert_eq!((code, &*again), (CHANGED, expected));
    assert_eq!(read(path, "a.yaml"), VALUES.replace("v1", "v2"));
    let (code, shown, said) = edit(path, &["a.yaml", "--target", "helm:image.tag=v2", "--write"]);
    assert_eq!((code, &*shown, &*said), (UNCHANGED, "", ""));
}

#[test]
fn a_value_and_a_selector_may_hold_an_equals_sign() {
    let room = room();
    let target = "helm:env[name=\"A=B\"].value=x=y";
    assert_eq!(edit(room.path(), &["a.yaml", "-t", target, "-w"]).0, CHANGED);
    assert_eq!(read(room.path(), "a.yaml"), VALUES.replace("one", "x=y"));
}

#[test]
fn a_refusal_of_one_file_leaves_all_as_they_are() {
    let room = room();
    fs::write(room.path().join("c.yaml"), "other: 1\n").unwrap();
    let (code, shown, said) =
        edit(room.path(), &["a.yaml", "c.yaml", "b.yaml", "--write", "--target", "helm:image.tag=v2"]);
    assert_eq!((code, &*shown), (REFUSED, ""));
    assert!(said.starts_with("c.yaml: 1:1: `image.tag` does not exist"), "{said}");
    assert_eq!([read(room.path(), "a.yaml"), read(room.path(), "b.yaml")], [VALUES, VALUES]);
}

#[test]
fn one_changed_file_of_several_is_a_change() {
    let room = room();
    fs::write(room.path().join("b.yaml"), VALUES.replace("v1", "v2")).unwrap();
    let (code, shown, _) = edit(room.path(), &["b.yaml", "a.yaml", "--target", "helm:image.tag=v2", "-w"]);
    assert_eq!((code, shown.matches("+++").count()), (CHANGED, 1));
    assert_eq!(read(room.path(), "a.yaml"), read(room.path(), "b.yaml"));
}

#[test]
fn the_mode_stays_and_nothing_is_left_behind() {
    let room = room();
    let file = room.path().join("a.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(edit(room.path(), &["a.yaml", "--target", "helm:image.tag=v2", "--write"]).0, CHANGED);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(fs::read_dir(room.path()).unwrap().count(), 2);
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let room = room();
    symlink("a.yaml", room.path().join("link.yaml")).unwrap();
    for (name, why) in
        [("link.yaml", "symbolic link"), (".", "regular file"), ("none.yaml", "cannot be read")]
    {
        let (code, shown, said) = edit(room.path(), &[name, "--target", "helm:image.tag=v2", "--write"]);
        assert_eq!((code, &*shown), (REFUSED, ""));
        assert!(said.starts_with(&format!("{name}: ")) && said.contains(why), "{said}");
    }
    assert_eq!(read(room.path(), "a.yaml"), VALUES);
}

#[test]
fn a_wrong_command_line_is_claps() {
    let room = room();
    for arguments in [
        &["a.yaml"][..],
        &["--target", "helm:a=b"],
        &["a.yaml", "--target", "helm:image.tag"],
        &["a.yaml", "--target", "nope:image.tag=v2"],
        &["a.yaml", "--target", "helm:image..tag=v2"],
    ] {
        let (code, shown, said) = edit(room.path(), arguments);
        assert_eq!((code, &*shown), (USAGE, ""), "{arguments:?}");
        assert!(said.starts_with("error: "), "{said}");
    }
}

#[test]
fn standard_input_is_edited_to_standard_output() {
    let piped = |arguments: &[&str], input: &str| {
        let mut command = Command::new(BINARY);
        command
            .arg("edit")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    };
    let edited = (CHANGED, VALUES.replace("v1", "v2"), String::new());
    assert_eq!(piped(&["-", "-t", "helm:image.tag=v2"], VALUES), edited);
    assert_eq!(piped(&["-", "-t", "helm:image.tag=v1"], VALUES), (UNCHANGED, VALUES.into(), String::new()));
    let (code, shown, said) = piped(&["-", "-t", "helm:image.tags=v1"], VALUES);
    assert_eq!((code, &*shown), (REFUSED, ""));
    assert!(said.starts_with("-:2:3: `image.tags` does not exist"), "{said}");
    let room = room();
    assert_eq!(edit(room.path(), &["-", "a.yaml", "-t", "helm:image.tag=v2"]).0, USAGE);
}

#[test]
fn a_tag_that_a_digest_outweighs_is_warned_of() {
    let room = room();
    let digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    fs::write(room.path().join("c.yaml"), format!("image:\n  tag: v1\n  digest: {digest}\n")).unwrap();
    let (code, _, said) = edit(room.path(), &["c.yaml", "-t", "helm:image.tag=v2"]);
    assert_eq!(code, CHANGED);
    assert!(said.starts_with("c.yaml:2:3: `image.tag` is set, but `image.digest` still decides"), "{said}");
}

/// Of several files, those without the comment are left alone; of one, it is named as missing.
#[test]
fn a_setter_concerns_the_files_that_have_it() {
    let room = room();
    let marked = "image: shop/api:v1 # {\"$imagepolicy\": \"flux-system:api\"}\n";
    fs::write(room.path().join("c.yaml"), marked).unwrap();
    let set = |files: &[&str], policy: &str| {
        let target = format!("setter:flux-system:{policy}=:v2");
        edit(room.path(), &[files, &["-t", &target]].concat())
    };
    let (code, shown, said) = set(&["a.yaml", "c.yaml", "b.yaml"], "api");
    assert_eq!((code, shown.matches("+++ b/c.yaml").count(), &*said), (CHANGED, 1, ""));
    let (code, _, said) = set(&["a.yaml", "c.yaml"], "web");
    assert_eq!((code, said.lines().count()), (REFUSED, 2), "{said}");
    let (code, _, said) = set(&["a.yaml"], "api");
    assert_eq!(code, REFUSED);
    assert!(
        said.starts_with(
            "a.yaml: 1:1: `setter:flux-system:api` does not exist: there is no such setter comment"
        ),
        "{said}"
    );
}

#[test]
fn what_moves_with_an_anchor_is_named() {
    let room = room();
    fs::write(room.path().join("c.yaml"), "t: &t v1\na: *t\nb: {x: *t}\n").unwrap();
    let (code, shown, said) = edit(room.path(), &["c.yaml", "-t", "helm:a=v2", "--shared"]);
    assert_eq!((code, shown.contains("-t: &t v1\n+t: &t v2\n")), (CHANGED, true), "{shown}");
    assert!(
        said.starts_with(
            "c.yaml:1:4: `a` belongs to the anchor `&t`: what its aliases at 2:4, 3:8 stand for"
        ),
        "{said}"
    );
    let (code, _, said) = edit(room.path(), &["c.yaml", "-t", "helm:a=v2"]);
    assert_eq!(code, REFUSED);
    assert!(said.ends_with("or set it for all of them with `shared: true` (`--shared`)\n"), "{said}");
}

/// The help for targets keeps its indentation within 80 columns.
#[test]
fn help_fits_a_terminal() {
    let (code, shown, _) = edit(room().path(), &["--help"]);
    let targets = shown.split_once("Targets:").unwrap().1;
    assert_eq!((code, targets.lines().find(|line| line.chars().count() > 80)), (0, None));
}

/// The commands in docs/edit.md print what the page shows.
#[test]
fn the_examples_of_the_documentation_are_so() {
    let docs = include_str!("../../docs/edit.md");
    let mut given = None;
    let mut command = "";
    let mut targets = String::new();
    let blocks: Vec<_> =
        docs.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect();
    for (at, block) in blocks.iter().enumerate() {
        match *block {
            ("yaml", text) => given = Some(text.to_owned()),
            ("sh", text) => command = text.strip_prefix("argo-buildkit edit ").unwrap(),
            ("diff", text) => {
                let said =
                    blocks.get(at + 1).filter(|(kind, _)| *kind == "text").map_or("", |(_, said)| said);
                example(command, &given.take().unwrap_or_else(|| old_side(text)), text, said);
                targets.push_str(command);
            }
            // What standard error says of the example before.
            ("text", _) => {}
            (other, _) => panic!("what is a block of {other:?}?"),
        }
    }
    for kind in ["helm", "image", "kustomize", "object", "container", "parameter", "values", "setter"] {
        assert!(targets.contains(&format!("{kind}:")) && docs.contains(&format!("\n### `{kind}:")), "{kind}");
    }
    for code in [CHANGED, REFUSED, USAGE, UNCHANGED] {
        assert!(docs.contains(&format!("\n| {code} | ")), "{code}");
    }
}

fn example(command: &str, input: &str, difference: &str, said: &str) {
    let arguments: Vec<_> = command.split_whitespace().map(|word| word.trim_matches('\'')).collect();
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join(arguments[0]), input).unwrap();
    assert_eq!(edit(room.path(), &arguments), (CHANGED, difference.to_owned(), said.to_owned()), "{command}");
}

/// The file before the edit, if the difference shows all of it.
fn old_side(difference: &str) -> String {
    let lines = difference.lines().skip(2).filter(|line| !line.starts_with('+'));
    let (head, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("@@"));
    assert!(matches!(head[..], [head] if head.starts_with("@@ -1")), "not the whole file: {difference}");
    lines.iter().map(|line| format!("{}\n", &line[1..])).collect()
}
