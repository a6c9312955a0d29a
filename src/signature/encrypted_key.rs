//! A private key as OpenSSL encrypts it (PKCS #8 and PKCS #5, RFC 5958 and RFC 8018), and what cosign's form shares with it:
//! the limits of scrypt, and what a wrong passphrase means.

use pkcs8::der::ErrorKind;
use pkcs8::pkcs5::pbes2::{Kdf, Pbkdf2Prf};
use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::{EncryptedPrivateKeyInfoRef, Error};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::KeyError;

/// The largest cost of scrypt: that of the strongest form that cosign reads, which takes 128 MiB.
const COST: u64 = 1 << 17;
const BLOCKS: u32 = 8;
/// The most rounds of PBKDF2: more than is recommended (600,000, OWASP), and less than a second. Others wait meanwhile.
const ROUNDS: u32 = 1_000_000;

/// Ciphers that OpenSSL takes and we do not, by their object identifier (RFC 8018, RFC 3217).
const CIPHERS: &[(&str, &str)] =
    &[("1.2.840.113549.3.7", "Triple DES"), ("1.3.14.3.2.7", "DES"), ("1.2.840.113549.3.2", "RC2")];

/// Opens the key in `der` with `passphrase`, and reads it with `read`.
pub(super) fn decrypt<T>(
    der: &[u8],
    passphrase: Option<&SecretString>,
    read: impl Fn(&[u8]) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(unread)?;
    check(&info.encryption_algorithm)?;
    let opened = opens(passphrase, |passphrase| match info.decrypt(passphrase.expose_secret()) {
        Ok(opened) => Ok(Some(opened)),
        // Another passphrase makes another key, whose output is no DER, or has not the padding that it must have.
        Err(Error::Asn1(_) | Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed)) => Ok(None),
        Err(error) => Err(KeyError::Encryption { with: format!("a cipher that is not supported ({error})") }),
    })?;
    read(opened.as_bytes())
}

/// The error for a key whose form was not read: its cipher is not known, or it is broken.
fn unread(error: Error) -> KeyError {
    let kind = if let Error::Asn1(error) = error { Some(error.kind()) } else { None };
    let Some(ErrorKind::OidUnknown { oid }) = kind else {
        return KeyError::Broken { label: "ENCRYPTED PRIVATE KEY".to_owned() };
    };
    let known = CIPHERS.iter().find(|(id, _)| *id == oid.to_string());
    let with = known.map_or_else(|| format!("the cipher {oid}"), |(_, name)| (*name).to_owned());
    KeyError::Encryption { with: format!("{with}, which is not supported") }
}

/// Refuses what takes too long. Whoever may write a Secret chooses these parameters.
fn check(scheme: &EncryptionScheme) -> Result<(), KeyError> {
    let refused = |with: &str| Err(KeyError::Encryption { with: with.to_owned() });
    let EncryptionScheme::Pbes2(parameters) = scheme else { return refused("PBES1, which is weak") };
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) if kdf.prf == Pbkdf2Prf::HmacWithSha1 => {
            refused("PBKDF2 with HMAC-SHA1, which is not supported")
        }
        Kdf::Pbkdf2(kdf) if kdf.iteration_count <= ROUNDS => Ok(()),
        Kdf::Pbkdf2(_) => refused("more rounds of PBKDF2 than are taken here"),
        Kdf::Scrypt(kdf) => {
            check_scrypt(kdf.cost_parameter, kdf.block_size.into(), kdf.parallelization.into()).map(drop)
        }
        _ => refused("another function than PBKDF2 and scrypt"),
    }
}

/// The key that `parameters` (N, r, p) and `salt` make of a passphrase.
pub(super) fn scrypt_key(
    passphrase: &str,
    salt: &[u8],
    (n, r, p): (u64, u32, u32),
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let parameters = check_scrypt(n, r, p)?;
    let mut key = Zeroizing::new([0; 32]);
    let odd = |_| KeyError::Encryption { with: "impossible parameters of scrypt".to_owned() };
    scrypt::scrypt(passphrase.as_bytes(), salt, &parameters, key.as_mut_slice()).map_err(odd)?;
    Ok(key)
}

fn check_scrypt(n: u64, r: u32, p: u32) -> Result<scrypt::Params, KeyError> {
    let odd = || KeyError::Encryption {
        with: format!(
            "parameters of scrypt that are not taken here (N {n}, r {r}, p {p}; at most N {COST}, r {BLOCKS}, p 1)"
        ),
    };
    if !n.is_power_of_two() || !(2..=COST).contains(&n) || r > BLOCKS || p != 1 {
        return Err(odd());
    }
    scrypt::Params::new(n.trailing_zeros() as u8, r, p).map_err(|_| odd())
}

/// What `open` returns for the passphrase. Without one, the key may be encrypted with the empty one, as cosign does if its user
/// presses Enter.
pub(super) fn opens<T>(
    passphrase: Option<&SecretString>,
    open: impl Fn(&SecretString) -> Result<Option<T>, KeyError>,
) -> Result<T, KeyError> {
    let given = passphrase.cloned().unwrap_or_default();
    match (open(&given)?, passphrase) {
        (Some(opened), _) => Ok(opened),
        (None, None) => Err(KeyError::NoPassphrase),
        (None, Some(given)) => {
            Err(KeyError::WrongPassphrase { newline: given.expose_secret().ends_with(['\n', '\r']) })
        }
    }
}
