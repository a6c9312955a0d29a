//! The names of keys that are not used here, for messages.

use super::KeyError;

/// Algorithms by their object identifier (RFC 8017, RFC 5480, RFC 8410, RFC 3279).
const ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", "an RSA key"),
    ("1.2.840.113549.1.1.10", "an RSA key"),
    ("1.3.101.112", "an Ed25519 key"),
    ("1.3.101.113", "an Ed448 key"),
    ("1.3.101.110", "an X25519 key"),
    ("1.2.840.10040.4.1", "a DSA key"),
];
/// EC keys in general, and the curve that is used here.
pub(super) const EC: &str = "1.2.840.10045.2.1";
pub(super) const P256: &str = "1.2.840.10045.3.1.7";
/// Other curves, with the bytes that name them (X.690).
const CURVES: &[(&str, &str, &[u8])] = &[
    ("1.3.132.0.34", "an EC key on the curve P-384", &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22]),
    ("1.3.132.0.35", "an EC key on the curve P-521", &[0x06, 5, 0x2b, 0x81, 4, 0, 0x23]),
    ("1.3.132.0.10", "an EC key on the curve secp256k1", &[0x06, 5, 0x2b, 0x81, 4, 0, 0x0a]),
];

/// The error for a key of another algorithm; `None` for an EC key on P-256. `curve` is the parameter of EC keys.
pub(super) fn refused(algorithm: &str, curve: Option<&str>) -> Option<KeyError> {
    let named = |name: &str| Some(KeyError::Algorithm { algorithm: name.to_owned() });
    if algorithm != EC {
        let known = ALGORITHMS.iter().find(|(id, _)| *id == algorithm);
        return named(known.map_or(&format!("a key of the algorithm {algorithm}"), |(_, name)| name));
    }
    match curve {
        Some(P256) => None,
        Some(curve) => {
            let known = CURVES.iter().find(|(id, ..)| *id == curve);
            named(known.map_or(&format!("an EC key on the curve {curve}"), |(_, name, _)| name))
        }
        None => named("an EC key without the name of its curve"),
    }
}

/// The error for the content of a block `EC PRIVATE KEY` that is no key on P-256.
pub(super) fn other_curve(der: &[u8], label: &str) -> KeyError {
    let names = |(_, _, bytes): &&(_, _, &[u8])| der.windows(bytes.len()).any(|part| part == *bytes);
    match CURVES.iter().find(names) {
        Some((_, name, _)) => KeyError::Algorithm { algorithm: (*name).to_owned() },
        None => KeyError::Broken { label: label.to_owned() },
    }
}
