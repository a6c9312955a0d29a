//! Paths: how they are parsed and displayed, and how mistakes are reported.

use proptest::prelude::*;

use super::super::Path;
use super::super::path::Segment;

#[test]
fn paths_display_as_they_are_read() {
    for path in [
        "tag",
        "image.tag",
        "containers[name=app].image",
        "images[name=gitea.example.com/shop/api].newTag",
        "args[0]",
        "[0]",
        "[0][12].x",
        "[name=x]",
        "\"a.b\".c",
        "x[\"a=b\"=\"c]d\"]",
        "\"say \\\"hi\\\" \\\\o/\"",
        "\"\"",
        "my-app/name.größe",
        "0.1",
        "data.\"values.yaml\"|image.tag",
        "x|[0].\"a|b\"",
        "args[+]",
        "[+]",
        "url~\"[?]ref=(.+)\"",
        "a~\"\\\"(\\S+)\\\\\"",
    ] {
        assert_eq!(path.parse::<Path>().unwrap().to_string(), path);
    }
}

#[test]
fn mistakes_are_named_by_column() {
    let wrong = [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a[",
        "a[]",
        "a[x",
        "a[x=",
        "a[x=]",
        "a[x=y",
        "a[-1]",
        "a[1]b",
        "a]",
        "a b",
        "a=b",
        "\"a",
        "\"a\\n\"",
        "\"a\"b",
        "a[\"0\"]",
        "a[99999999999999999999999]",
        "a\nb",
        "ä.ö..x",
    ];
    let messages: Vec<String> =
        wrong.iter().map(|path| path.parse::<Path>().unwrap_err().to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
the path `` is wrong at column 1: expected a key, found the end
the path `.` is wrong at column 1: expected a key, found `.`
the path `a.` is wrong at column 3: expected a key, found the end
the path `.a` is wrong at column 1: expected a key, found `.`
the path `a..b` is wrong at column 3: expected a key, found `.`
the path `a[` is wrong at column 3: expected a number or `name=value`, found the end
the path `a[]` is wrong at column 3: expected a number or `name=value`, found `]`
the path `a[x` is wrong at column 3: expected a number or `name=value`, found `x`
the path `a[x=` is wrong at column 5: expected a value, found the end
the path `a[x=]` is wrong at column 5: expected a value, found `]`
the path `a[x=y` is wrong at column 6: expected `]`, found the end
the path `a[-1]` is wrong at column 3: expected a number or `name=value`, found `-`
the path `a[1]b` is wrong at column 5: expected `.`, `[` or the end, found `b`
the path `a]` is wrong at column 2: expected `.`, `[` or the end, found `]`
the path `a b` is wrong at column 2: expected `.`, `[` or the end, found ` `
the path `a=b` is wrong at column 2: expected `.`, `[` or the end, found `=`
the path `"a` is wrong at column 3: expected a closing `"`, found the end
the path `"a\n"` is wrong at column 4: expected `"` or `\` after a backslash, found `n`
the path `"a"b` is wrong at column 4: expected `.`, `[` or the end, found `b`
the path `a["0"]` is wrong at column 3: expected a number or `name=value`, found `"`
the path `a[99999999999999999999999]` is wrong at column 3: expected a number or `name=value`, found `9`
the path `a\nb` is wrong at column 2: expected `.`, `[` or the end, found `\n`
the path `ä.ö..x` is wrong at column 5: expected a key, found `.`
"#);
}

fn segment() -> impl Strategy<Value = Segment> {
    let name = "[a-z.\\[\\]=\" \\\\0-9é|~+,-]{0,6}";
    prop_oneof![
        name.prop_map(Segment::Key),
        (name, name).prop_map(|(field, value)| Segment::Item { field, value }),
        any::<usize>().prop_map(Segment::Index),
    ]
}

/// The last step of a path, which may be one that is only allowed there.
fn end() -> impl Strategy<Value = Segment> {
    let pattern = "[a-z\"]{0,4}[(][.][+][)]".prop_map(Segment::Pattern);
    prop_oneof![2 => segment(), 1 => Just(Segment::Append), 1 => pattern]
}

proptest! {
    #[test]
    fn any_path_survives_display(
        outer in prop::collection::vec(segment(), 1..4),
        inner in prop::option::of(prop::collection::vec(segment(), 1..4)),
        end in end(),
    ) {
        let inner = inner.map(|inner| [vec![Segment::Text], inner].concat()).unwrap_or_default();
        let path = Path::new([outer, inner, vec![end]].concat());
        prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,20}") {
        let _ = text.parse::<Path>();
    }
}
