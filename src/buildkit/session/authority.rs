//! The token authority: a key by which the daemon knows that two sessions hold the same login, so that
//! it may use one's token for the other (`session/auth/auth.go`).

use std::sync::LazyLock;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrecy::ExposeSecret as _;
use tonic::Status;

use crate::oci::Login;

/// Mixed into every key, so that the daemon, which knows salt and host, cannot try passwords on a key.
/// None when the system has no randomness: then there are no keys.
static PROCESS: LazyLock<Option<[u8; 32]>> = LazyLock::new(|| {
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).ok().map(|()| secret)
});

/// Makes this process's keys.
pub(super) struct Authority {
    secret: Option<[u8; 32]>,
}

/// The key of one login at one daemon.
pub(super) struct Key(Ed25519KeyPair);

impl Authority {
    /// The authority that all sessions of this process share, for the daemon to share their tokens.
    pub(super) fn of_process() -> Self {
        Self { secret: *PROCESS }
    }

    /// The key of `login` at `host`, for the daemon run that chose `salt`. Two logins have two keys: one's
    /// token is no other's. Nobody's key is the salt's alone, as in buildctl, for all to share.
    pub(super) fn key(&self, salt: &[u8], host: &str, login: Option<&Login>) -> Result<Key, Status> {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt));
        if let Some(login) = login {
            // UNAVAILABLE makes the daemon do without an authority.
            let secret =
                self.secret.ok_or_else(|| Status::unavailable("no randomness for a token authority"))?;
            mac.update(&secret);
            let (kind, user, password) = match login {
                Login::Password { user, password } => ("password", user.as_str(), password),
                Login::Identity(token) => ("identity", "", token),
            };
            for part in [kind, host, user, password.expose_secret()] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part.as_bytes());
            }
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

    fn login(user: &str, password: &str) -> Login {
        Login::Password { user: user.to_owned(), password: password.into() }
    }

    #[test]
    fn a_key_is_one_logins_at_one_host_and_daemon() {
        let authority = Authority::of_process();
        let public =
            |salt: &[u8], host, login: Option<&Login>| authority.key(salt, host, login).unwrap().public();
        let (a, b) = (login("u", "pw"), login("up", "w"));
        assert_eq!(public(b"salt", "r", Some(&a)), public(b"salt", "r", Some(&a)));
        assert_eq!(public(b"salt", "r", None), public(b"salt", "other", None));
        for other in [
            public(b"salt", "r", Some(&b)),
            public(b"salt", "r2", Some(&a)),
            public(b"tlas", "r", Some(&a)),
            public(b"salt", "r", None),
        ] {
            assert_ne!(public(b"salt", "r", Some(&a)), other);
        }
    }

    #[test]
    fn a_signed_message_opens() {
        let key = Authority::of_process().key(b"salt", "r", Some(&login("u", "pw"))).unwrap();
        let signed = key.sign(b"payload");
        let (signature, message) = signed.split_at(64);
        assert_eq!(message, b"payload");
        UnparsedPublicKey::new(&ED25519, key.public()).verify(message, signature).unwrap();
    }
}
