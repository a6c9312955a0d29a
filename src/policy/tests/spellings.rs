//! Spellings of a repository or an image: which of them are equal, and which a server reads differently.

use super::{MentionKind, may};

#[test]
fn no_spelling_of_a_repository_slips_past() {
    let http = "https://git.example.com/shop/*";
    let ssh = "ssh://git@git.example.com/shop/*";
    for (pattern, repo, expected) in [
        (http, "https://git.example.com/shop/api", true),
        (http, "HTTPS://Git.Example.COM/shop/api.git", true),
        (http, "https://git.example.com:443/shop/api/", true),
        (http, "https://git.example.com./shop/api.git/", true),
        (http, "https://git.example.com/shop/a%70i", true),
        (http, "https://git.example.com/%73hop/api", true),
        // A server may distinguish these: a name that is not listed must not become a listed one.
        (http, "https://git.example.com/Shop/api", false),
        (http, "https://git.example.com/SHOP/api", false),
        (http, "http://git.example.com/shop/api", false),
        (http, "https://git.example.com:8443/shop/api", false),
        (http, "https://git.example.com:80/shop/api", false),
        (http, "https://git.example.com/shop/api/sub", false),
        (http, "https://git.example.com/shop/", false),
        (http, "https://git.example.com/shop", false),
        (http, "https://git.example.com/shop/.git", true),
        (http, "https://git.example.com/other/shop/api", false),
        (http, "https://git.example.com//shop/api", false),
        (http, "https://git.example.com/shop//api", false),
        (http, "https://git.example.com/shop/..", false),
        (http, "https://git.example.com/shop/%2e%2e", false),
        (http, "https://git.example.com/other/../shop/api", false),
        (http, "https://git.example.com/shop/..%2fother%2fapi", false),
        (http, "https://git.example.com/shop/%2e%2e%2fapi", false),
        (http, "https://git.example.com/shop%2fapi", false),
        (http, "https://git.example.com/shop/api%252f..%252fother", false),
        (http, "https://git.example.com/shop/api%00", false),
        (http, "https://git.example.com/shop/api%5c..%5cother", false),
        (http, "https://git.example.com/shop/%2a", false),
        (http, "https://git.example.com/shop/api?x", false),
        (http, "https://git.example.com/shop/api#x", false),
        (http, "https://git.example.com@evil.example/shop/api", false),
        (http, "https://git.example.com:x@evil.example/shop/api", false),
        (http, "https://user@git.example.com/shop/api", false),
        (http, "https://evil.example/git.example.com/shop/api", false),
        (http, "https://git.example.com.evil.example/shop/api", false),
        (http, "https://git-example.com/shop/api", false),
        (http, "https://gitxexample.com/shop/api", false),
        (http, "https:git.example.com/shop/api", false),
        (http, "https:///git.example.com/shop/api", false),
        (http, "https://git.example.com\\@evil.example/shop/api", false),
        (http, "git@git.example.com:shop/api", false),
        (http, "git://git.example.com/shop/api", false),
        (ssh, "git@git.example.com:shop/api.git", true),
        (ssh, "git@git.example.com:/shop/api", true),
        (ssh, "git@GIT.example.com:shop/api", true),
        (ssh, "ssh://git.example.com/shop/api", true),
        (ssh, "ssh://git@git.example.com:22/shop/api.git", true),
        (ssh, "ssh://root@git.example.com/shop/api", false),
        (ssh, "root@git.example.com:shop/api", false),
        (ssh, "ssh://git:pw@git.example.com/shop/api", false),
        (ssh, "ssh://git@git.example.com:2222/shop/api", false),
        (ssh, "git@git.example.com:2222/shop/api", false),
        (ssh, "git@git.example.com:~root/api", false),
        (ssh, "git@git.example.com:shop/~root", true),
        (ssh, "git@git.example.com:shop/../other", false),
        (ssh, "git@git.example.com:other/../shop/api", false),
        (ssh, "git@git.example.com:%73hop/api", false),
        (ssh, "git@a@git.example.com:shop/api", false),
        (ssh, "ssh://git@evil%2eexample/shop/api", false),
        (ssh, "https://git.example.com/shop/api", false),
        ("https://[::1]:3000/**", "https://[::1]:3000/a/b", true),
        ("https://[::1]:3000/**", "https://[::2]:3000/a/b", false),
        ("https://*.example.com/**", "https://git.example.com/a", true),
        ("https://*.example.com/**", "https://example.com/a", false),
        ("https://*.example.com/**", "https://evil.example/x.example.com/a", false),
        ("https://git.example.com/**/ops", "https://git.example.com/a/b/ops", true),
        ("https://git.example.com/**/ops", "https://git.example.com/ops", true),
        ("https://git.example.com/shop/**", "https://git.example.com/shop", false),
        ("https://git.example.com/{a,b}", "https://git.example.com/a", false),
        ("https://git.example.com/[ab]", "https://git.example.com/a", false),
        ("**", "https://anywhere.example/a", true),
        ("**", "git@anywhere.example:a/../b", false),
    ] {
        assert_eq!(may(MentionKind::Repositories, pattern, repo), expected, "{pattern} {repo}");
    }
}

#[test]
fn no_spelling_of_an_image_slips_past() {
    let shop = "registry.example.com/shop/*";
    for (pattern, image, expected) in [
        (shop, "registry.example.com/shop/api:1", true),
        (shop, "Registry.Example.com/shop/api", true),
        (shop, "registry.example.com/shop/a/b", false),
        (shop, "registry.example.com:443/shop/api", false),
        (shop, "registry.example.com:5000/shop/api", false),
        (shop, "registryxexample.com/shop/api", false),
        (shop, "registry.example.com.evil.example/shop/api", false),
        (shop, "evil.example/registry.example.com/shop/api", false),
        (shop, "shop/api", false),
        ("docker.io/library/*", "nginx", true),
        ("docker.io/nginx", "index.docker.io/library/nginx", true),
        ("index.docker.io/library/nginx", "registry-1.docker.io/nginx:1", true),
        ("docker.io/*", "shop/api", false),
        ("docker.io/**", "shop/api", true),
        ("localhost/x", "localhost/x", true),
        ("r.example:05000/x", "r.example:5000/x", true),
    ] {
        let named = image.parse::<crate::oci::ImageRef>().unwrap().name();
        assert_eq!(may(MentionKind::Push, pattern, &named), expected, "{pattern} {image}");
    }
}
