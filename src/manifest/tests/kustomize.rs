//! Kustomizations: fields of `images[]`, set and added.

use super::super::KustomizeField::{Digest, NewName, NewTag};
use super::super::apply;
use super::{NEW, OLD, image, refusal, replaces};

const OVERLAY: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: shop
resources:
  - ../../base
images:
  # the API
  - name: shop/api
    newName: gitea.example.com/shop/api
    newTag: \"1.4.0\" # by CI

  - name: shop/web
    newTag: v7
  - {name: shop/cron, newTag: v3}
  - name: shop/db
patches:
  - path: replicas.yaml
";

#[test]
fn fields_are_set() {
    replaces(OVERLAY, &image("shop/api", NewTag, "1.5"), "\"1.4.0\"", "\"1.5\"");
    replaces(
        OVERLAY,
        &image("shop/api", NewName, "ghcr.io/shop/api"),
        "gitea.example.com/shop/api",
        "ghcr.io/shop/api",
    );
    replaces(OVERLAY, &image("shop/web", NewTag, "12e4567"), "v7", "\"12e4567\"");
    replaces(OVERLAY, &image("shop/cron", NewTag, "v4"), "v3", "v4");
    let pinned = format!("images:\n- digest: {OLD}\n  name: app\n  newTag: v1\n");
    replaces(&pinned, &image("app", Digest, NEW), OLD, NEW);
    let flow = format!("images: [{{name: app, digest: {OLD}}}]\n");
    replaces(&flow, &image("app", Digest, NEW), OLD, NEW);
    replaces("images:\n- name: app\n  newTag:\n", &image("app", NewTag, "v1"), "newTag:", "newTag: v1");
}

#[test]
fn a_missing_field_is_added_in_its_neighbours_style() {
    let digest = format!("digest: {NEW}");
    for (name, before, after) in [
        ("shop/api", "\"1.4.0\" # by CI\n", format!("\"1.4.0\" # by CI\n    digest: \"{NEW}\"\n")),
        ("shop/web", "newTag: v7\n", format!("newTag: v7\n    {digest}\n")),
        ("shop/cron", "newTag: v3", format!("newTag: v3, {digest}")),
        ("shop/db", "name: shop/db\n", format!("name: shop/db\n    {digest}\n")),
    ] {
        replaces(OVERLAY, &image(name, Digest, NEW), before, &after);
    }
    for (input, before, after) in [
        ("images:\n- name: app", "app", format!("app\n  {digest}")),
        ("images:\r\n- name: app\r\n  newTag: v1\r\n", "v1\r\n", format!("v1\r\n  {digest}\r\n")),
        ("images:\r\n- name: app", "app", format!("app\r\n  {digest}")),
        ("images:\n-   name: app\n    newTag: 'v1'\n", "'v1'\n", format!("'v1'\n    digest: '{NEW}'\n")),
        ("images:\n-\n  name: app\n", "app\n", format!("app\n  {digest}\n")),
        ("images:\n- name: app\n  newTag:\n", "newTag:\n", format!("newTag:\n  {digest}\n")),
        ("images:\n- name: app\n  newTag: v1\n  # note\n- name: b\n", "v1\n", format!("v1\n  {digest}\n")),
        ("x: &v v1\nimages:\n- name: app\n  newTag: *v\n", "*v\n", format!("*v\n  {digest}\n")),
        ("images:\n- name: app\n  x: [1]\n", "[1]\n", format!("[1]\n  {digest}\n")),
        ("images:\n- name: app\n  newTag: |\n    v1\n", "v1\n", format!("v1\n  {digest}\n")),
        ("images: [{name: app}]", "app", format!("app, {digest}")),
        ("images: [{name: app,}]", "app", format!("app, {digest}")),
        ("images:\n- &a name: app\n", "app\n", format!("app\n  {digest}\n")),
        (
            "{\"images\": [\n  {\n    \"name\": \"app\"\n  }\n]}\n",
            "\"app\"\n",
            format!("\"app\",\n    \"digest\": \"{NEW}\"\n"),
        ),
    ] {
        replaces(input, &image("app", Digest, NEW), before, &after);
    }
}

#[test]
fn tag_and_digest_are_set_or_added_together() {
    let edits = [image("app", Digest, NEW), image("app", NewTag, "v2"), image("app", NewName, "ghcr.io/app")];
    let edited = apply(b"images:\n- name: app\n  newTag: v1\n", &edits).unwrap();
    let expected = format!("images:\n- name: app\n  newTag: v2\n  digest: {NEW}\n  newName: ghcr.io/app\n");
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
    assert!(!apply(expected.as_bytes(), &edits).unwrap().changed);
    let pinned = format!("images:\n- name: app\n  digest: {OLD}\n  newTag:\n");
    let edited = apply(pinned.as_bytes(), &edits).unwrap();
    let expected = format!("images:\n- name: app\n  digest: {NEW}\n  newTag: v2\n  newName: ghcr.io/app\n");
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
}

#[test]
fn a_document_without_the_entry_is_passed_over() {
    let input =
        "kind: Component\nimages:\n- name: b\n  newTag: v1\n---\nimages:\n- name: app\n  newTag: v1 # x\n";
    replaces(input, &image("app", NewTag, "v2"), "v1 # x", "v2 # x");
}

#[test]
fn refusals() {
    let pinned = format!("images:\n- name: app\n  digest: {OLD}\n");
    let twice = "images:\n- name: app\n  newTag: a\n- name: app\n  newTag: b\n";
    let documents = "images:\n- name: app\n---\nimages:\n- name: app\n  newTag: b\n";
    let messages = [
        refusal(&pinned, image("app", NewTag, "v2")),
        refusal(OVERLAY, image("shop/ap", NewTag, "v2")),
        refusal("resources: []\n", image("app", NewTag, "v2")),
        refusal("images:\n", image("app", NewTag, "v2")),
        refusal("images: {app: v1}\n", image("app", NewTag, "v2")),
        refusal(twice, image("app", NewTag, "v2")),
        refusal(documents, image("app", NewTag, "v2")),
        refusal(OVERLAY, image("shop/web", Digest, "v2")),
        refusal(OVERLAY, image("shop/web", Digest, &NEW.to_uppercase().replace("SHA", "sha"))),
        refusal(OVERLAY, image("shop/web", NewTag, "")),
        refusal(OVERLAY, image("shop/web", NewTag, "v2\n")),
        refusal("images:\n- ? name\n  : app\n", image("app", Digest, NEW)),
        refusal("images: [name: app]\n", image("app", Digest, NEW)),
        refusal("images: [{name: app, newTag: }]\n", image("app", Digest, NEW)),
        refusal("images:\n- &a\n  name: app\nother: *a\n", image("app", Digest, NEW)),
        refusal("a: &a {name: app}\nimages: [*a]\n", image("app", Digest, NEW)),
        refusal("images:\n- name: app\n  name: app\n", image("app", Digest, NEW)),
        refusal("images:\n- name: app\n  x: 1\n  x: 2\n", image("app", Digest, NEW)),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
3:11: `images[name=app].newTag` would not take effect: a digest pins this image and decides which one runs; set the digest too, or remove it with the value `:TAG@` (`TAG@` for a `newTag` or a `tag`)
8:3: `images[name=shop/ap].newTag` does not exist; the nearest is `images`, which has items with the `name` `shop/api`, `shop/web`, `shop/cron`, `shop/db`, renamed with `newName` to `gitea.example.com/shop/api`. Add an item that fits `[name=shop/ap]` there first, or let it be added with `create: true` (`--create`)
1:1: `images[name=app].newTag` does not exist; the nearest is the top level, which has the keys `resources`. Add the key `images` there first, or let it be added with `create: true` (`--create`)
1:8: `images[name=app].newTag` does not exist; the nearest is `images`, which is empty. Add an item that fits `[name=app]` there first, or let it be added with `create: true` (`--create`)
1:9: `images[name=app].newTag` does not exist; the nearest is `images`, which is a mapping, not a list. Add an item that fits `[name=app]` there first; `create` adds no item to a mapping
2:3: `images[name=app]` is ambiguous: `[name=app]` fits another item at 4:3; make the names unique
2:3: `images[name=app]` exists in several documents of this file, also at 5:3; it must be in one
`images[name=shop/web].digest` cannot be set to "v2": a digest is `sha256:` and 64 lower-case hexadecimal digits
`images[name=shop/web].digest` cannot be set to "sha256:22222222222222222222222222222222222222222222222222222222222222AB": a digest is `sha256:` and 64 lower-case hexadecimal digits
`images[name=shop/web].newTag` cannot be set to "": it is empty, which kustomize takes for a field that is not set; give a value
`images[name=shop/web].newTag` cannot be set to "v2\n": it contains U+000A, a control character or line break
2:3: `images[name=app].digest` cannot be added: the key before it does not begin its line; add the key by hand once
1:10: `images[name=app].digest` cannot be added: its mapping is a pair without braces; add the key by hand once
1:10: `images[name=app].digest` cannot be added: the value before it is empty; add the key by hand once
2:3: `images[name=app].digest` is shared: it belongs to the anchor `&a`, and the alias at 4:8 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
2:10: `images[name=app].digest` leads to the alias `*a`, so setting it would change everything that uses `&a`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
3:3: `images[name=app]` is not certain: the key `name` stands here again, first at 2:3, and readers disagree on which counts; remove one
4:3: `images[name=app].digest` is not certain: the key `x` stands here again, first at 3:3, and readers disagree on which counts; remove one
"#);
}
