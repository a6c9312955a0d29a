//! The login for the server of a submodule, and the names of such servers.

use super::SubmoduleReader;
use crate::git::{Credentials, RepoUrl};
use crate::outcome::StepError;
use crate::text;

impl SubmoduleReader<'_> {
    /// The login for the server of `repo`: the one that the step names for it, or else the context's own login. That is used for
    /// its own server with the same scheme, and an ssh key for every server in its `known_hosts`. So a login is sent over plain
    /// http only if the step says `http://`.
    pub(super) async fn login(&self, repo: &RepoUrl) -> Result<Credentials, StepError> {
        let named = [Some(key(repo)), key_with_port(repo)];
        if let Some(secret) = named.iter().flatten().find_map(|key| self.context.submodule_secrets.get(key)) {
            return self.engine.git_credentials(self.cx, repo, Some(secret)).await;
        }
        let own = &self.context.repo;
        let same = (own.scheme(), own.host_port().to_lowercase())
            == (repo.scheme(), repo.host_port().to_lowercase());
        if same {
            return Ok(self.credentials.clone());
        }
        if own.is_ssh() && repo.is_ssh() {
            return self.engine.git_credentials(self.cx, repo, self.context.secret.as_ref()).await;
        }
        if repo.is_ssh() {
            return Err(StepError::user(format!("{repo} is read with an ssh key{}", advice(repo))));
        }
        Ok(Credentials::Anonymous)
    }
}

/// What to do about a submodule that no login may read; it follows the reason.
pub(super) fn advice(repo: &RepoUrl) -> String {
    format!(
        "; name a Secret with a login that may read it in `context.submodule-secrets`, by its host `{}`, or set `submodules: false`",
        key(repo)
    )
}

/// The key for the server in `submodule-secrets`.
fn key(repo: &RepoUrl) -> String {
    let host = repo.host_port().to_lowercase();
    if repo.scheme() == "http" { format!("http://{host}") } else { host }
}

/// The same with the scheme's own port, which [`RepoUrl`] leaves out.
fn key_with_port(repo: &RepoUrl) -> Option<String> {
    let port = match repo.scheme() {
        "http" => 80,
        "https" => 443,
        _ => 22,
    };
    let key = key(repo);
    let host = key.strip_prefix("http://").unwrap_or(&key);
    // An IPv6 address ends in a bracket.
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    (!has_port).then(|| format!("{key}:{port}"))
}

/// The address for a message, without a login: some `.gitmodules` files contain one.
pub(super) fn without_login(url: &str) -> String {
    let shown = match url.rsplit_once('@') {
        Some((login, host)) if !matches!(login, "git" | "ssh://git") => host,
        _ => url,
    };
    text::brief(shown, 200)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{key, key_with_port, without_login};

    #[test]
    fn a_server_may_be_named_with_its_schemes_own_port() {
        let rows = [
            ("https://h/a.git", "h", Some("h:443")),
            ("https://h:443/a.git", "h", Some("h:443")),
            ("https://h:3000/a.git", "h:3000", None),
            ("http://H:80/a.git", "http://h", Some("http://h:80")),
            ("http://h:443/a.git", "http://h:443", None),
            ("git@h:a.git", "h", Some("h:22")),
            ("ssh://git@h:443/a.git", "h:443", None),
            ("https://[::1]/a.git", "[::1]", Some("[::1]:443")),
        ];
        for (url, short, long) in rows {
            let repo = url.parse().unwrap();
            assert_eq!((key(&repo).as_str(), key_with_port(&repo).as_deref()), (short, long), "{url}");
        }
    }

    #[test]
    fn a_login_in_an_address_is_not_shown() {
        let rows = [
            ("https://shop:hunter22@h/a.git", "h/a.git"),
            ("https://hunter22@h/a.git", "h/a.git"),
            ("https://shop:hun/ter22@h/a.git", "h/a.git"),
            ("shop:hunter22@h:a.git", "h:a.git"),
            ("git@h:a.git", "git@h:a.git"),
            ("ssh://git@h/a.git", "ssh://git@h/a.git"),
            ("https://h/a.git", "https://h/a.git"),
            ("../a.git", "../a.git"),
        ];
        for (url, shown) in rows {
            assert_eq!(without_login(url), shown, "{url}");
        }
    }
}
