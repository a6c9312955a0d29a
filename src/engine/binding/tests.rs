#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const GIT: Option<&str> = Some("Opaque");

fn binding(kind: Option<&str>, annotations: &[(&str, &str)]) -> Binding {
    Binding::of(&Secret::example(kind, annotations)).unwrap()
}

fn git(url: &str) -> Wanted {
    Wanted { purpose: Use::Git, server: Some(Server::of(&url.parse().unwrap()).unwrap()) }
}

fn plain(purpose: Use) -> Wanted {
    Wanted { purpose, server: None }
}

#[test]
fn a_host_is_the_host_and_the_port_that_are_talked_to() {
    let hosts = "git.example.com, *.teams.example.com ,10.0.0.1:3000, https://Tls.Example.com., http://plain.example.com, \
        [::1]:3000, port.example.com:22";
    let binding = binding(GIT, &[(HOSTS, hosts), (USE, "git")]);
    let rows = [
        ("https://git.example.com/a/b", true),
        ("https://GIT.example.com./a/b", true),
        ("https://git.example.com:443/a/b", true),
        ("ssh://git@git.example.com/a/b", true),
        ("git@git.example.com:a/b", true),
        ("http://git.example.com/a/b", false),
        ("http://git.example.com:443/a/b", false),
        ("https://git.example.com:444/a/b", false),
        ("ssh://git@git.example.com:2222/a/b", false),
        ("https://git.example.com.evil.org/a/b", false),
        ("https://evilgit.example.com/a/b", false),
        ("https://evil.org/git.example.com/b", false),
        ("ssh://git.example.com@evil.org/a/b", false),
        ("git.example.com@evil.org:a/b", false),
        ("https://a.teams.example.com/a/b", true),
        ("https://a.b.teams.example.com/a/b", true),
        ("https://teams.example.com/a/b", false),
        ("https://evilteams.example.com/a/b", false),
        ("https://a.teams.example.com.evil.org/a/b", false),
        ("http://10.0.0.1:3000/a/b", true),
        ("https://10.0.0.1:3000/a/b", true),
        ("http://0x0a.0.0.1:3000/a/b", true),
        ("http://10.0.0.1:3001/a/b", false),
        ("http://10.0.0.1/a/b", false),
        ("https://tls.example.com/a/b", true),
        ("http://tls.example.com/a/b", false),
        ("ssh://git@tls.example.com/a/b", false),
        ("http://plain.example.com/a/b", true),
        ("https://plain.example.com/a/b", false),
        ("http://[::1]:3000/a/b", true),
        ("http://[0:0::1]:3000/a/b", true),
        ("http://[::2]:3000/a/b", false),
        ("ssh://git@port.example.com/a/b", true),
        ("https://port.example.com:22/a/b", false),
        // The Greek letter is another host.
        ("https://git.exαmple.com/a/b", false),
    ];
    for (url, fits) in rows {
        let expected = if fits { BindingDecision::Bound } else { BindingDecision::Elsewhere };
        assert_eq!(binding.answer(&git(url)), expected, "{url}");
    }
}

#[test]
fn an_address_that_no_host_can_have_is_nowhere() {
    for url in ["ssh://git@git.example.com%00.evil.org/a/b", "ssh://git@*.example.com/a/b"] {
        let server = url.parse::<crate::git::RepoUrl>().map(|repo| Server::of(&repo).map(|_| ()));
        assert!(!matches!(server, Ok(Ok(()))), "{url}");
    }
}

#[test]
fn a_use_is_one_that_is_listed() {
    let rows = [
        (
            "git",
            [
                BindingDecision::Unbound,
                BindingDecision::Elsewhere,
                BindingDecision::Elsewhere,
                BindingDecision::Elsewhere,
            ],
        ),
        (
            "build",
            [
                BindingDecision::Elsewhere,
                BindingDecision::Elsewhere,
                BindingDecision::Bound,
                BindingDecision::Elsewhere,
            ],
        ),
        (
            "registry, signing",
            [
                BindingDecision::Elsewhere,
                BindingDecision::Bound,
                BindingDecision::Elsewhere,
                BindingDecision::Bound,
            ],
        ),
        ("", [BindingDecision::Elsewhere; 4]),
    ];
    let wanted = [git("https://h/a/b"), plain(Use::Registry), plain(Use::Build), plain(Use::Signing)];
    for (uses, expected) in rows {
        let binding = binding(GIT, &[(USE, uses)]);
        assert_eq!(wanted.each_ref().map(|wanted| binding.answer(wanted)), expected, "{uses}");
    }
    // Hosts do not limit a RUN, which can send what it reads anywhere.
    let hosts = binding(GIT, &[(HOSTS, "h")]);
    let expected = [
        BindingDecision::Bound,
        BindingDecision::Elsewhere,
        BindingDecision::Elsewhere,
        BindingDecision::Elsewhere,
    ];
    assert_eq!(wanted.each_ref().map(|wanted| hosts.answer(wanted)), expected);
    let none = binding(GIT, &[(HOSTS, ""), (USE, "git")]);
    assert_eq!(none.answer(&wanted[0]), BindingDecision::Elsewhere);
    assert_eq!(wanted.map(|wanted| binding(GIT, &[]).answer(&wanted)), [BindingDecision::Unbound; 4]);
}

#[test]
fn a_docker_config_is_for_registries_unless_its_owner_says_otherwise() {
    let kind = Some("kubernetes.io/dockerconfigjson");
    let wanted = [git("https://h/a/b"), plain(Use::Registry), plain(Use::Build)];
    let answers = |annotations: &[(&str, &str)]| {
        let binding = binding(kind, annotations);
        wanted.each_ref().map(|wanted| binding.answer(wanted))
    };
    let own = [BindingDecision::Elsewhere, BindingDecision::Bound, BindingDecision::Elsewhere];
    assert_eq!(answers(&[]), own);
    assert_eq!(answers(&[(HOSTS, "h")]), own);
    assert_eq!(
        answers(&[(USE, "registry, build")]),
        [BindingDecision::Elsewhere, BindingDecision::Bound, BindingDecision::Bound]
    );
}

#[test]
fn tekton_s_annotations_are_understood() {
    let one = binding(
        Some("kubernetes.io/basic-auth"),
        &[
            ("tekton.dev/git-0", "https://github.com"),
            ("tekton.dev/git-1", "https://git.example.com/shop/api"),
        ],
    );
    let rows = [
        ("https://github.com/a/b", true),
        ("http://github.com/a/b", false),
        ("https://github.com.evil.org/a/b", false),
        ("https://git.example.com/shop/api.git", true),
        ("https://git.example.com/shop/other.git", false),
        ("https://git.example.com/shop/api/../other.git", false),
    ];
    for (url, fits) in rows {
        let expected = if fits { BindingDecision::Bound } else { BindingDecision::Elsewhere };
        assert_eq!(one.answer(&git(url)), expected, "{url}");
    }
    assert_eq!(one.answer(&plain(Use::Build)), BindingDecision::Elsewhere);
    let ssh = binding(Some("kubernetes.io/ssh-auth"), &[("tekton.dev/git-0", "github.com")]);
    assert_eq!(ssh.answer(&git("git@github.com:a/b.git")), BindingDecision::Bound);
    let registry = binding(GIT, &[("tekton.dev/docker-0", "https://index.docker.io/v1/")]);
    assert_eq!(registry.answer(&plain(Use::Registry)), BindingDecision::Bound);
    assert_eq!(registry.answer(&git("https://index.docker.io/v1")), BindingDecision::Elsewhere);
    let both = binding(GIT, &[("tekton.dev/git-0", "https://github.com"), (USE, "git, build")]);
    assert_eq!(both.answer(&git("https://evil.org/a/b")), BindingDecision::Elsewhere);
    assert_eq!(both.answer(&plain(Use::Build)), BindingDecision::Bound);
}

#[test]
fn a_token_of_github_is_for_its_api_too() {
    let bound = binding(GIT, &[(HOSTS, "github.com"), (USE, "git")]);
    let api = |clone: &str, api: Option<&str>| {
        let repository = crate::forge::ForgeRepository::from_clone_url(clone, None, api).unwrap();
        Wanted { purpose: Use::Git, server: Some(Server::api(&repository).unwrap()) }
    };
    assert_eq!(bound.answer(&api("https://github.com/a/b", None)), BindingDecision::Bound);
    let elsewhere = api("https://github.com/a/b", Some("https://evil.org/api/v3"));
    assert_eq!(bound.answer(&elsewhere), BindingDecision::Elsewhere);
    assert_eq!(bound.answer(&api("https://git.example.com/a/b", None)), BindingDecision::Elsewhere);
}

#[test]
fn what_cannot_be_read_is_named() {
    let rows = [
        (HOSTS, "a.example.com, *"),
        (HOSTS, "git.*.com"),
        (HOSTS, "https://user@git.example.com"),
        (HOSTS, "git.example.com/shop"),
        (HOSTS, "git.example.com:port"),
        (HOSTS, "ftp://git.example.com"),
        (USE, "git, all"),
        ("tekton.dev/git-0", "https://"),
    ];
    let told = rows.map(|row| Binding::of(&Secret::example(GIT, &[row])).unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n"), @"
    its annotation argo-buildkit.io/hosts cannot be read: `*`: `*` in a host stands for whole labels at its beginning, as in *.example.com
    its annotation argo-buildkit.io/hosts cannot be read: `git.*.com`: `*` in a host stands for whole labels at its beginning, as in *.example.com
    its annotation argo-buildkit.io/hosts cannot be read: `https://user@git.example.com`: its host is not a plain name or address (IDNs are written as xn--…)
    its annotation argo-buildkit.io/hosts cannot be read: `git.example.com/shop`: it has a path; write [scheme://]host[:port]
    its annotation argo-buildkit.io/hosts cannot be read: `git.example.com:port`: its port is not a number
    its annotation argo-buildkit.io/hosts cannot be read: `ftp://git.example.com`: its scheme is not https, http or ssh
    its annotation argo-buildkit.io/use cannot be read: `all`: it is none of git, registry, build, signing, chat
    its annotation tekton.dev/git-0 cannot be read: `https://`: its host is not a plain name or address (IDNs are written as xn--…)
    ");
}
