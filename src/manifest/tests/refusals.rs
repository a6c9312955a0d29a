//! The edits that are refused, and their messages.

use super::super::input::MAX_BYTES;
use super::super::{Edit, apply};
use super::{helm, refusal};

fn tag(input: &str) -> String {
    refusal(input, helm("image.tag", "v2"))
}

#[test]
fn a_file_of_many_values_is_refused_by_their_count() {
    use crate::limits::YAML_NODES;
    // The stream, its document, the mapping, three scalars and the sequence count too.
    let file = |items: usize| format!("a: [{}]\ntag: v1\n", vec!["1"; items].join(","));
    let edit = |items| apply(file(items).as_bytes(), &[helm("tag", "v2")]);
    assert!(edit(YAML_NODES - 7).is_ok());
    let mut said = Vec::new();
    for items in [YAML_NODES, 4 * YAML_NODES] {
        said.push(edit(items).unwrap_err().to_string());
    }
    assert!(said[0].contains("more than 200,000 keys and values"), "{said:?}");
    // At the same position: the text after it is not checked.
    assert_eq!(said[0], said[1]);
}

#[test]
fn missing() {
    let messages = [
        tag("image:\n  repository: a\n  pullPolicy: b\n"),
        tag("images:\n  tag: a\n"),
        tag("image: {}\n"),
        tag("image:\n"),
        tag("image: nginx:1.2\n"),
        tag("image: [a, b]\n"),
        tag("- image\n"),
        tag("a: {x: 1, y: 1}\n---\nimage: {name: x}\n---\nb: 1\n"),
        tag("base: &b {tag: v1}\nimage:\n  <<: *b\n  name: x\n"),
        tag("a: &a {tag: v1}\nb: &b {<<: *a}\nimage:\n  <<: [*b]\n"),
        tag("a: &a {name: v1}\nimage:\n  <<: *a\n"),
        tag("{a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1}"),
        refusal("c:\n- name: a\n- name: b\n- x\n", helm("c[name=z].image", "v2")),
        refusal("c: []\n", helm("c[name=z].image", "v2")),
        refusal("c: {name: z}\n", helm("c[name=z].image", "v2")),
        refusal("c: [a, b]\n", helm("c[2]", "v2")),
        refusal("c: {a: b}\n", helm("c[0]", "v2")),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
2:3: `image.tag` does not exist; the nearest is `image`, which has the keys `repository`, `pullPolicy`. Add the key `tag` there first, or let it be added with `create: true` (`--create`)
1:1: `image.tag` does not exist; the nearest is the top level, which has the keys `images`. Add the key `image` there first, or let it be added with `create: true` (`--create`)
1:8: `image.tag` does not exist; the nearest is `image`, which is empty. Add the key `tag` there first, or let it be added with `create: true` (`--create`)
1:7: `image.tag` does not exist; the nearest is `image`, which is empty. Add the key `tag` there first, or let it be added with `create: true` (`--create`)
1:8: `image.tag` does not exist; the nearest is `image`, which is a single value. Add the key `tag` there first; `create` does not replace a value
1:8: `image.tag` does not exist; the nearest is `image`, which is a list, not a mapping. Add the key `tag` there first; `create` adds no key to a list
1:1: `image.tag` does not exist; the nearest is the top level, which is a list, not a mapping. Add the key `image` there first; `create` adds no key to a list
3:8: `image.tag` does not exist; the nearest is `image`, which has the keys `name`. Add the key `tag` there first, or let it be added with `create: true` (`--create`)
3:3: `image.tag` does not exist; the nearest is `image`, which has the keys `<<`, `name`, and takes that key through the merge `<<` at 3:3. Override it here with `create: true` (`--create`), or set it for all that use it with `shared: true` (`--shared`)
4:3: `image.tag` does not exist; the nearest is `image`, which has the keys `<<`, and takes that key through the merge `<<` at 4:3. Override it here with `create: true` (`--create`), or set it for all that use it with `shared: true` (`--shared`)
3:3: `image.tag` does not exist; the nearest is `image`, which has the keys `<<`. Add the key `tag` there first, or let it be added with `create: true` (`--create`)
1:1: `image.tag` does not exist; the nearest is the top level, which has the keys `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, …. Add the key `image` there first, or let it be added with `create: true` (`--create`)
2:1: `c[name=z].image` does not exist; the nearest is `c`, which has items with the `name` `a`, `b`. Add an item that fits `[name=z]` there first, or let it be added with `create: true` (`--create`)
1:4: `c[name=z].image` does not exist; the nearest is `c`, which is empty. Add an item that fits `[name=z]` there first, or let it be added with `create: true` (`--create`)
1:4: `c[name=z].image` does not exist; the nearest is `c`, which is a mapping, not a list. Add an item that fits `[name=z]` there first; `create` adds no item to a mapping
1:4: `c[2]` does not exist; the nearest is `c`, which has 2 items, counted from 0. Add an item `[2]` there first; `create` adds no item by its number; name it by a field, as in `[name=x]`
1:4: `c[0]` does not exist; the nearest is `c`, which is a mapping, not a list. Add an item `[0]` there first; `create` adds no item by its number; name it by a field, as in `[name=x]`
"#);
}

#[test]
fn not_one() {
    let messages = [
        tag("image: {tag: a}\n---\nimage: {tag: b}\n"),
        tag("image:\n  tag: a\n  tag: b\n"),
        tag("image:\n  tag: a\n  x: 1\n  x: 2\n"),
        tag("image: {tag: a}\nimage: {tag: b}\n"),
        tag("image:\n  tag: a\n  \"tag\": b\n"),
        refusal("c:\n- name: a\n  v: 1\n- name: a\n  v: 2\n", helm("c[name=a].v", "v2")),
        refusal("c:\n- name: a\n  name: b\n  v: 1\n", helm("c[name=a].v", "v2")),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
1:14: `image.tag` exists in several documents of this file, also at 3:14; it must be in one
3:3: `image.tag` is not certain: the key `tag` stands here again, first at 2:3, and readers disagree on which counts; remove one
4:3: `image.tag` is not certain: the key `x` stands here again, first at 3:3, and readers disagree on which counts; remove one
2:1: `image.tag` is not certain: the key `image` stands here again, first at 1:1, and readers disagree on which counts; remove one
3:3: `image.tag` is not certain: the key `tag` stands here again, first at 2:3, and readers disagree on which counts; remove one
2:3: `c[name=a].v` is ambiguous: `[name=a]` fits another item at 4:3; make the names unique
3:3: `c[name=a].v` is not certain: the key `name` stands here again, first at 2:3, and readers disagree on which counts; remove one
"#);
}

#[test]
fn shared() {
    let messages = [
        tag("t: &t v1\nimage:\n  tag: *t\n"),
        tag("base: &b\n  tag: v1\nimage: *b\n"),
        tag("image:\n  tag: &t v1\nother: *t\nthird: *t\n"),
        tag("image: &i\n  tag: v1\nother: *i\n"),
        tag("image: &i\n  tag: v1\nother:\n  <<: *i\n"),
        tag("x: &k image\n*k :\n  tag: v1\n"),
        refusal("a: &a {name: x, v: 1}\nc: [*a]\n", helm("c[name=x].v", "v2")),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
3:8: `image.tag` leads to the alias `*t`, so setting it would change everything that uses `&t`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
3:8: `image.tag` leads to the alias `*b`, so setting it would change everything that uses `&b`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
2:8: `image.tag` is shared: it belongs to the anchor `&t`, and the alias at 3:8 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
1:8: `image.tag` is shared: it belongs to the anchor `&i`, and the alias at 3:8 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
1:8: `image.tag` is shared: it belongs to the anchor `&i`, and the alias at 4:7 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
2:1: `image.tag` leads to the alias `*k`, so setting it would change everything that uses `&k`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
2:5: `c[name=x].v` leads to the alias `*a`, so setting it would change everything that uses `&a`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
"#);
}

#[test]
fn not_a_plain_value() {
    let messages = [
        tag("image:\n  tag: |\n    v1 v2\n"),
        tag("image:\n  tag: >-\n    v1\n    v2\n"),
        tag("image:\n  tag: |-\n    {{x}}\n"),
        refusal("image:\n  tag: |-\n    v1\n", helm("image.tag", "")),
        tag("image:\n  tag: {a: b}\n"),
        tag("image:\n  tag:\n  - a\n"),
        tag("image:\n  tag: !!int 5\n"),
        tag("image:\n  tag: !vault abc\n"),
        tag("image:\n  tag: '{{ .Chart.AppVersion }}'\n"),
        tag("image:\n  ? tag\n  ? other\n"),
        tag("image: {tag, other: x}\n"),
        refusal("tag: v1\n  \t\nx: 1\n", helm("tag", "1.20")),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
2:8: `image.tag` is a block scalar (`|` or `>`) of more than one word, which is not replaced as a whole; set a part of it by a pattern (`PATH~"…(…)…"`), or a value in it by `PATH|…` if it is YAML
2:8: `image.tag` is a block scalar (`|` or `>`) of more than one word, which is not replaced as a whole; set a part of it by a pattern (`PATH~"…(…)…"`), or a value in it by `PATH|…` if it is YAML
2:8: `image.tag` is computed by a Go template (`{{`), which the edit would destroy; set the value that it reads
2:8: `image.tag` is a block scalar (`|` or `>`), which can hold neither an empty value nor spaces at the beginning or the end; write it on one line, in quotes
2:8: `image.tag` is a mapping, not a single value; name a path inside it
3:3: `image.tag` is a list, not a single value; name a path inside it
2:8: `image.tag` has the tag `tag:yaml.org,2002:int`, so that a string cannot stand there; remove the tag
2:8: `image.tag` has the tag `!vault`, so that a string cannot stand there; remove the tag
2:8: `image.tag` is computed by a Go template (`{{`), which the edit would destroy; set the value that it reads
3:3: `image.tag` has no `:` and so no place for a value; write it as `key: value`
1:12: `image.tag` has no `:` and so no place for a value; write it as `key: value`
1:6: `tag` needs quotes for this value, and a blank line after it holds a tab, which YAML allows only after an unquoted value; remove the tab
"#);
}

#[test]
fn files_that_are_not_yaml() {
    let messages = [
        tag(""),
        tag("\u{feff}"),
        tag("# only a comment\n\n"),
        tag("image:\n  tag: {{ .Values.tag }}\n"),
        tag("{{- if .Values.x }}\nimage:\n  tag: v1\n{{- end }}\n"),
        tag("image:\n\ttag: v1\n"),
        tag("image:\n  tag: v1\n bad: x\n"),
        tag("image: {tag: v1\n"),
        tag("image:\n  tag: \"v1\n"),
        tag("image:\n  tag: v1\n  x: \u{1}\n"),
        tag("a: *nope\nimage:\n  tag: v1\n"),
        tag("a: &n 1\n---\nb: *n\n"),
        tag("a: [!!str, x]\nimage: {tag: v1}\n"),
        tag("image:\n  tag: \"v1\\"),
        tag("%YAML 3.0\n---\nimage: {tag: v1}\n"),
        tag(&"%TAG !a! b\n".repeat(65)),
        apply(b"a: b\nim\xffage: 1\n", &[helm("a", "c")]).unwrap_err().to_string(),
        apply(b"\xff\xfea\0:\0", &[helm("a", "c")]).unwrap_err().to_string(),
        apply(&vec![b'#'; MAX_BYTES + 1], &[helm("a", "c")]).unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
1:1: the file holds no value yet: add the key there first, or let it be added with `create: true` (`--create`)
1:1: the file holds no value yet: add the key there first, or let it be added with `create: true` (`--create`)
1:1: the file holds no value yet: add the key there first, or let it be added with `create: true` (`--create`)
2:8: the file holds an unquoted `{{`, so it is a Go template, not YAML: edit the values file that feeds it
1:3: the file is not valid YAML: did not find expected node content, while parsing a flow node from 1:3; it looks like a Go template: edit the values file that feeds it
2:1: the file is not valid YAML: found character that cannot start any token, while scanning for the next token from 2:1; a tab stands where only spaces are allowed
3:2: the file is not valid YAML: did not find expected key, while parsing a block mapping from 1:1; correct it first
2:1: the file is not valid YAML: did not find expected ',' or '}', while parsing a flow mapping from 1:8; correct it first
3:1: the file is not valid YAML: found unexpected end of stream, while scanning a quoted scalar from 2:8; correct it first
3:6: the file holds '\u{1}', a character that YAML does not allow; remove it, or write it as an escape in double quotes
1:4: the file is not valid YAML: the alias `*nope` has no anchor `&nope` before it; add one, or write the value out
3:4: the file is not valid YAML: the alias `*n` has no anchor `&n` before it; add one, or write the value out
1:1: the file uses YAML that the parser stumbles over, such as a tag before a comma (`[!!str, x]`); write it otherwise
3:1: the file is not valid YAML: found unexpected end of stream, while scanning a quoted scalar from 2:8; correct it first
1:1: the file is not valid YAML: found incompatible YAML document; correct it first
1:1: the file has more than 64 `%TAG` directives; remove some
2:3: the file is not UTF-8 here; save it as UTF-8
1:1: the file is not UTF-8 here; save it as UTF-8
1:1: the file has 10485761 bytes, more than the 10 MiB that are edited; is it a manifest?
"#);
}

#[test]
fn values_that_cannot_be_written() {
    let value = |value: &str| refusal("image:\n  tag: v1\n", helm("image.tag", value));
    let messages = [
        value("a\nb"),
        value("a\tb"),
        value("a\0"),
        value("\u{7f}"),
        value("\u{85}"),
        value("\u{2028}"),
        value("\u{feff}"),
        value("{{inputs.parameters.tag}}"),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
`image.tag` cannot be set to "a\nb": it contains U+000A, a control character or line break
`image.tag` cannot be set to "a\tb": it contains U+0009, a control character or line break
`image.tag` cannot be set to "a\0": it contains U+0000, a control character or line break
`image.tag` cannot be set to "\u{7f}": it contains U+007F, a control character or line break
`image.tag` cannot be set to "\u{85}": it contains U+0085, a control character or line break
`image.tag` cannot be set to "\u{2028}": it contains U+2028, a control character or line break
`image.tag` cannot be set to "\u{feff}": it contains U+FEFF, a control character or line break
`image.tag` cannot be set to "{{inputs.parameters.tag}}": it contains `{{`, a template that nothing has filled in
"#);
}

#[test]
fn one_scalar_twice() {
    let twice = [helm("image.tag", "v2"), helm("image.\"tag\"", "v3")];
    let error = apply(b"image:\n  tag: v1\n", &twice).unwrap_err();
    insta::assert_snapshot!(error, @r#"2:8: `image.tag` is set twice in one update; leave one of them out"#);
}

#[test]
fn depth_is_bounded_before_it_costs() {
    let edit: fn() -> Edit = || helm("a", "v2");
    for input in ["[".repeat(100_000), "{a: ".repeat(20_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
        assert!(refusal(&input, edit()).contains("is nested more than 256 levels deep"));
    }
    let nested = |depth| format!("{{a: v1, b: {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(apply(nested(255).as_bytes(), &[edit()]).unwrap().changed);
    assert!(refusal(&nested(256), edit()).contains("256 levels"));
    let text = format!("a: v1\nb: '{}'\n", "[".repeat(10_000));
    assert!(apply(text.as_bytes(), &[edit()]).unwrap().changed);
}
