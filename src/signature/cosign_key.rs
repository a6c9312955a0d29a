//! A private key as cosign encrypts it: scrypt makes a key of the passphrase, and NaCl's secretbox encrypts the PKCS #8
//! form (go-securesystemslib `encrypted/encrypted.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead as _;
use crypto_secretbox::{Key, KeyInit as _, Nonce, XSalsa20Poly1305};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::KeyError;
use super::encrypted_key::{opens, scrypt_key};

#[derive(Deserialize)]
struct EncryptedWire {
    kdf: KdfWire,
    cipher: CipherWire,
    ciphertext: String,
}

#[derive(Deserialize)]
struct KdfWire {
    name: String,
    params: ScryptWire,
    salt: String,
}

#[derive(Deserialize)]
struct ScryptWire {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct CipherWire {
    name: String,
    nonce: String,
}

/// The PKCS #8 form of the key in `content`, the content of a PEM block.
pub(super) fn decrypt(
    content: &[u8],
    passphrase: Option<&SecretString>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let broken = || KeyError::Broken { label: "ENCRYPTED SIGSTORE PRIVATE KEY".to_owned() };
    let wire: EncryptedWire = serde_json::from_slice(content).map_err(|_| broken())?;
    if (wire.kdf.name.as_str(), wire.cipher.name.as_str()) != ("scrypt", "nacl/secretbox") {
        return Err(KeyError::Encryption {
            with: "another cipher than scrypt and nacl/secretbox".to_owned(),
        });
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| broken());
    let (salt, nonce, text) =
        (decode(&wire.kdf.salt)?, decode(&wire.cipher.nonce)?, decode(&wire.ciphertext)?);
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| broken())?;
    let ScryptWire { n, r, p } = wire.kdf.params;
    opens(passphrase, |passphrase| {
        let key = scrypt_key(passphrase.expose_secret(), &salt, (n, r, p))?;
        let cipher = XSalsa20Poly1305::new(Key::from_slice(key.as_slice()));
        Ok(cipher.decrypt(Nonce::from_slice(&nonce), text.as_slice()).ok().map(Zeroizing::new))
    })
}
