#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn read(url: &str, dialect: Option<Dialect>, api: Option<&str>) -> (Dialect, String, String, String) {
    let repository = ForgeRepository::from_clone_url(url, dialect, api).unwrap();
    let web = repository.compare_url("a", "b");
    let web = web.strip_suffix("/compare/a...b").unwrap().to_owned();
    (repository.dialect(), repository.to_string(), repository.api_url(&["pulls"]).into(), web)
}

#[test]
fn clone_urls_tell_the_forge() {
    use Dialect::{GitHub, Gitea};
    for (url, dialect, name, web) in [
        ("https://git.example.com/shop/gitops.git", Gitea, "shop/gitops", "https://git.example.com/"),
        ("http://127.0.0.1:3000/shop/gitops/", Gitea, "shop/gitops", "http://127.0.0.1:3000/"),
        ("https://example.com/code/git/shop/a.b_c-d", Gitea, "shop/a.b_c-d", "https://example.com/code/git/"),
        ("ssh://git@git.example.com:2222/shop/gitops.git", Gitea, "shop/gitops", "https://git.example.com/"),
        ("git@git.example.com:shop/gitops.git", Gitea, "shop/gitops", "https://git.example.com/"),
        ("https://github.com/shop/gitops.git", GitHub, "shop/gitops", "https://github.com/"),
        ("git@github.com:shop/gitops.git", GitHub, "shop/gitops", "https://github.com/"),
        ("ssh://git@ssh.github.com:443/shop/gitops.git", GitHub, "shop/gitops", "https://github.com/"),
    ] {
        let api = match dialect {
            Gitea => format!("{web}api/v1/repos/{name}/pulls"),
            GitHub => format!("https://api.github.com/repos/{name}/pulls"),
        };
        let want = (dialect, name.to_owned(), api, format!("{web}{name}"));
        assert_eq!(read(url, None, None), want, "{url}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(host in "[a-z.:@/\\-\\[\\]%é]{0,12}", path in "[a-zA-Z0-9./%~ ?#_é-]{0,24}") {
        for text in [format!("https://{host}/{path}"), format!("ssh://{host}/{path}"), format!("git@{host}:{path}")] {
            let Ok(repository) = ForgeRepository::from_clone_url(&text, None, None) else { continue };
            let url = repository.api_url(&["pulls"]);
            let tail = format!("/repos/{repository}/pulls");
            assert!(url.path().ends_with(&tail) && url.username().is_empty() && url.query().is_none(), "{text}: {url}");
        }
    }
}

#[test]
fn what_the_user_says_comes_first() {
    let enterprise = "https://ghe.example.com/shop/gitops.git";
    let (dialect, _, api, _) = read(enterprise, Some(Dialect::GitHub), None);
    assert_eq!(
        (dialect, api.as_str()),
        (Dialect::GitHub, "https://ghe.example.com/api/v3/repos/shop/gitops/pulls")
    );
    let (dialect, ..) = read(enterprise, None, Some("https://ghe.example.com/api/v3/"));
    assert_eq!(dialect, Dialect::GitHub);
    let api = Some("http://gitea.internal:3000/git/api/v1");
    let (dialect, _, called, web) = read("git@git.example.com:shop/gitops.git", None, api);
    assert_eq!(dialect, Dialect::Gitea);
    assert_eq!(called, "http://gitea.internal:3000/git/api/v1/repos/shop/gitops/pulls");
    assert_eq!(web, "http://gitea.internal:3000/git/shop/gitops");
    let (.., web) =
        read("https://git.example.com/shop/gitops.git", None, Some("http://gitea.internal/api/v1"));
    assert_eq!(web, "https://git.example.com/shop/gitops");
}

#[test]
fn graphql_lies_beside_rest() {
    for (url, want) in [
        ("https://github.com/o/r", "https://api.github.com/graphql"),
        ("https://ghe.example.com/o/r", "https://ghe.example.com/api/graphql"),
    ] {
        let repository = ForgeRepository::from_clone_url(url, Some(Dialect::GitHub), None).unwrap();
        assert_eq!(repository.graphql_url().as_str(), want);
    }
}

#[test]
fn links_are_encoded() {
    let repository = ForgeRepository::from_clone_url("https://g.example.com/o/r.git", None, None).unwrap();
    assert_eq!(
        repository.compare_url("release/1 0", "b#c"),
        "https://g.example.com/o/r/compare/release/1%200...b%23c"
    );
    assert_eq!(
        repository.api_url(&["pulls", "release/1", "a b"]).as_str(),
        "https://g.example.com/api/v1/repos/o/r/pulls/release%2F1/a%20b"
    );
}

#[test]
fn other_urls_are_refused_and_not_repeated() {
    use BadRepository::{Api, Login, Malformed};
    for (url, api, want) in [
        ("https://bot:hunter2@g.example.com/o/r.git", None, Login),
        ("https://hunter2@g.example.com/o/r.git", None, Login),
        ("git:hunter2@g.example.com:o/r.git", None, Login),
        ("file:///srv/o/r.git", None, Malformed),
        ("g.example.com/o/r", None, Malformed),
        ("https://g.example.com/r.git", None, Malformed),
        ("https://g.example.com/", None, Malformed),
        ("https://g.example.com/o/.git", None, Malformed),
        ("https://g.example.com/o/r%2fs", None, Malformed),
        ("https://g.example.com/o/r?hunter2", None, Malformed),
        ("git@g.example.com:~/r", None, Malformed),
        ("git@:o/r", None, Malformed),
        ("", None, Malformed),
        ("https://g.example.com/o/r", Some("ftp://g.example.com"), Api),
        ("https://g.example.com/o/r", Some("https://x:hunter2@g.example.com/api/v1"), Api),
        ("https://g.example.com/o/r", Some("https://g.example.com/api/v1?token=hunter2"), Api),
        ("https://g.example.com/o/r", Some("api"), Api),
    ] {
        let error = ForgeRepository::from_clone_url(url, None, api).unwrap_err();
        assert_eq!(error, want, "{url}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
