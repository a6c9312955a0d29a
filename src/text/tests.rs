use super::*;

/// Every character that no text may contain when it leaves the process.
fn hostile() -> impl Iterator<Item = char> {
    let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').filter(|c| !matches!(c, '\n' | '\t'));
    controls.chain(
        "\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}".chars(),
    )
}

#[test]
fn nothing_that_a_terminal_obeys_is_left() {
    for c in hostile() {
        for text in [format!("a{c}b"), format!("{c}"), format!("{c}{c}x\u{1b}{c}")] {
            for shown in [line(&text), lines(&text), brief(&text, 100)] {
                assert!(!hostile().any(|c| shown.contains(c)), "{text:?} became {shown:?}");
            }
        }
    }
}

#[test]
fn escape_sequences_go_whole_and_words_stay() {
    for (text, shown) in [
        ("\u{1b}[1;31mred\u{1b}[0m end", "red end"),
        ("\u{9b}31mred", "red"),
        ("\u{1b}]0;title\u{7}text", "text"),
        ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
        ("\u{1b}]0;never ended", "0;never ended"),
        ("\u{1b}]a\u{1b}]b\n\u{1b}]c\u{7}d", "ab d"),
        ("\u{1b}(Btext", "text"),
        ("\u{1b}cgone", "gone"),
        ("done\rEVIL", "done EVIL"),
        ("a\r\nb\tc", "a b c"),
        ("ma\u{202e}in\u{200b}", "main"),
        ("Grüße, 世界 ✔", "Grüße, 世界 ✔"),
        ("cut\u{1b}", "cut"),
    ] {
        assert_eq!(line(text), shown, "{text:?}");
    }
    assert_eq!(lines("a\r\n\tb\rc\u{2028}d"), "a\n\tb c d");
}

#[test]
fn cuts_are_between_characters() {
    assert_eq!(cut("é".repeat(10), 5), "éé…");
    assert_eq!(cut("short".into(), 5), "short");
    assert_eq!(brief("a  b\n c", 100), "a b c");
    assert_eq!(brief(&"x".repeat(1000), 4), "xxxx…");
    assert_eq!(drawn("10%\r100%\r\n"), "100%");
}

#[test]
fn escapes_in_json_are_plain_too() {
    for (said, shown) in [
        (r#"{"m":"a\u001b[31mb\r\n\u202ec\u009b"}"#, r#"{"m":"a[31mb \nc"}"#),
        (r#"{"m":"C:\\u001b \\ \" \u00e9 é"}"#, r#"{"m":"C:\\u001b \\ \" \u00e9 é"}"#),
        (r#"{"m":"ends with \\"}"#, r#"{"m":"ends with \\"}"#),
    ] {
        assert_eq!(json_line(said), shown);
    }
}

#[test]
fn a_wildcard_stands_for_any_text_or_one_character() {
    for (pattern, name, want) in [
        ("*", "", true),
        ("a*c", "abcbc", true),
        ("a*c", "abcb", false),
        ("?", "", false),
        ("a?", "ab", true),
        ("a?", "aä", true),
    ] {
        assert_eq!(matches_wildcard(pattern, name), want, "{pattern} {name}");
    }
}
