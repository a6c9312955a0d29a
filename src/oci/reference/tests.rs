#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn names_are_completed_and_written_back() {
    let rows = [
        ("nginx", "docker.io/library/nginx", "latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "1.27"),
        ("index.docker.io/shop/api:1", "docker.io/shop/api:1", "1"),
        ("localhost/a", "localhost/a", "latest"),
        ("127.0.0.1:5000/a/b__c/d--e.f:v_1", "127.0.0.1:5000/a/b__c/d--e.f:v_1", "v_1"),
        ("gitea.example.com/shop/api", "gitea.example.com/shop/api", "latest"),
    ];
    for (input, written, target) in rows {
        let parsed: ImageRef = input.parse().unwrap();
        assert_eq!((parsed.to_string().as_str(), parsed.target()), (written, target), "{input}");
    }
}

#[test]
fn a_digest_wins_over_the_tag() {
    let parsed: ImageRef = format!("r.io/a:1@{DIGEST}").parse().unwrap();
    assert_eq!((parsed.tag(), parsed.digest(), parsed.target()), (Some("1"), Some(DIGEST), DIGEST));
    let pinned = format!("r.io/a@{DIGEST}");
    assert_eq!(pinned.parse::<ImageRef>().unwrap().to_string(), pinned);
    assert!("r.io/a@sha256:beef".parse::<ImageRef>().is_err());
}

#[test]
fn bad_names_say_what_is_wrong() {
    let rows = [
        ("", "it is empty"),
        ("r.io/a:", "its tag is empty"),
        ("r.io/a:-x", "its tag must be letters"),
        ("r.io/a:x y", "its tag must be letters"),
        ("x/y:feature/x", "its tag `feature/x` must be letters"),
        ("r.io/Shop/a", "lower-case"),
        ("r.io/", "names no repository"),
        ("r.io//a", "empty path component"),
        ("r.io/a..b", "`a..b` must be"),
        ("r.io:port/a", "does not end in a port"),
        ("r.io:+5000/a", "does not end in a port"),
        ("r.io:/a", "does not end in a port"),
        ("r.io:65536/a", "does not end in a port"),
        ("-x.io/a", "`-x.io` is not a registry host"),
        ("https://r.io/a", "URL scheme"),
        ("r.io/a@sha256:12", "its digest must be"),
        ("r.io/a\n", "`a\n` must be"),
    ];
    for (input, why) in rows {
        let message = input.parse::<ImageRef>().unwrap_err().to_string();
        assert!(message.contains(why), "{input:?}: {message}");
    }
    let long = format!("r.io/{}:{}", "a", "t".repeat(129));
    assert!(long.parse::<ImageRef>().unwrap_err().to_string().contains("longer than 128"));
}
