//! Missing keys are added in the style of the nodes around them.

use super::super::{Edit, apply};
use super::{NEW, create, edit, helm, makes, refusal};

#[test]
fn a_key_is_added_behind_its_neighbours() {
    for (before, target, after) in [
        ("image:\n  name: a\nx: 1\n", "helm:image.tag=v2", "image:\n  name: a\n  tag: v2\nx: 1\n"),
        ("image:\n  name: 'a' # b\n", "helm:image.tag=v2", "image:\n  name: 'a' # b\n  tag: 'v2'\n"),
        ("image:\n  name: \"a\"", "helm:image.tag=v2", "image:\n  name: \"a\"\n  tag: \"v2\""),
        (
            "image:\r\n  name: a\r\nx: 1\r\n",
            "helm:image.tag=v2",
            "image:\r\n  name: a\r\n  tag: v2\r\nx: 1\r\n",
        ),
        ("image:\n    name: a\n", "helm:image.tag=1.20", "image:\n    name: a\n    tag: \"1.20\"\n"),
        ("x: 1\n", "helm:image.tag=v2", "x: 1\nimage:\n  tag: v2\n"),
        ("x:\n    y: 1\n", "helm:a.b.c=v2", "x:\n    y: 1\na:\n    b:\n        c: v2\n"),
        ("x:\n    y: 1\n", "helm:x.b.c=v2", "x:\n    y: 1\n    b:\n        c: v2\n"),
        ("a:\n  b:\n    c: 1\n\n# end\n", "helm:a.d=v2", "a:\n  b:\n    c: 1\n  d: v2\n\n# end\n"),
        ("a:\n- b\n- c: d\n", "helm:e=v2", "a:\n- b\n- c: d\ne: v2\n"),
        ("a: [1,\n  2]\n", "helm:e=v2", "a: [1,\n  2]\ne: v2\n"),
        ("a: {b: {}}\n", "helm:e=v2", "a: {b: {}}\ne: v2\n"),
        (
            "a: |\n  x\n\nb:\n  c: >-\n    y\n\n",
            "helm:b.e=v2",
            "a: |\n  x\n\nb:\n  c: >-\n    y\n  e: v2\n\n",
        ),
        ("a: |+\n  x\n\n", "helm:b=v2", "a: |+\n  x\n\nb: v2\n"),
        (
            "a: 1\n---\nimage:\n  name: x\n---\n",
            "helm:image.tag=v2",
            "a: 1\n---\nimage:\n  name: x\n  tag: v2\n---\n",
        ),
        ("a: 1\n---\n", "helm:b=v2", "a: 1\nb: v2\n---\n"),
        (
            "- name: a\n  v: 1\n- name: b\n",
            "helm:[name=a].w.x=v2",
            "- name: a\n  v: 1\n  w:\n    x: v2\n- name: b\n",
        ),
        (
            "a: *x\n".replace("*x", "1").as_str(),
            "helm:\"b.c\"=v2",
            "a: 1\n\"b.c\": v2\n".replace("\"b.c\"", "b.c").as_str(),
        ),
    ] {
        makes(before, &create(target), after);
    }
}

#[test]
fn null_becomes_a_mapping() {
    for (before, target, after) in [
        ("image:\nx: 1\n", "helm:image.tag=v2", "image:\n  tag: v2\nx: 1\n"),
        ("image: # note\n", "helm:image.tag=v2", "image: # note\n  tag: v2\n"),
        ("image: ~\n", "helm:image.tag=v2", "image:\n  tag: v2\n"),
        ("image: null # note", "helm:image.tag=v2", "image: # note\n  tag: v2"),
        ("a:\n  image:\n", "helm:a.image.b.tag=v2", "a:\n  image:\n    b:\n      tag: v2\n"),
        ("image: {}\n", "helm:image.tag=v2", "image: {tag: v2}\n"),
        ("image: {a: }\n", "helm:image.a.tag=v2", "image: {a: {tag: v2}}\n"),
        ("image: {a: ~}\n", "helm:image.a.tag=v2", "image: {a: {tag: v2}}\n"),
        ("image: {name: a}\n", "helm:image.b.tag=v,2", "image: {name: a, b: {tag: \"v,2\"}}\n"),
        ("images:\n", "helm:images[name=a].tag=v2", "images:\n  - name: a\n    tag: v2\n"),
        ("x:\n- 1\nimages:\n", "helm:images[name=a].tag=v2", "x:\n- 1\nimages:\n- name: a\n  tag: v2\n"),
    ] {
        makes(before, &create(target), after);
    }
}

#[test]
fn an_item_is_added_to_its_list() {
    for (before, target, after) in [
        (
            "e:\n- name: a\n  v: 1\nx: 1\n",
            "helm:e[name=b].v=2",
            "e:\n- name: a\n  v: 1\n- name: b\n  v: \"2\"\nx: 1\n",
        ),
        ("e:\n  - name: a\n", "helm:e[name=b].v.w=x", "e:\n  - name: a\n  - name: b\n    v:\n      w: x\n"),
        ("e: []\n", "helm:e[name=b].v=x", "e: [{name: b, v: x}]\n"),
        ("e: [{name: a}]\n", "helm:e[name=b].v=x", "e: [{name: a}, {name: b, v: x}]\n"),
        ("a: 1\n", "helm:e[name=b].v=x", "a: 1\ne:\n  - name: b\n    v: x\n"),
    ] {
        makes(before, &create(target), after);
    }
}

#[test]
fn a_file_without_a_document_gets_one() {
    for (before, after) in [
        ("", "image:\n  tag: v2\n"),
        ("\u{feff}", "\u{feff}image:\n  tag: v2\n"),
        ("# note\n\n", "# note\n\nimage:\n  tag: v2\n"),
        ("# note", "# note\nimage:\n  tag: v2\n"),
        ("# note\r\n", "# note\r\nimage:\r\n  tag: v2\r\n"),
        ("---\n", "---\nimage:\n  tag: v2\n"),
        ("---\n# note\n", "---\n# note\nimage:\n  tag: v2\n"),
        ("---", "---\nimage:\n  tag: v2\n"),
    ] {
        makes(before, &create("helm:image.tag=v2"), after);
    }
}

#[test]
fn several_keys_are_added_to_one_new_mapping() {
    let edits =
        ["helm:image.repository=a/b", "helm:image.tag=v2", "helm:x=z", "helm:image.digest.k=q"].map(create);
    let edited = apply(b"x: y\n", &edits).unwrap();
    let expected = "x: z\nimage:\n  repository: a/b\n  tag: v2\n  digest:\n    k: q\n";
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
    assert_eq!(edited.changes.len(), 4);
    assert!(!apply(expected.as_bytes(), &edits).unwrap().changed);
    let twice = [create("helm:image.tag=v2"), create("helm:image.tag=v3")];
    assert!(apply(b"x: y\n", &twice).unwrap_err().to_string().contains("is set twice"));
}

#[test]
fn an_entry_is_added_to_a_kustomization() {
    let edits: [Edit; 2] =
        ["kustomize:shop/api:newTag=v2", &format!("kustomize:shop/api:digest={NEW}")].map(create);
    let edited = apply(b"resources:\n- a\n", &edits).unwrap();
    let expected = format!("resources:\n- a\nimages:\n- name: shop/api\n  newTag: v2\n  digest: {NEW}\n");
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
}

#[test]
fn json_stays_json() {
    for (before, target, after) in [
        ("{\"a\": \"b\"}", "helm:a=1", "{\"a\": \"1\"}"),
        ("{\"a\": 1, \"c\": null}\n", "helm:a=v2", "{\"a\": \"v2\", \"c\": null}\n"),
        ("{\"a\":true}", "helm:a=v\"2", "{\"a\":\"v\\\"2\"}"),
        ("{\"a\": null}", "helm:a=v2", "{\"a\": \"v2\"}"),
    ] {
        makes(before, &edit(target), after);
    }
    for (before, target, after) in [
        ("{}", "helm:a.b=v2", "{\"a\": {\"b\": \"v2\"}}"),
        ("{\"a\": null}", "helm:a.b=v2", "{\"a\": {\"b\": \"v2\"}}"),
        (
            "{\n  \"a\": {\n    \"b\": [1]\n  }\n}\n",
            "helm:a.c=v2",
            "{\n  \"a\": {\n    \"b\": [1],\n    \"c\": \"v2\"\n  }\n}\n",
        ),
        (
            "{\n\t\"a\": {}\n}\n",
            "helm:b[name=c].d=v2",
            "{\n\t\"a\": {},\n\t\"b\": [{\"name\": \"c\", \"d\": \"v2\"}]\n}\n",
        ),
    ] {
        makes(before, &create(target), after);
    }
}

#[test]
fn what_cannot_be_added() {
    let create = |input: &str, target: &str| refusal(input, create(target));
    let messages = [
        refusal("", helm("image.tag", "v2")),
        create("", "helm:[name=a].b=c"),
        create("a: 1\n---\nb: 1\n", "helm:image.tag=v2"),
        create("image: nginx\n", "helm:image.tag=v2"),
        create("image: [a]\n", "helm:image.tag=v2"),
        create("image: {}\n", "helm:image[0].tag=v2"),
        create("base: &b {image: {tag: v1}}\nweb:\n  <<: *b\n", "helm:web.image.tag=v2"),
        create("image: &i\n  a: b\nc: *i\n", "helm:image.tag=v2"),
        create("image:\n  a: b\n  a: c\n", "helm:image.tag=v2"),
        create("image: !x\n", "helm:image.tag=v2"),
        create("? a\n: b\n", "helm:c=v2"),
        create("a: |\n  x", "helm:b=v2"),
        create("- a\n-\n", "helm:[1].b=v2"),
        create("image:\n  {a: b} \n", "helm:image.a.b=v2"),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
1:1: the file holds no value yet: add the key there first, or let it be added with `create: true` (`--create`)
1:1: `[name=a].b` cannot be added: an empty file takes a path of keys, and of items by a field; add the key by hand once
1:1: `image.tag` cannot be added: several documents of this file could take it; add the key by hand once
1:8: `image.tag` does not exist; the nearest is `image`, which is a single value. Add the key `tag` there first; `create` does not replace a value
1:8: `image.tag` does not exist; the nearest is `image`, which is a list, not a mapping. Add the key `tag` there first; `create` adds no key to a list
1:8: `image[0].tag` does not exist; the nearest is `image`, which is a mapping, not a list. Add an item `[0]` there first; `create` adds no item by its number; name it by a field, as in `[name=x]`
3:3: `web.image.tag` does not exist; the nearest is `web`, which has the keys `<<`, and takes that key through the merge `<<` at 3:3. It is not overridden here: a key of its own would replace all that `<<` supplies there; set it for all that use it with `shared: true` (`--shared`), or write the mapping out here
1:8: `image.tag` is shared: it belongs to the anchor `&i`, and the alias at 3:4 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
3:3: `image.tag` is not certain: the key `a` stands here again, first at 2:3, and readers disagree on which counts; remove one
1:8: `image.tag` does not exist; the nearest is `image`, which is empty. Add the key `tag` there first; `create` does not replace a null that has an anchor or a tag
1:1: `c` cannot be added: the key before it does not begin its line; add the key by hand once
1:1: `b` cannot be added: the text before it has no final line break; add the key by hand once
2:2: `[1].b` cannot be added: its list item is empty; add the key by hand once
2:7: `image.a.b` does not exist; the nearest is `image.a`, which is a single value. Add the key `b` there first; `create` does not replace a value
"#);
}

#[test]
fn a_tag_that_is_empty_takes_no_digest_alone() {
    let before = "image:\n  repository: a/b\n  tag: \"\"\n";
    let refused = refusal(before, create(&format!("image:image=@{NEW}")));
    assert!(refused.contains("write `:tag@sha256:…`"), "{refused}");
    let after = format!("image:\n  repository: a/b\n  tag: \"v2@{NEW}\"\n");
    makes(before, &create(&format!("image:image=:v2@{NEW}")), &after);
}
