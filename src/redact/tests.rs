use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    secrets.iter().for_each(|s| redactor.remember(&SecretString::from(*s)));
    redactor
}

fn cleaned(secrets: &[&str], text: &str) -> String {
    knowing(secrets).clean(text)
}

#[test]
fn a_login_is_redacted_in_every_form_it_travels_in() {
    let redactor = Redactor::default();
    redactor.remember_login("shop", &"hunter22\n".into());
    assert_eq!(redactor.clean("Basic c2hvcDpodW50ZXIyMg== is hunter22"), "Basic *** is ***");
}

#[test]
fn a_secret_that_is_no_text_is_redacted_in_what_shows_it() {
    let keystore = b"\xfe\xed\xfe\xed\x00\x02 k3y-of-the-shop \xff\x80\x9cQ1\x00\x01\x02\x03\x04\x05\x06\xc3";
    let redactor = Redactor::default();
    redactor.remember_bytes(&keystore.to_vec().into());
    let raw = String::from_utf8_lossy(keystore).into_owned();
    assert!(!redactor.clean(&raw).contains("k3y-of"), "{}", redactor.clean(&raw));
    for form in [STANDARD.encode(keystore), hex::encode(keystore)] {
        let cleaned = redactor.clean(&format!("it is {form}."));
        assert_eq!(cleaned, "it is ***.", "{form}");
    }
}

#[test]
fn what_counts_and_where() {
    for (secrets, text, want) in [
        (&["hunter2"][..], "login hunter2 ok, -phunter2", "login *** ok, -p***"),
        (&["hunter2\n"], "hunter2", "***"),
        (&["first-line\nsecond-line"], "got second-line", "got ***"),
        (&["token1", "token1-longer"], "token1-longer", "***"),
        (&["abc"], "abc stays: too short", "abc stays: too short"),
        (&[""], "nothing to hide", "nothing to hide"),
        // A plain word is redacted only as a whole word.
        (
            &["shop"],
            "pushed r.io/shop/api:1 for shopping, by shop.io",
            "pushed r.io/shop/api:1 for shopping, by shop.io",
        ),
        (&["shop"], "password=shop, https://me:shop@git (shop).", "password=***, https://me:***@git (***)."),
        (&["shop", "shophunter22"], "xshophunter22", "x***"),
        (&["1234"], "12345 and 1234", "12345 and ***"),
        (
            &["true", "-----BEGIN CERTIFICATE-----", "aaaaaaaa"],
            "true -----BEGIN CERTIFICATE----- aaaaaaaa",
            "true -----BEGIN CERTIFICATE----- aaaaaaaa",
        ),
        // Values of several lines.
        (
            &["{\n\"kind\": \"Config\",\nenabled: true\npassword: \"tops3cret\"\n}"],
            "{ kind Config true } tops3cret",
            "{ kind Config true } ***",
        ),
        (
            &["-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7bq9\n-----END KEY-----"],
            "-----BEGIN KEY----- MIIEpAIBAAKCAQEA7bq9",
            "-----BEGIN KEY----- ***",
        ),
        (&[r#"{"auths":{"r.io":{"password":"tops3cret"}}}"#], "tops3cret of r.io", "*** of r.io"),
    ] {
        assert_eq!(cleaned(secrets, text), want, "{secrets:?}");
    }
}

#[test]
fn values_that_overlap_are_redacted_whole() {
    let chain = ["abcdef1234", "1234xyz789", "789-uvw-000"];
    assert_eq!(cleaned(&chain, "it is abcdef1234xyz789-uvw-000."), "it is ***.");
    assert_eq!(cleaned(&chain, "it is abcdef1234 and 1234xyz789."), "it is *** and ***.");
}

#[test]
fn a_text_in_which_too_many_values_end_is_redacted_whole() {
    let nested: Vec<_> = (5..65).map(|count| "abc".repeat(count)).collect();
    let nested: Vec<_> = nested.iter().map(String::as_str).collect();
    assert_eq!(cleaned(&nested, &format!("{} is it", "abc".repeat(30))), "*** is it");
    assert_eq!(cleaned(&nested, &format!("{} is it", "abc".repeat(2500))), "***");
}

#[test]
fn encodings_are_found_at_every_offset() {
    let secret = "hunter22-Δ/+?~";
    let redactor = knowing(&[secret]);
    for before in ["", "a", "ab", "abc", "user:"] {
        for after in ["", "\n", "!", "..."] {
            let all = format!("{before}{secret}{after}");
            for form in [
                STANDARD.encode(&all),
                URL_SAFE_NO_PAD.encode(&all),
                hex::encode(&all),
                hex::encode_upper(&all),
            ] {
                assert_eq!(redactor.clean(&format!("got {form} end")), "got *** end", "{all:?}");
            }
        }
    }
    for form in [
        "hunter22-%CE%94%2F%2b%3F~",
        "hunter22-\\u0394\\/+?~",
        "hunter22-\\xce\\x94/+?~",
        "hunter22-%ce%94/+%3f%7E",
    ] {
        assert_eq!(redactor.clean(&format!("at ?q={form}&x")), "at ?q=***&x", "{form}");
    }
}

#[test]
fn base64_is_found_in_each_of_its_lines() {
    let key: String =
        (0..20).map(|n| format!("line {n} of the k3y: {:032x}\n", (n + 7_u128).pow(15))).collect();
    let redactor = knowing(&[&key]);
    for width in [60, 64, 76] {
        let text = STANDARD.encode(&key);
        let lines: Vec<_> = text.as_bytes().chunks(width).map(|l| String::from_utf8_lossy(l)).collect();
        let (_, whole) = lines.split_last().unwrap_or_else(|| unreachable!());
        whole.iter().for_each(|line| assert_eq!(redactor.clean(line), "***"));
    }
}

#[test]
fn many_lines_take_no_more_memory_and_are_found() {
    let value: String = (0..150_000).map(|n| format!("k{n:07}-{n:x}\n")).collect();
    let redactor = knowing(&[&value]);
    let known = redactor.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    assert!(known.used.plain <= CAPACITY.plain && known.used.encoded <= CAPACITY.encoded);
    drop(known);
    assert_eq!(redactor.clean("first k0000001-1 last k0149999-249ef."), "first *** last ***");
    assert_eq!(redactor.clean("k0150000-249f0"), "k0150000-249f0");
}

#[test]
fn short_values_are_found_beyond_the_room_for_exact_ones() {
    let filling: String = (0..20_000).map(|n| format!("k{n:07}-{n:x}\n")).collect();
    let lines = "a1b2c3\nd4e5f6g\nshop\nwordword\n";
    let redactor = knowing(&[&(filling + lines), "x9y8", "hunter2", "shop"]);
    assert_eq!(redactor.clean("a1b2c3,xd4e5f6gx hunter2-hunter22"), "***,x***x ***-***2");
    // The rules are the same as for other values: short values are redacted as whole words, a plain word in several
    // lines is not.
    assert_eq!(redactor.clean("x9y8 shop ax9y8 shopping wordword"), "*** *** ax9y8 shopping wordword");
}

#[test]
fn text_without_secrets_stays_as_it_is() {
    let redactor = knowing(&["hunter22", "shop"]);
    for text in ["100%", "%zz \\", "C:\\users\\ü", "\\u12", "é%", "", "{\"a\": \"\\\\\"}"] {
        assert_eq!(redactor.clean(text), text);
    }
}
