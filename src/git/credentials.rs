//! The caller's login: none, a user with a token, or an SSH key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

/// The caller's login at a Git server. `Debug` hides secrets.
#[derive(Clone, Default)]
pub enum Credentials {
    /// No login; it can read public repositories only.
    #[default]
    Anonymous,
    /// A user name and a token or password, sent as HTTP Basic. Build it with [`Credentials::basic`], which trims
    /// both.
    Basic {
        /// The user name. Most servers ignore it when the token is a personal access token.
        user: String,
        /// The token or password.
        token: SecretString,
    },
    /// An SSH key.
    Ssh(SshKey),
}

/// A private key in OpenSSH or PEM form, without a passphrase, and the host keys to trust.
#[derive(Clone)]
pub struct SshKey {
    /// The key's text.
    pub private_key: SecretString,
    /// Lines as in `~/.ssh/known_hosts`. Without them an impostor cannot be detected.
    pub known_hosts: Option<String>,
}

impl Credentials {
    /// Makes an HTTP Basic login. White space around both values is removed, because the trailing newline of a secret
    /// file breaks authentication with a misleading message. An empty user name becomes `x-access-token`, which all
    /// common servers accept.
    pub fn basic(user: &str, token: &SecretString) -> Self {
        let user = user.trim();
        let user = if user.is_empty() { "x-access-token" } else { user };
        Self::Basic { user: user.to_owned(), token: token.expose_secret().trim().into() }
    }

    /// Makes an SSH login. Adds the final newline that the OpenSSH form requires, if it is missing.
    pub fn ssh(private_key: &SecretString, known_hosts: Option<String>) -> Self {
        let private_key = format!("{}\n", private_key.expose_secret().trim()).into();
        Self::Ssh(SshKey { private_key, known_hosts })
    }

    /// The value of the `Authorization` header for http; `None` for other logins.
    pub fn header(&self) -> Option<SecretString> {
        let Self::Basic { user, token } = self else { return None };
        // Trimmed again, because the variant can be built without the constructor.
        let login = format!("{user}:{}", token.expose_secret().trim());
        Some(format!("Basic {}", STANDARD.encode(login)).into())
    }

    /// A hash that is equal only for equal logins and does not reveal them.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let parts = match self {
            Self::Anonymous => ["anonymous", "", ""],
            Self::Basic { user, token } => ["basic", user, token.expose_secret()],
            Self::Ssh(key) => {
                ["ssh", key.known_hosts.as_deref().unwrap_or_default(), key.private_key.expose_secret()]
            }
        };
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// What to check when the server refuses this login. Contains no part of the secret.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Anonymous => "no login was given: name a secret that holds a token with read access",
            Self::Basic { token, .. } if token.expose_secret().trim().is_empty() => {
                "the token in the secret is empty"
            }
            Self::Basic { token, .. } if token.expose_secret().trim().contains(char::is_whitespace) => {
                "the token in the secret contains a space or a line break: store the bare token"
            }
            Self::Basic { .. } => "check that the token is right, has not expired and was not revoked",
            Self::Ssh(_) => "an SSH key is of no use here: give a token for an http(s) URL",
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Basic { user, .. } => write!(f, "Basic {{ user: {user:?}, .. }}"),
            Self::Ssh(_) => f.write_str("Ssh { .. }"),
        }
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SshKey { .. }")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::Credentials;
    use secrecy::ExposeSecret;

    #[test]
    fn tokens_are_trimmed_and_hidden() {
        let login = Credentials::basic("", &"hunter2\n".into());
        assert_eq!(login.header().unwrap().expose_secret(), "Basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg==");
        assert!(!format!("{login:?}").contains("hunter2"));
        assert!(!format!("{:?}", Credentials::ssh(&"hunter2".into(), None)).contains("hunter2"));
    }

    #[test]
    fn fingerprints_tell_logins_apart() {
        let logins = [
            Credentials::Anonymous,
            Credentials::basic("a", &"bc".into()),
            Credentials::basic("ab", &"c".into()),
            Credentials::ssh(&"c".into(), Some("ab".into())),
            Credentials::ssh(&"c".into(), None),
        ];
        for (n, one) in logins.iter().enumerate() {
            for (m, other) in logins.iter().enumerate() {
                assert_eq!(one.fingerprint() == other.fingerprint(), n == m, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn hints_tell_what_is_wrong_with_a_token() {
        assert!(Credentials::basic("u", &" \n".into()).hint().contains("empty"));
        assert!(Credentials::basic("u", &"a\nb".into()).hint().contains("line break"));
        assert!(Credentials::Anonymous.hint().contains("no login"));
    }
}
