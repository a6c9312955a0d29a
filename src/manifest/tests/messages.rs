//! The messages about anchors, merges, lists, parts of texts and block scalars, as a user reads them.

use super::super::Edit;
use super::{create, edit, refusal};

fn all(cases: &[(&str, Edit)]) -> String {
    cases.iter().map(|(input, edit)| refusal(input, edit.clone())).collect::<Vec<_>>().join("\n")
}

fn shared(text: &str) -> Edit {
    Edit { shared: true, ..edit(text) }
}

#[test]
fn anchors_and_merges() {
    let nested = "d: &d {image: {tag: v1}}\nw: {<<: *d}\n";
    let messages = all(&[
        ("d: &d {tag: v1}\nw: {<<: *d}\n", edit("helm:w.tag=v2")),
        (nested, create("helm:w.image.tag=v2")),
        (nested, create("image:w.image=:v2")),
        (nested, create("helm:w.image=v2")),
        ("t: &t v1\nw: {tag: *t}\n", edit("helm:w.tag=v2")),
        ("t: &t v1\nw: {tag: *t}\n", edit("helm:t=v2")),
        ("t: &t v1\nw: {tag: *t}\n", shared("helm:w.tags=v2")),
        ("t: &t {a: b}\nw: *t\n", shared("helm:w.c=v2")),
        ("t: &t {a: b}\nw: *t\n", shared("helm:w=v2")),
    ]);
    insta::assert_snapshot!(messages, @r#"
2:4: `w.tag` does not exist; the nearest is `w`, which has the keys `<<`, and takes that key through the merge `<<` at 2:5. Override it here with `create: true` (`--create`), or set it for all that use it with `shared: true` (`--shared`)
2:4: `w.image.tag` does not exist; the nearest is `w`, which has the keys `<<`, and takes that key through the merge `<<` at 2:5. It is not overridden here: a key of its own would replace all that `<<` supplies there; set it for all that use it with `shared: true` (`--shared`), or write the mapping out here
2:4: `image:w.image` does not exist; the nearest is `w`, which has the keys `<<`, and takes that key through the merge `<<` at 2:5. It is not overridden here: a key of its own would replace all that `<<` supplies there; set it for all that use it with `shared: true` (`--shared`), or write the mapping out here
2:4: `w.image` does not exist; the nearest is `w`, which has the keys `<<`, and takes that key through the merge `<<` at 2:5. It is not overridden here: a key of its own would replace all that `<<` supplies there; set it for all that use it with `shared: true` (`--shared`), or write the mapping out here
2:10: `w.tag` leads to the alias `*t`, so setting it would change everything that uses `&t`; write the value out here, or set it for all of them with `shared: true` (`--shared`)
1:4: `t` is shared: it belongs to the anchor `&t`, and the alias at 2:10 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
2:4: `w.tags` does not exist; the nearest is `w`, which has the keys `tag`. Add the key `tags` there first, or let it be added with `create: true` (`--create`)
1:4: `w.c` does not exist; the nearest is `t`, which has the keys `a`. Add the key `c` there first, or let it be added with `create: true` (`--create`)
1:4: `w` is a mapping, not a single value; name a path inside it
"#);
}

#[test]
fn lists() {
    let messages = all(&[
        ("a: [{b: c}]\n", edit("helm:a[+]=x")),
        ("a: {b: c}\n", edit("helm:a[+]=x")),
        ("a: b\n", edit("helm:a[+]=x")),
        ("a: b\n", edit("helm:list[+]=x")),
        ("a: &a [b]\nc: *a\n", edit("helm:a[+]=x")),
        ("images: []\n", edit("image:images[+]=:v1")),
        ("a: |\n  - x\n", edit("helm:a[+]=y")),
    ]);
    insta::assert_snapshot!(messages, @r#"
1:4: `a[+]` would add a single value to a list of mappings or lists; name an item by a field, as in `[name=x].value`, with `create: true` (`--create`)
1:4: `a[+]` would add an item to something that is not a list; name a list before `[+]`
1:4: `a[+]` would add an item to something that is not a list; name a list before `[+]`
1:1: `list[+]` does not exist; the nearest is the top level, which has the keys `a`. Add the key `list` there first, or let it be added with `create: true` (`--create`)
1:4: `a[+]` is shared: it belongs to the anchor `&a`, and the alias at 2:4 would change with it; set it for all of them with `shared: true` (`--shared`), or write the value out in one of the places
`image:images[+]` cannot be set to ":v1": it has no name, and a new item needs one
1:4: `a[+]` would add an item to something that is not a list; name a list before `[+]`
"#);
}

#[test]
fn parts_of_texts() {
    let long = format!("a: {}ref=v1\n", "x".repeat(70_000));
    let messages = all(&[
        ("url: https://x?ref=v1\n", edit(r#"helm:url~"tag=(.+)"=v2"#)),
        ("url: https://x?ref=v1&ref=v1\n", edit(r#"helm:url~"ref=(v\d)"=v2"#)),
        ("url: https://x?ref=v1\n", edit(r#"helm:url~"ref=(v\d)$"=1"#)),
        (&long, edit(r#"helm:a~"ref=(.+)"=v2"#)),
        ("url: {a: b}\n", edit(r#"helm:url~"(b)"=c"#)),
        ("url: '{{ .host }}?ref=v1'\n", edit(r#"helm:url~"ref=(.+)"=v2"#)),
        ("run: |\n  docker run {{ .image }}\n", edit(r#"helm:run~"run (.+)"=v2"#)),
        ("run: docker run a/b\n", edit(r#"image:run~"run (.+)"=UPPER:v2"#)),
        ("run: docker run a/b@sha256:0\n", edit(r#"image:run~"run (.+)"=:v2"#)),
        ("none: x\n", edit(r#"helm:url~"(b)"=c"#)),
    ]);
    insta::assert_snapshot!(messages, @r#"
1:6: `url~"tag=(.+)"` has no part here that the pattern matches; compare the pattern with the text, and correct it
1:6: `url~"ref=(v\d)"` has several parts here that the pattern matches; add more of the text around the group to it
1:6: `url~"ref=(v\d)$"` would not match its pattern with the new value, so that the next update would fail; write a group that also matches the new value
1:4: `a~"ref=(.+)"` is a text of more than 64 KiB, or too long for so large an expression; name a smaller text, or write a shorter expression
1:6: `url~"(b)"` is a mapping, not a single value; name a path inside it
1:6: `url~"ref=(.+)"` is computed by a Go template (`{{`), which the edit would destroy; set the value that it reads
1:6: `run~"run (.+)"` is computed by a Go template (`{{`), which the edit would destroy; set the value that it reads
`image:run~"run (.+)"` cannot be set to "UPPER:v2": its name is not one: `host[:port]/` and lower-case letters, digits, `.`, `_`, `-` between slashes
1:6: `image:run~"run (.+)"` would not take effect: a digest pins this image and decides which one runs; set the digest too, or remove it with the value `:TAG@` (`TAG@` for a `newTag` or a `tag`)
1:1: `url~"(b)"` does not exist; the nearest is the top level, which has the keys `none`. Add the key `url` there first, or let it be added with `create: true` (`--create`)
"#);
}

#[test]
fn block_scalars_and_texts() {
    let messages = all(&[
        ("a: |\n  one two\n", edit("helm:a=x")),
        ("a: |\n  one\n  two\n", edit("helm:a=x")),
        ("a: |-\n  one\n", edit("helm:a=")),
        ("a: |-\n  {{one}}\n", edit("helm:a=x")),
        ("a: >\n  one\n  two\n", edit(r#"helm:a~"(two)"=x"#)),
        ("a: |\n  b: [\n", edit("helm:a|b=x")),
        ("a: |\n  b: c\n", edit("helm:a|b.c=x")),
        ("a: |\n  b: c\n", edit("helm:a|d=x")),
        ("a: |\n  e.f: c\n", edit("helm:a|e.f=x")),
        ("a: \"b: c\\u0020\"\n", edit("helm:a|b=x")),
        ("a: 'b: c'\n", edit("helm:a|d=x")),
        ("a: b\n", edit("helm:a|d=x")),
        ("a: {b: c}\n", edit("helm:a|d=x")),
    ]);
    insta::assert_snapshot!(messages, @r#"
1:4: `a` is a block scalar (`|` or `>`) of more than one word, which is not replaced as a whole; set a part of it by a pattern (`PATH~"…(…)…"`), or a value in it by `PATH|…` if it is YAML
1:4: `a` is a block scalar (`|` or `>`) of more than one word, which is not replaced as a whole; set a part of it by a pattern (`PATH~"…(…)…"`), or a value in it by `PATH|…` if it is YAML
1:4: `a` is a block scalar (`|` or `>`), which can hold neither an empty value nor spaces at the beginning or the end; write it on one line, in quotes
1:4: `a` is computed by a Go template (`{{`), which the edit would destroy; set the value that it reads
1:4: `a~"(two)"` would not match its pattern with the new value, so that the next update would fail; write a group that also matches the new value
3:3: `a|b` cannot be set inside this text: the text is not valid YAML: did not find expected node content, while parsing a flow node from 3:3; correct it first
2:6: `a|b.c` does not exist; the nearest is `a|b`, which is a single value. Add the key `c` there first; `create` does not replace a value
2:3: `a|d` does not exist; the nearest is the top level of the text `a`, which has the keys `b`. Add the key `d` there first, or let it be added with `create: true` (`--create`)
2:3: `a|e.f` does not exist; the nearest is the top level of the text `a`, which has the keys `e.f`. Write `a|"e.f"`
1:4: `a|b` leads into a text that is written neither behind `|` nor in quotes on one line without escapes; write it behind `|`
1:5: `a|d` does not exist; the nearest is the top level of the text `a`, which has the keys `b`. Add the key `d` there first, or let it be added with `create: true` (`--create`)
1:4: `a|d` leads into a text that is written neither behind `|` nor in quotes on one line without escapes; write it behind `|`
1:4: `a|d` is a mapping, not a single value; name a path inside it
"#);
}

#[test]
fn several_and_none() {
    let sources = "kind: Application\nmetadata: {name: a}\nspec:\n  sources:\n  - {chart: x, helm: {valuesObject: {t: v1}}}\n  - {chart: y, helm: {valuesObject: {t: v1}}}\n";
    let twins = "kind: Application\nmetadata: {name: a}\nspec:\n  sources:\n  - {chart: x, helm: {valuesObject: {t: v1}}}\n  - {chart: x, helm: {valuesObject: {t: v1}}}\n";
    let groups = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n";
    let same = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n";
    let images = "kind: Application\nmetadata: {name: a}\nspec: {source: {kustomize: {images: ['x:v1']}}}\n";
    let messages = all(&[
        (sources, edit("values:a:t=v2")),
        (twins, edit("values:a:t=v2")),
        (sources, edit("values:a[chart=z]:t=v2")),
        (groups, edit("object:Ingress/a:spec.x=v2")),
        (groups, edit("object:ingress/a:spec.x=v2")),
        (same, edit("object:Service/a:spec.x=v2")),
        (images, edit("kustomize:y:newTag=v2")),
        ("kind: Deployment\n", edit("kustomize:y:newTag=v2")),
        ("images: [{name: x, newName: y}]\n", edit("kustomize:y:newTag=v2")),
        ("images: [{name: x, newName: y}]\n", create("kustomize:y:newTag=v2")),
        (
            "a: {repository: x/y, tag: v1}\n",
            edit("image:a=:v2@sha256:2222222222222222222222222222222222222222222222222222222222222222"),
        ),
        ("a: b\n", create("image:image=:v2")),
        ("", edit("object:Service/a:spec.x=v2")),
        ("", edit("setter:a:b=:v2")),
    ]);
    insta::assert_snapshot!(messages, @r#"
5:5: `values:a:t` fits more than one place: `Application/a sources[0]` at 5:5, `Application/a sources[1]` at 6:5; name one, as in `a[chart=x]`
5:5: `values:a:t` fits more than one place: `Application/a sources[0]` at 5:5, `Application/a sources[1]` at 6:5; name one, as in `a[0]`
1:1: `values:a[chart=z]:t` does not exist: there is no such source; the file has `Application/a sources[0] [chart=x]` at 5:5, `Application/a sources[1] [chart=y]` at 6:5
1:1: `object:Ingress/a:spec.x` fits more than one place: `Ingress/a (extensions/v1beta1)` at 1:1, `Ingress/a (networking.k8s.io/v1)` at 5:1; name one, as in `Ingress.extensions/a`
1:1: `object:ingress/a:spec.x` does not exist: kinds are written as the file has them; write `Ingress/a`
1:1: `object:Service/a:spec.x` fits more than one place: `Service/a (v1)` at 1:1, `Service/a (v1)` at 5:1; name one, or make the names unique
3:38: `kustomize:y:newTag` does not exist: there is no such entry of `kustomize.images`; the file has `x:v1` at 3:38; let it be added with `create: true` (`--create`)
1:1: `images[name=y].newTag` does not exist and cannot be added: this is no kustomization (its `kind` is `Deployment`), so that nothing would read its `images`; name a kustomization, or set the image where it is written
1:9: `images[name=y].newTag` does not exist; the nearest is `images`, which has items with the `name` `x`, renamed with `newName` to `y`. Write `kustomize:x:newTag`
1:10: `images[name=y].newTag` does not exist and cannot be added: `y` is the `newName` of the entry `x`, and kustomize finds images by their `name`; write `kustomize:x:…`
1:4: `image:a.digest` does not exist; the nearest is `a`, which has the keys `repository`, `tag`. Add the key `digest` there first if the chart reads it, or let the digest be written into the tag with `create: true` (`--create`)
`image:image` cannot be set to ":v2": no image stands there yet, and a new one needs a name
1:1: the file holds no value, so nothing in it can be named; is it the right file?
1:1: the file holds no value, so nothing in it can be named; is it the right file?
"#);
}

#[test]
fn shapes_and_sizes() {
    let deep = format!("a: {}", "[".repeat(300));
    let wide = format!("a: [{}]\ntag: v1\n", vec!["1"; crate::limits::YAML_NODES].join(","));
    let messages = all(&[
        ("a: >\n  x: 1\n  y: 2\n", edit("helm:a|x=2")),
        ("a: >\n  x: 1\n  y: 2\n", edit("helm:a~\"x: ([0-9]+)\"=3")),
        ("i: {path: x, newTag: v1}\n", edit("image:i=:v2")),
        (&deep, edit("helm:a=v2")),
        (&wide, edit("helm:tag=v2")),
    ]);
    let no_value = "helm:a".parse::<Edit>().unwrap_err();
    insta::assert_snapshot!(format!("{messages}\n{no_value}"), @r#"
1:4: `a|x` leads into a text that is written neither behind `|` nor in quotes on one line without escapes; write it behind `|`
1:4: `a~"x: ([0-9]+)"` is a block scalar whose lines are not those of its text, such as a folded one (`>`); write it behind `|`
1:4: `image:i` does not exist in a known shape: of the keys `path`, `newTag` it cannot be told what the chart renders; set the keys themselves with `helm:`
1:259: the file is nested more than 256 levels deep; is it a manifest? Make it flatter
1:399995: the file holds more than 200,000 keys and values, the most that are edited; is it a manifest?
`helm:a` sets no value; write `TARGET=VALUE`, as in `helm:image.tag=v2`
"#);
}
