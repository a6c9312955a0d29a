//! Helm values: the requested value is replaced, and nothing else.

use super::super::{Change, apply};
use super::{helm, replaces, run};

const CHART: &str = "\
# Default values for api.
# This is a YAML-formatted file.

replicaCount: 2

image:
  repository: gitea.example.com/shop/api   # pushed by CI
  pullPolicy: IfNotPresent
  # Overrides the image tag whose default is the chart appVersion.
  tag: \"v1.4.0\"     # {\"$imagepolicy\": \"flux-system:api:tag\"}
  digest: ''


imagePullSecrets: []
sidecars:
  - name: proxy
    image: {repository: envoyproxy/envoy, tag: v1.30.1, args: [-c, '/etc/envoy.yaml']}
  - {name: 'statsd', image: {repository: prom/statsd-exporter, tag: v0.26.0}}
nodeSelector: {}
config: |
  image:
    tag: not-me
\"quoted.key\":
  'inner key': old
env:
- name: A
  value: one
- name: B
  value: two
args:
  - --verbose
  -   first
  -
";

#[test]
fn chart_values_of_every_style() {
    let tag = "tag: \"v1.4.0\"";
    for (path, value, before, after) in [
        ("image.tag", "v1.5.0", tag, "tag: \"v1.5.0\""),
        ("image.tag", "1.20", tag, "tag: \"1.20\""),
        ("image.tag", "a\"b\\c", tag, "tag: \"a\\\"b\\\\c\""),
        ("image.digest", super::NEW, "digest: ''", &format!("digest: '{}'", super::NEW)),
        ("image.digest", "it's", "digest: ''", "digest: 'it''s'"),
        ("image.repository", "ghcr.io/shop/api", "gitea.example.com/shop/api ", "ghcr.io/shop/api "),
        ("image.repository", "localhost:5000/api", "gitea.example.com/shop/api ", "localhost:5000/api "),
        ("image.pullPolicy", "Always", "IfNotPresent", "Always"),
        ("replicaCount", "3", "replicaCount: 2", "replicaCount: 3"),
        ("sidecars[name=proxy].image.tag", "v1.31.0", "v1.30.1", "v1.31.0"),
        ("sidecars[0].image.tag", "a,b", "v1.30.1", "\"a,b\""),
        ("sidecars[0].image.args[1]", "/tmp/x", "'/etc/envoy.yaml'", "'/tmp/x'"),
        ("sidecars[0].image.args[0]", "--config", "[-c,", "[\"--config\","),
        ("sidecars[name=statsd].image.tag", "v0.27.0", "v0.26.0", "v0.27.0"),
        ("sidecars[1].name", "exporter", "'statsd'", "'exporter'"),
        ("\"quoted.key\".\"inner key\"", "new", "'inner key': old", "'inner key': new"),
        ("env[name=B].value", "three", "value: two", "value: three"),
        ("env[1].name", "C", "name: B", "name: C"),
        ("args[0]", "--quiet", "- --verbose", "- \"--quiet\""),
        ("args[1]", "second", "-   first", "-   second"),
        ("args[2]", "third", "  -\n", "  - third\n"),
    ] {
        replaces(CHART, &helm(path, value), before, after);
    }
}

#[test]
fn null_values_get_a_value() {
    for (input, before, after) in [
        ("image:\n  tag:\n  x: 1\n", "tag:\n", "tag: v2\n"),
        ("image:\n  tag: \n", "tag: \n", "tag: v2\n"),
        ("image:\n  tag:   \n", "tag:   \n", "tag: v2  \n"),
        ("image:\n  tag: # set by CI\n", "tag: #", "tag: v2 #"),
        ("image:\n  tag:    # set by CI\n", "tag:    #", "tag: v2    #"),
        ("image:\n  tag:", "tag:", "tag: v2"),
        ("image:\r\n  tag:\r\n  x: 1\r\n", "tag:\r\n", "tag: v2\r\n"),
        ("image:\n  tag:\n  # the end\n\nother: 1\n", "tag:\n", "tag: v2\n"),
        ("image:\n  \"tag\":\n", "\"tag\":", "\"tag\": v2"),
        ("image:\n  tag : \n", "tag : ", "tag : v2"),
        ("image: {tag: }\n", "tag: }", "tag: v2}"),
        ("image: {\"tag\":}\n", "\"tag\":}", "\"tag\": v2}"),
        ("image: {tag: , x: 1}\n", "tag: ,", "tag: v2,"),
        ("image: {x: 1, tag: # why\n }\n", "tag: #", "tag: v2 #"),
        ("image:\n  tag: ~\n", "~", "v2"),
        ("image:\n  tag: null # none\n", "null", "v2"),
        ("image:\n  tag: !!str\n", "!!str", "!!str v2"),
        ("image:\n  tag: &t\n", "&t", "&t v2"),
        ("image:\n  ? tag\n  :\n  x: 1\n", "  :\n", "  : v2\n"),
    ] {
        replaces(input, &helm("image.tag", "v2"), before, after);
    }
}

#[test]
fn layout_around_the_value_stays() {
    for (input, before, after) in [
        ("\u{feff}image:\r\n    tag: v1\r\n# end", "v1", "v2"),
        ("%YAML 1.1\n---\nimage: {tag: v1}\n...\n", "v1", "v2"),
        ("---\n# first\n---\nimage:\n  tag: v1\n---\nother: 1\n", "v1", "v2"),
        ("image:\n\n\n  tag:\tv1\t# tab\n", "v1", "v2"),
        ("image:\n  tag: v1", "v1", "v2"),
        ("image:\n  tag: v1   \n\n\n", "v1", "v2"),
        ("image:\n  tag: v1\nscript: |\n  exit 0", "v1", "v2"),
        ("image:\n  tag: v1\nscript: >-", "v1", "v2"),
        ("image:\n  tag: v1\nscript: |+\n  exit 0\n\n", "v1", "v2"),
        ("image: &i\n  tag: &t v1\n", "v1", "v2"),
        ("image:\n  tag: !!str 1.20\n", "1.20", "v2"),
        ("image:\n  tag: &t !!str 'v1'\n", "'v1'", "'v2'"),
        ("image:\n  tag: v1\n    \t\nx: 1\n", "v1", "v2"),
        ("image:\n  tag: &t:v1\n", ":v1", " v2"),
        ("image:\n  tag: ! v1\n", "! v1", "! v2"),
        ("image:\n  tag: one\n    and two\n  x: 1\n", "one\n    and two", "v2"),
        ("image:\n  tag: \"one\\\n    two\"\n", "\"one\\\n    two\"", "\"v2\""),
        ("image:\n  tag:\n    v1\n", "v1", "v2"),
        ("image:\n  tag: &t # why\n    v1\n", "v1", "v2"),
        ("{\"image\": {\"tag\": \"v1\", \"x\": [1, 2]}}", "\"v1\"", "\"v2\""),
        ("{\n\t\"image\": {\n\t\t\"tag\": \"v1\"\n\t}\n}\n", "\"v1\"", "\"v2\""),
        ("image: {tag: v1}", "v1", "v2"),
        ("# Größe 🎉\nname: 日本\nimage:\n  tag: é-v1 # ü\n", "é-v1", "v2"),
        ("? image\n: tag: v1\n", "v1", "v2"),
        ("? [complex, key]\n: x\nimage: {tag: v1}\n", "v1", "v2"),
        ("base: &b {tag: v0}\nimage:\n  <<: *b\n  tag: v1\n", "v1", "v2"),
        ("a: &x 1\nimage: {tag: v1, other: *x}\n", "v1", "v2"),
        ("image:\r  tag: v1\rx: 1\r", "v1", "v2"),
        ("image:\n  url: \"{{ .Values.host }}\"\n  tag: v1\n", "v1", "v2"),
    ] {
        replaces(input, &helm("image.tag", "v2"), before, after);
    }
}

#[test]
fn a_list_of_mappings_at_the_root() {
    replaces("- name: a\n  tag: v1\n- name: b\n  tag: w1\n", &helm("[name=b].tag", "w2"), "w1", "w2");
    replaces("- [x, {y: v1}]\n", &helm("[0][1].y", "v2"), "v1", "v2");
    replaces("- [a: v1]\n", &helm("[0][0].a", "v2"), "v1", "v2");
}

#[test]
fn several_edits_are_one_pass_and_all_or_none() {
    let edits = [helm("image.tag", "v2"), helm("env[name=A].value", "x y"), helm("replicaCount", "3")];
    let edited = apply(CHART.as_bytes(), &edits).unwrap();
    let expected = CHART
        .replace("\"v1.4.0\"", "\"v2\"")
        .replace("value: one", "value: x y")
        .replace("replicaCount: 2", "replicaCount: 3");
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
    let paths: Vec<_> = edited.changes.iter().map(|c| (c.path.as_str(), c.line)).collect();
    assert_eq!(paths, [("replicaCount", 4), ("image.tag", 10), ("env[name=A].value", 27)]);
    assert!(apply(CHART.as_bytes(), &[helm("image.tag", "v2"), helm("image.nope", "v2")]).is_err());
}

#[test]
fn a_change_says_what_it_replaced() {
    let edited = run("image:\n  tag: 'v1'\n", helm("image.tag", "v2")).unwrap();
    let expected = Change { path: "image.tag".into(), line: 2, old: "v1".into(), new: "v2".into() };
    assert_eq!(edited.changes, [expected]);
}

#[test]
fn the_old_value_is_no_change() {
    for (input, value) in [("t: v1", "v1"), ("t: '1.20'", "1.20"), ("t: \"\"", ""), ("t: !!str 1.20", "1.20")]
    {
        let edited = run(input, helm("t", value)).unwrap();
        assert_eq!(
            (edited.bytes.as_slice(), edited.changed, edited.changes.len()),
            (input.as_bytes(), false, 0)
        );
    }
    let none = apply(b"t: 1\n", &[]).unwrap();
    assert_eq!((none.bytes.as_slice(), none.changed), (b"t: 1\n".as_slice(), false));
}

#[test]
fn a_number_that_looks_like_the_value_becomes_a_string() {
    replaces("tag: 1.20\n", &helm("tag", "1.20"), "1.20", "\"1.20\"");
    replaces("tag: ~\n", &helm("tag", "~"), "~", "\"~\"");
    replaces("tag:\n", &helm("tag", ""), "tag:", "tag: \"\"");
}

#[test]
fn the_diff_is_unified() {
    let edited = run(CHART, helm("image.tag", "v2")).unwrap();
    insta::assert_snapshot!(super::super::unified_diff("api/values.yaml", CHART.as_bytes(), &edited.bytes), @r#"
--- a/api/values.yaml
+++ b/api/values.yaml
@@ -7,7 +7,7 @@
   repository: gitea.example.com/shop/api   # pushed by CI
   pullPolicy: IfNotPresent
   # Overrides the image tag whose default is the chart appVersion.
-  tag: "v1.4.0"     # {"$imagepolicy": "flux-system:api:tag"}
+  tag: "v2"     # {"$imagepolicy": "flux-system:api:tag"}
   digest: ''
"#);
    assert_eq!(super::super::unified_diff("x", b"a\n", b"a\n"), "");
}
