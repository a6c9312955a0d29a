#![expect(clippy::unwrap_used, reason = "tests")]

use super::{BadRepoUrl, RepoUrl, SshTarget};

#[test]
fn good_addresses() {
    // raw, host_port, buildkit_url
    let table = [
        ("https://git.example.com/shop/api", "git.example.com", "https://git.example.com/shop/api.git"),
        ("https://git.example.com/shop/api.git", "git.example.com", "https://git.example.com/shop/api.git"),
        ("https://git.example.com/shop/api/", "git.example.com", "https://git.example.com/shop/api.git"),
        ("http://gitea.svc:3000/a/b.git", "gitea.svc:3000", "http://gitea.svc:3000/a/b.git"),
        ("https://HOST:443/a/b", "host", "https://host/a/b.git"),
        ("http://[::1]:3000/a/b", "[::1]:3000", "http://[::1]:3000/a/b.git"),
        ("ssh://git@host:2222/a/b.git", "host:2222", "ssh://git@host:2222/a/b.git"),
        ("ssh://host/a/b", "host", "ssh://host/a/b"),
        ("git@host:a/b.git", "host", "git@host:a/b.git"),
    ];
    for (raw, host_port, buildkit) in table {
        let url: RepoUrl = raw.parse().unwrap();
        assert_eq!((url.host_port().as_str(), url.buildkit_url().as_str()), (host_port, buildkit), "{raw}");
    }
}

#[test]
fn bad_addresses() {
    let table = [
        ("https://user:hunter2@host/a/b", BadRepoUrl::Login),
        ("https://ghp_token@host/a/b", BadRepoUrl::Login),
        ("ssh://git:hunter2@host/a/b", BadRepoUrl::Login),
        ("git:hunter2@host:a/b", BadRepoUrl::Login),
        ("file:///etc", BadRepoUrl::Scheme("file".into())),
        ("git://host/a", BadRepoUrl::Scheme("git".into())),
        ("ext::sh://-c", BadRepoUrl::Scheme("ext".into())),
        ("https://host", BadRepoUrl::NoPath),
        ("https://host///", BadRepoUrl::NoPath),
        ("git@host:", BadRepoUrl::NoPath),
        ("git@host", BadRepoUrl::NoPath),
        ("https://host/a/b?x=1", BadRepoUrl::Extra),
        ("https://host/a/b#main", BadRepoUrl::Extra),
        ("git@host:a/b#main", BadRepoUrl::Extra),
        ("https://host/a\nb", BadRepoUrl::Character),
        ("https://host/a b", BadRepoUrl::Character),
        ("https://host/a%0ab", BadRepoUrl::Character),
        ("https://host/a%zz", BadRepoUrl::Malformed),
        ("", BadRepoUrl::Malformed),
        ("shop/api", BadRepoUrl::Malformed),
        ("-oProxyCommand=x@host:a", BadRepoUrl::Malformed),
        ("ssh://-oProxyCommand=x/a", BadRepoUrl::Malformed),
    ];
    for (raw, want) in table {
        let got = raw.parse::<RepoUrl>().unwrap_err();
        assert_eq!(got, want, "{raw:?}");
        assert!(!got.to_string().contains("hunter2"), "{got}");
    }
}

#[test]
fn ssh_targets() {
    let target = |raw: &str| raw.parse::<RepoUrl>().unwrap().ssh_target();
    let want = |user: &str, host: &str, port, path: &str| {
        Some(SshTarget { user: user.into(), host: host.into(), port, path: path.into() })
    };
    assert_eq!(target("ssh://me@h:2222/a/b%20c.git"), want("me", "h", 2222, "/a/b c.git"));
    assert_eq!(target("ssh://h/~me/x"), want("git", "h", 22, "~me/x"));
    assert_eq!(target("git@h:a/b.git"), want("git", "h", 22, "a/b.git"));
    assert_eq!(target("ssh://[::1]/a"), want("git", "::1", 22, "/a"));
    assert_eq!(target("https://h/a"), None);
}
