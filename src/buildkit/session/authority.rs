//! The token authority: a key that tells the daemon that two sessions hold the same login, so that it may
//! use the token of one session for the other (`session/auth/auth.go`).

use std::sync::LazyLock;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrecy::{ExposeSecret, SecretString};
use tonic::Status;

use crate::oci::{self, Login};

/// Random bytes mixed into every key. Without them the daemon, which knows salt and host, could guess passwords from a key.
/// `None` if the system has no randomness; then there are no keys.
static PROCESS: LazyLock<Option<[u8; 32]>> = LazyLock::new(|| {
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).ok().map(|()| secret)
});

/// Derives the keys of this process.
pub(super) struct Authority {
    secret: Option<[u8; 32]>,
}

/// The key of one login at one daemon.
pub(super) struct Key(Ed25519KeyPair);

impl Authority {
    /// The authority that all sessions of this process share, so that the daemon can share their tokens.
    pub(super) fn of_process() -> Self {
        Self { secret: *PROCESS }
    }

    /// The key of the login for `host` in `logins`, for the daemon run that chose `salt`. Different logins have different keys,
    /// so they never share a token. Where this process signs the tokens itself, steps of two namespaces, and steps that name
    /// different caches, also have different keys. An anonymous key is never derived from the salt alone, as buildctl does.
    pub(super) fn key(&self, salt: &[u8], host: &str, logins: &oci::Auth) -> Result<Key, Status> {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt));
        let parts: Vec<SecretString> = match (logins.cache(host), logins.login(host)) {
            (Some(cache), _) => {
                let names = cache.identity().map(SecretString::from);
                ["cache", host].into_iter().map(SecretString::from).chain(names).collect()
            }
            (None, Some(Login::Password { user, password })) => {
                vec!["password".into(), host.into(), user.as_str().into(), password.clone()]
            }
            (None, Some(Login::Identity(token))) => {
                vec!["identity".into(), host.into(), "".into(), token.clone()]
            }
            (None, None) => Vec::new(),
        };
        if !parts.is_empty() {
            // On UNAVAILABLE the daemon works without an authority.
            let secret =
                self.secret.ok_or_else(|| Status::unavailable("no randomness for a token authority"))?;
            mac.update(&secret);
        }
        for part in parts.iter().map(ExposeSecret::expose_secret) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(mac.sign().as_ref());
        pair.map(Key).map_err(|e| Status::unavailable(format!("no token authority: {e}")))
    }
}

impl Key {
    pub(super) fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// NaCl's `sign`: the signature, then the message.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        [self.0.sign(message).as_ref(), message].concat()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    fn login(user: &str, password: &str) -> oci::Auth {
        let login = Login::Password { user: user.to_owned(), password: password.into() };
        ["r", "r2"].into_iter().fold(oci::Auth::default(), |auth, host| auth.with(host, login.clone()))
    }

    #[test]
    fn a_key_is_one_logins_at_one_host_and_daemon() {
        let authority = Authority::of_process();
        let public =
            |salt: &[u8], host, logins: &oci::Auth| authority.key(salt, host, logins).unwrap().public();
        let (a, b, nobody) = (login("u", "pw"), login("up", "w"), oci::Auth::default());
        assert_eq!(public(b"salt", "r", &a), public(b"salt", "r", &a));
        assert_eq!(public(b"salt", "r", &nobody), public(b"salt", "other", &nobody));
        for other in [
            public(b"salt", "r", &b),
            public(b"salt", "r2", &a),
            public(b"tlas", "r", &a),
            public(b"salt", "r", &nobody),
        ] {
            assert_ne!(public(b"salt", "r", &a), other);
        }
    }

    #[test]
    fn a_signed_message_opens() {
        let key = Authority::of_process().key(b"salt", "r", &login("u", "pw")).unwrap();
        let signed = key.sign(b"payload");
        let (signature, message) = signed.split_at(64);
        assert_eq!(message, b"payload");
        UnparsedPublicKey::new(&ED25519, key.public()).verify(message, signature).unwrap();
    }
}
