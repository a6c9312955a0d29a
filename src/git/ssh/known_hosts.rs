//! The lines of a `known_hosts` file that apply to one server (OpenSSH, sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use ring::hmac;
use russh::keys::ssh_key::known_hosts::{HostPatterns, KnownHosts, Marker};
use russh::keys::{Algorithm, PublicKey};

use crate::text::matches_wildcard;

/// The trusted and revoked keys of one server.
#[derive(Debug, Clone, Default)]
pub(in crate::git) struct KnownKeys {
    trusted: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
}

impl KnownKeys {
    /// The keys for `host` at `port`. Lines that cannot be parsed are skipped, as OpenSSH does.
    pub(in crate::git) fn find(text: &str, host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        // OpenSSH puts a port other than 22 into the name, and still accepts a line without the port.
        let names = [format!("[{host}]:{port}"), host];
        let mut found = Self::default();
        for entry in KnownHosts::new(text).flatten() {
            if !names.iter().any(|name| matches(entry.host_patterns(), name)) {
                continue;
            }
            match entry.marker() {
                None => found.trusted.push(entry.public_key().clone()),
                Some(Marker::Revoked) => found.revoked.push(entry.public_key().clone()),
                // Host certificates are not requested, so a certificate authority has no effect here.
                Some(Marker::CertAuthority) => {}
            }
        }
        found
    }

    pub(in crate::git) fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    pub(in crate::git) fn trusts(&self, key: &PublicKey) -> bool {
        let among = |keys: &[PublicKey]| keys.iter().any(|k| k.key_data() == key.key_data());
        among(&self.trusted) && !among(&self.revoked)
    }

    /// Sorts the algorithms of the known keys to the front of `offered`. A server presents only one key, and it
    /// should be a known one.
    pub(in crate::git) fn preferred(&self, offered: &[Algorithm]) -> Vec<Algorithm> {
        let known = |a: &Algorithm| self.trusted.iter().any(|k| same_kind(&k.algorithm(), a));
        let (first, rest): (Vec<_>, Vec<_>) = offered.iter().cloned().partition(known);
        first.into_iter().chain(rest).collect()
    }
}

/// Whether a key of one algorithm can sign with the other: an RSA key signs with several hashes.
fn same_kind(key: &Algorithm, offered: &Algorithm) -> bool {
    let rsa = |a: &Algorithm| matches!(a, Algorithm::Rsa { .. });
    key == offered || (rsa(key) && rsa(offered))
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&key, name.as_bytes(), hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let negated = |p: &String| p.strip_prefix('!').is_some_and(|p| matches_wildcard(p, name));
            let named = |p: &String| matches_wildcard(&p.to_ascii_lowercase(), name);
            !patterns.iter().any(negated) && patterns.iter().any(named)
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::KnownKeys;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use russh::keys::PublicKey;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn trusts(line: &str, host: &str, port: u16) -> bool {
        let key: PublicKey = A.parse().unwrap();
        KnownKeys::find(line, host, port).trusts(&key)
    }

    #[test]
    fn lines() {
        let table = [
            (format!("git.example.com {A}"), "git.example.com", 22, true),
            (format!("git.example.com {A}"), "GIT.example.com", 2222, true),
            (format!("[git.example.com]:2222 {A}"), "git.example.com", 2222, true),
            (format!("[git.example.com]:2222 {A}"), "git.example.com", 22, false),
            (format!("*.example.com,10.0.0.? {A}"), "10.0.0.7", 22, true),
            (format!("*.example.com,!git.example.com {A}"), "git.example.com", 22, false),
            (format!("git.example.com {B}"), "git.example.com", 22, false),
            (format!("git.example.com {B}\ngit.example.com {A}"), "git.example.com", 22, true),
            (format!("git.example.com {A}\n@revoked * {A}"), "git.example.com", 22, false),
            (format!("@cert-authority * {A}"), "git.example.com", 22, false),
            (format!("# c\n\nrubbish\ngit.example.com {A} comment"), "git.example.com", 22, true),
            (format!("other {A}"), "git.example.com", 22, false),
        ];
        for (line, host, port, want) in table {
            assert_eq!(trusts(&line, host, port), want, "{line:?} {host}:{port}");
        }
    }

    #[test]
    fn a_hashed_name_is_recognised() {
        let salt = [7; 20];
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        let hash = ring::hmac::sign(&key, b"git.example.com");
        let line = format!("|1|{}|{} {A}", STANDARD.encode(salt), STANDARD.encode(hash));
        assert!(trusts(&line, "git.example.com", 22) && !trusts(&line, "other.example.com", 22));
    }
}
