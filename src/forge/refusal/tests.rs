#![expect(clippy::unwrap_used, reason = "tests")]

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::outcome::Fault;

const AT: &str = "open a pull request in `o/r` on https://g.example.com";

fn error(dialect: Dialect, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> ForgeError {
    let pairs = headers.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)));
    let headers = HeaderMap::from_iter(pairs);
    let status = StatusCode::from_u16(status).unwrap();
    error_of(AT, dialect, status, &headers, &words(body.as_bytes(), false))
}

/// The status, the body, and parts of the expected text.
type Row<'a> = (u16, &'a str, &'a [&'a str]);

fn check(fault: Fault, rows: &[Row<'_>]) {
    for (status, body, says) in rows {
        let error = error(Dialect::Gitea, *status, &[], body);
        let text = error.to_string();
        assert_eq!(error.fault(), fault, "{text}");
        for part in says.iter().chain(&[AT]) {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }
}

#[test]
fn giteas_refusals_say_what_to_do() {
    let scope = r#"{"message":"token does not have at least one of required scope(s), required=[write:issue], token scope=write:repository"}"#;
    let rule = r#"{"message":"user should have a permission to write to the target branch","url":"u"}"#;
    let object = r#"{"errors":["object does not exist [id: x]"],"message":"The target couldn't be found."}"#;
    let bare = r#"{"errors":null,"message":"not found","url":"u"}"#;
    let token = r#"{"message":"invalid username, password or token","url":"u"}"#;
    check(
        Fault::User,
        &[
            (401, token, &["not accepted", "invalid username"]),
            (403, scope, &["give it the scope `write:issue`", "token scope=write:repository"]),
            (403, rule, &["target branch", "the rights of the token's owner, the branch protection"]),
            (404, object, &["not found", "couldn't be found.: object does not exist"]),
            (404, bare, &["check the names"]),
            (422, "[Title]: Required", &["422", "[Title]: Required"]),
            (423, r#"{"message":"o/r is archived"}"#, &["o/r is archived", "unarchive it"]),
        ],
    );
}

#[test]
fn what_passes_is_transient() {
    check(
        Fault::Transient,
        &[
            (408, "", &["408"]),
            (409, r#"{"message":"the issue was changed"}"#, &["the issue was changed", "somebody else"]),
            (429, "slow down", &["slow down"]),
            (500, r#"{"message":"","url":"u"}"#, &["500"]),
            (502, "", &["now", "502"]),
        ],
    );
}

#[test]
fn githubs_refusals_say_what_to_do() {
    let validation = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"base","code":"invalid"},{"message":"No commits between main and x"}],"documentation_url":"d","status":"422"}"#;
    let no_right = r#"{"message":"Resource not accessible by personal access token","documentation_url":"d","status":"403"}"#;
    for (status, headers, body, fault, says) in [
        (401, &[][..], r#"{"message":"Bad credentials"}"#, Fault::User, "Bad credentials"),
        (
            403,
            &[("x-accepted-github-permissions", "pull_requests=write")],
            no_right,
            Fault::User,
            "give it the scope `pull_requests=write`",
        ),
        (403, &[("x-accepted-oauth-scopes", "repo")], no_right, Fault::User, "give it the scope `repo`"),
        (
            403,
            &[("x-accepted-oauth-scopes", "")],
            no_right,
            Fault::User,
            "check the rights of the token's owner",
        ),
        (403, &[], r#"{"message":"Repository was archived so is read-only."}"#, Fault::User, "unarchive it"),
        (
            403,
            &[("retry-after", "7")],
            r#"{"message":"You have exceeded a secondary rate limit"}"#,
            Fault::Transient,
            "secondary rate limit",
        ),
        (
            403,
            &[("x-ratelimit-remaining", "0")],
            r#"{"message":"API rate limit exceeded"}"#,
            Fault::Transient,
            "API rate limit",
        ),
        (
            422,
            &[],
            validation,
            Fault::User,
            "Validation Failed: PullRequest base invalid: No commits between main and x",
        ),
    ] {
        let error = error(Dialect::GitHub, status, headers, body);
        let text = error.to_string();
        assert_eq!(error.fault(), fault, "{text}");
        assert!(text.contains(says) && text.contains(AT), "{says:?} is not in {text:?}");
    }
}

#[test]
fn a_server_says_how_long_to_wait() {
    let wait = |headers: &[_]| error(Dialect::GitHub, 429, headers, "").retry_after();
    assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
    assert_eq!(wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")]), Some(Duration::ZERO));
    let far = wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4102444800")]).unwrap();
    assert!(far > Duration::from_secs(3600), "{far:?}");
    let untold = Some(Duration::from_secs(60));
    assert_eq!(wait(&[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "4102444800")]), untold);
    assert_eq!(wait(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]), Some(Duration::ZERO));
    let date = wait(&[("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT")]).unwrap();
    assert!(date > Duration::from_secs(3600), "{date:?}");
    assert_eq!(wait(&[("retry-after", "soon")]), untold);
    let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    assert_eq!(error(Dialect::GitHub, 403, &[], secondary).retry_after(), untold);
    assert_eq!(error(Dialect::GitHub, 502, &[], "").retry_after(), None);
}

#[test]
fn words_are_one_short_line() {
    for (body, html, want) in [
        ("<html>Bad gateway</html>", true, ""),
        ("a\x1b[31mb\r\n  c\0", false, "ab c"),
        (r#"{"message":"x\u202ey\nz"}"#, false, "xy z"),
        (r#"{"message":"","errors":["", "b"]}"#, false, "b"),
        (r#"{"message":3,"errors":{"a":1}}"#, false, ""),
        (r#"["a"]"#, false, r#"["a"]"#),
        ("", false, ""),
    ] {
        assert_eq!(words(body.as_bytes(), html), want);
    }
    let long = words("é".repeat(5000).as_bytes(), false);
    assert!(long.chars().count() == SHOWN / 2 + 1 && long.ends_with('…'), "{}", long.len());
}
