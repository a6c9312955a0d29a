//! Argo CD Applications: parameters, `valuesObject`, and YAML inside `values: |`.

use super::{create, edit, makes, refusal, replaces};

const APP: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
spec:
  source:
    chart: shop
    helm:
      parameters:
      - name: image.tag
        value: v1
      - {name: replicas, value: '2'}
      values: |  # rendered
        # the image
        image:
          repository: a/b

          tag: \"1.0\"   # by CI

        list: [x]
  destination: {namespace: shop}
---
kind: ApplicationSet
metadata: {name: all}
spec:
  template:
    spec:
      sources:
      - repoURL: x
        helm:
          valuesObject:
            image: {tag: s1}
      - ref: values
";

#[test]
fn parameters_and_values_are_set() {
    for newline in ["\n", "\r\n"] {
        let app = APP.replace('\n', newline);
        for (target, before, after) in [
            ("parameter:image.tag=v2", "value: v1", "value: v2"),
            ("parameter:shop:replicas=3", "'2'", "'3'"),
            ("values:shop:image.tag=1.1", "\"1.0\"", "\"1.1\""),
            ("values:shop:image.repository=c/d", "a/b", "c/d"),
            ("values:shop:list[0]=z", "[x]", "[z]"),
            ("values:all:image.tag=s2", "s1", "s2"),
        ] {
            replaces(&app, &edit(target), before, after);
        }
        for (target, before, after) in [
            (
                "parameter:shop:new=1.0",
                "value: '2'}\n",
                "value: '2'}\n      - name: new\n        value: \"1.0\"\n",
            ),
            ("values:shop:image.digest=d", "# by CI\n", "# by CI\n          digest: \"d\"\n"),
            ("values:shop:extra.key=d", "[x]\n", "[x]\n        extra:\n          key: d\n"),
            ("values:all:image.digest=d", "tag: s1", "tag: s1, digest: d"),
        ] {
            replaces(&app, &create(target), &before.replace('\n', newline), &after.replace('\n', newline));
        }
    }
}

#[test]
fn chomping_and_indentation_stay() {
    let app = |block: &str| format!("kind: Application\nspec:\n  source:\n    helm:\n      values: {block}");
    for (before, target, after) in [
        ("|-\n        a: b\n", "values:a=c", "|-\n        a: c\n"),
        ("|-\n        a: b", "values:a=c", "|-\n        a: c"),
        ("|+\n        a: b\n\n\n", "values:a=c", "|+\n        a: c\n\n\n"),
        ("|2\n        a: b\n", "values:a=c", "|2\n        a: c\n"),
        ("|\n\n        a: b\n   \n        c: d\n", "values:c=e", "|\n\n        a: b\n   \n        c: e\n"),
    ] {
        makes(&app(before), &edit(target), &app(after));
    }
    makes(&app("|-\n        a: b\n"), &create("values:c=e"), &app("|-\n        a: b\n        c: e\n"));
    makes(&app("|+\n        a: b\n\n"), &create("values:c=e"), &app("|+\n        a: b\n        c: e\n\n"));
}

#[test]
fn an_argocd_source_file() {
    let file = "helm:\n  parameters:\n  - name: image.tag\n    value: v1\n    forcestring: true\n";
    replaces(file, &edit("parameter:image.tag=v2"), "v1", "v2");
    makes(
        "",
        &create("parameter:image.tag=v2"),
        "helm:\n  parameters:\n    - name: image.tag\n      value: v2\n",
    );
    makes(
        "kind: Application\nmetadata: {name: a}\nspec:\n  source:\n    chart: x\n",
        &create("parameter:a:t=v2"),
        "kind: Application\nmetadata: {name: a}\nspec:\n  source:\n    chart: x\n    helm:\n      parameters:\n        - name: t\n          value: v2\n",
    );
}

#[test]
fn refusals() {
    let refusal = |input: &str, target: &str| refusal(input, edit(target));
    let app =
        |helm: &str| format!("kind: Application\nmetadata: {{name: a}}\nspec:\n  source:\n    helm:\n{helm}");
    let twice = "kind: Application\nmetadata: {name: a}\nspec:\n  sources:\n  - helm: {parameters: [{name: t, value: x}]}\n  - helm: {parameters: [{name: t, value: y}]}\n";
    let messages = [
        refusal(APP, "parameter:tag=v2"),
        refusal(APP, "parameter:web:image.tag=v2"),
        refusal(twice, "parameter:t=v2"),
        refusal("kind: Deployment\nmetadata: {name: x}\n", "parameter:t=v2"),
        refusal(APP, "values:shop:image.none=v2"),
        refusal(APP, "values:shop:image=v2"),
        refusal(&app("      values: |\n        a: b\n        c: [\n"), "values:a=v2"),
        refusal(&app("      values: |\n        a: {{ .x }}\n"), "values:a=v2"),
        refusal(&app("      values: \"a: b\\x20\"\n"), "values:a=v2"),
        refusal(&app("      values: \"a: b\"\n"), "values:c=v2"),
        refusal(&app("      values: >\n        a: b\n"), "values:a=v2"),
        refusal(&app("      values: |\n"), "values:a=v2"),
        refusal(&app("      chart: x\n"), "values:a=v2"),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
10:7: `parameter:tag` does not exist; the nearest is `spec.source.helm.parameters`, which has items with the `name` `image.tag`, `replicas`. Add an item that fits `[name=tag]` there first, or let it be added with `create: true` (`--create`)
1:1: `parameter:web:image.tag` does not exist: there is no such Application with a source; the file has `Application/shop` at 1:1, `ApplicationSet/all` at 23:1
5:5: `parameter:t` fits more than one place: `Application/a sources[0]` at 5:5, `Application/a sources[1]` at 6:5; name one, or make the names unique
1:1: `parameter:t` does not exist: there is no such Application with a source; the file has `Deployment/x` at 1:1
16:11: `values:shop:image.none` does not exist; the nearest is `spec.source.helm.values|image`, which has the keys `repository`, `tag`. Add the key `none` there first, or let it be added with `create: true` (`--create`)
16:11: `values:shop:image` is a mapping, not a single value; name a path inside it
9:9: `values:a` cannot be set inside this text: the text is not valid YAML: did not find expected node content, while parsing a flow node from 9:9; correct it first
7:12: `values:a` cannot be set inside this text: the text holds an unquoted `{{`, so it is a Go template, not YAML: edit the values file that feeds it
6:15: `values:a` leads into a text that is written neither behind `|` nor in quotes on one line without escapes; write it behind `|`
6:16: `values:c` does not exist; the nearest is the top level of the text `spec.source.helm.values`, which has the keys `a`. Add the key `c` there first, or let it be added with `create: true` (`--create`)
6:15: `values:a` leads into a text that is written neither behind `|` nor in quotes on one line without escapes; write it behind `|`
7:1: `values:a` cannot be set inside this text: the text holds no value yet: add the key there first, or let it be added with `create: true` (`--create`)
6:7: `values:a` does not exist; the nearest is `spec.source.helm`, which has the keys `chart`. Add the key `valuesObject` there first, or let it be added with `create: true` (`--create`)
"#);
}
