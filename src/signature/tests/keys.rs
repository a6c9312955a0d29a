//! Keys in the forms of OpenSSL and cosign, and what is no key.

use secrecy::SecretString;

use super::{PUBLIC, SEC1, key};
use crate::signature::{KeyError, PrivateKey, PublicKey};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cosign/keys/", $name))
    };
}

const PASSPHRASE: &str = "open-sesame";

fn read(text: &str, passphrase: &str) -> Result<String, KeyError> {
    let passphrase = (!passphrase.is_empty()).then(|| SecretString::from(passphrase));
    PrivateKey::read(&text.into(), passphrase.as_ref()).map(|key| key.public().id())
}

#[test]
fn a_key_is_read_in_each_form() {
    // What `openssl pkey -pubin -in public.pem -outform DER | sha256sum` prints.
    let id = "sha256:1c1c3987b388fe6d6f9f1c0e40bc48e4ea8ccedb909e54888151d2465499eb82";
    for (form, text, passphrase) in [
        ("SEC 1", SEC1, ""),
        ("SEC 1, and a passphrase that is not needed", SEC1, "x"),
        ("SEC 1 after the parameters of the curve", file!("with-parameters.pem"), ""),
        ("PKCS #8", file!("pkcs8.pem"), ""),
        ("PKCS #8 with PBKDF2", file!("pkcs8-encrypted.pem"), PASSPHRASE),
        ("PKCS #8 with scrypt", file!("pkcs8-scrypt.pem"), PASSPHRASE),
    ] {
        assert_eq!(read(text, passphrase), Ok(id.to_owned()), "{form}");
    }
    let public = PublicKey::read_all(&format!("{PUBLIC}\n{PUBLIC}"));
    assert_eq!(public.map(|keys| keys.iter().map(PublicKey::id).collect()), Ok(vec![id.to_owned(); 2]));
}

#[test]
fn what_cannot_sign_is_refused_by_name() {
    for (what, text, passphrase, why) in [
        ("nothing", "", "", "is no key in PEM form"),
        ("a password", "hunter22", "", "is no key in PEM form"),
        ("a cut file", &SEC1[..60], "", "is no key in PEM form"),
        ("a public key", PUBLIC, "", "is a public key, and signing needs the private key"),
        ("RSA", file!("rsa.pem"), "", "is an RSA key, and only EC keys on the curve P-256"),
        ("RSA in PKCS #1", file!("rsa-pkcs1.pem"), "", "is an RSA key"),
        ("P-384", file!("p384.pem"), "", "is an EC key on the curve P-384"),
        ("Ed25519", file!("ed25519.pem"), "", "is an Ed25519 key"),
        ("an old cipher", file!("old-encrypted.pem"), PASSPHRASE, "is encrypted with an old cipher"),
        (
            "HMAC-SHA1",
            file!("pkcs8-sha1.pem"),
            PASSPHRASE,
            "is encrypted with PBKDF2 with HMAC-SHA1, which is not supported; make a key pair",
        ),
        (
            "Triple DES",
            file!("pkcs8-des3.pem"),
            PASSPHRASE,
            "is encrypted with Triple DES, which is not supported; make a key pair",
        ),
        ("no passphrase", file!("pkcs8-encrypted.pem"), "", "is encrypted, and there is no passphrase"),
        (
            "another passphrase",
            file!("pkcs8-encrypted.pem"),
            "x",
            "is encrypted with another passphrase; correct",
        ),
        ("a line break", file!("pkcs8-encrypted.pem"), "open-sesame\n", "ends with a line break"),
        (
            "a certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "",
            "a PEM block `CERTIFICATE`, which is no private key",
        ),
        (
            "an empty block",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "",
            "whose content is no key",
        ),
    ] {
        let said = read(text, passphrase).unwrap_err().to_string();
        assert!(said.contains(why), "{what}: {said}");
        assert!(!said.contains("hunter22") && !said.contains(PASSPHRASE), "{said}");
    }
}

#[test]
fn what_cannot_verify_is_refused_by_name() {
    let many = PUBLIC.repeat(21);
    for (text, why) in [
        ("", "is no key in PEM form"),
        (SEC1, "is a private key, and verifying needs the public key"),
        (file!("pkcs8-encrypted.pem"), "is a private key"),
        (file!("rsa-public.pem"), "is an RSA key"),
        (file!("p384-public.pem"), "is an EC key on the curve P-384"),
        (file!("ed25519-public.pem"), "is an Ed25519 key"),
        (&many, "holds 21 keys, and at most 20"),
        (&format!("{PUBLIC}{}", file!("rsa-public.pem")), "is an RSA key"),
    ] {
        let said = PublicKey::read_all(text).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn keys_of_both_fields_are_limited_together() {
    let one = PublicKey::read_all(PUBLIC).unwrap();
    let twenty = || vec![one[0].clone(); 20];
    assert_eq!(PublicKey::joined(twenty(), twenty()).map(|keys| keys.len()), Ok(20), "none is new");
    let two = PublicKey::read_all(file!("other-public.pem")).unwrap();
    assert_eq!(
        PublicKey::joined(one.clone(), [two.clone(), one.clone()].concat()).map(|keys| keys.len()),
        Ok(2)
    );
    let said = PublicKey::joined(twenty(), two).unwrap_err().to_string();
    assert!(said.contains("holds 21 keys, and at most 20"), "{said}");
}

/// Whoever may write a Secret chooses how much work and memory its key takes.
#[test]
fn the_work_for_a_passphrase_is_bounded() {
    use base64::Engine as _;
    for (n, r, p) in
        [(1_u64 << 18, 8, 1), (1 << 16, 9, 1), (1 << 16, 8, 2), (65537, 8, 1), (0, 8, 1), (1, 8, 1)]
    {
        let json = format!(
            r#"{{"kdf":{{"name":"scrypt","params":{{"N":{n},"r":{r},"p":{p}}},"salt":"AAAA"}},"cipher":{{"name":"nacl/secretbox","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}},"ciphertext":"AAAA"}}"#
        );
        let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
        let content = base64::engine::general_purpose::STANDARD.encode(json);
        let said = read(&format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n"), "x");
        assert!(
            matches!(&said, Err(KeyError::Encryption { with }) if with.contains("scrypt")),
            "{n} {r} {p}: {said:?}"
        );
    }
}

#[test]
fn no_message_holds_a_private_key() {
    let shown = format!("{:?} {:?}", key(), key().public());
    let secret = SEC1.lines().nth(1).unwrap_or_default();
    assert!(shown.contains("sha256:1c1c3987") && !shown.contains(&secret[..20]), "{shown}");
}
