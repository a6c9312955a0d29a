//! The warnings about edits that were made.

use super::super::{Edit, apply};
use super::{NEW, OLD, edit};

fn warnings(input: &str, edits: &[Edit]) -> String {
    apply(input.as_bytes(), edits)
        .unwrap()
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_tag_beside_a_digest_that_still_pins() {
    let digest = format!("controller:\n  image:\n    tag: v1\n    digest: {OLD}\n");
    let sha = format!("image: {{repository: a/b, tag: v1, sha: '{}'}}\n", &OLD[7..]);
    let object = format!("kind: A\nmetadata: {{name: a}}\nspec: {{tag: v1, digest: '{OLD}'}}\n");
    let inner = format!("values: |\n  image:\n    tag: v1\n    digest: {OLD}\n");
    let pinned = format!("image: {{repository: a/b, tag: 'v1@{OLD}'}}\n");
    let all = [
        warnings(&digest, &[edit("helm:controller.image.tag=v2")]),
        warnings(&sha, &[edit("helm:image.tag=v2")]),
        warnings(&object, &[edit("object:A/a:spec.tag=v2")]),
        warnings(&inner, &[edit("helm:values|image.tag=v2")]),
        warnings(&pinned, &[edit("helm:image.tag=v2")]),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
3:5: `controller.image.tag` is set, but `controller.image.digest` still decides which image runs; set it too, or both with `image:`
1:8: `image.tag` is set, but `image.sha` still decides which image runs; set it too, or both with `image:`
3:7: `spec.tag` is set, but `spec.digest` still decides which image runs; set it too, or both with `image:`
3:5: in the text of `values|image.tag`, `image.tag` is set, but `image.digest` still decides which image runs; set it too, or both with `image:`
1:8: `image.tag` held a digest, and the new value has none: the image is no longer pinned
"#);
}

#[test]
fn nothing_is_said_where_the_tag_decides() {
    let unpinned = "image: {tag: v1, digest: ''}\n";
    let off = format!("image: {{tag: v1, digest: '{OLD}', useDigest: false}}\n");
    let pinned = format!("image: {{tag: v1, digest: '{OLD}'}}\n");
    let both = [edit("helm:image.tag=v2"), edit(&format!("helm:image.digest={NEW}"))];
    assert_eq!(warnings(unpinned, &both[..1]), "");
    assert_eq!(warnings(&off, &both[..1]), "");
    assert_eq!(warnings(&pinned, &both), "");
    assert_eq!(warnings(&pinned, &[edit(&format!("image:image=:v2@{NEW}"))]), "");
}
