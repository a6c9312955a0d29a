//! Why a key cannot be used.

/// Why a key cannot be used. The text follows the name of the key, and never holds a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text has no PEM block, or a broken one.
    #[error(
        "is no key in PEM form (`-----BEGIN …`); put the whole file into it that `cosign generate-key-pair` or `openssl` wrote"
    )]
    NoPem,
    /// The PEM block holds something else than a key.
    #[error("holds a PEM block `{label}`, which is no {wanted}; put the {wanted} into it")]
    OtherBlock {
        /// The label of the block.
        label: String,
        /// `private key` or `public key`.
        wanted: &'static str,
    },
    /// A public key where a private one is needed.
    #[error(
        "is a public key, and signing needs the private key; name the key that has it (cosign: `cosign.key`)"
    )]
    Public,
    /// A private key where a public one is needed.
    #[error(
        "is a private key, and verifying needs the public key; name the key that has it (cosign: `cosign.pub`), and keep \
         the private key away from verifiers"
    )]
    Private,
    /// A key of an algorithm that is not supported.
    #[error(
        "is {algorithm}, and only EC keys on the curve P-256 are used here; make one with `cosign generate-key-pair`, or with \
         `openssl ecparam -name prime256v1 -genkey -noout`"
    )]
    Algorithm {
        /// The algorithm with its article, such as `an RSA key`.
        algorithm: String,
    },
    /// The key is encrypted, and there is no passphrase.
    #[error(
        "is encrypted, and there is no passphrase; put it into the same Secret under `cosign.password`, or name it in `passphrase`"
    )]
    NoPassphrase,
    /// The passphrase does not open the key.
    #[error("is encrypted with another passphrase{}; correct the passphrase", if *newline {
        " (the one given ends with a line break, which perhaps only its file has)"
    } else {
        ""
    })]
    WrongPassphrase {
        /// Whether the passphrase ends with a line break.
        newline: bool,
    },
    /// The key is encrypted in a way that is not supported, or with parameters beyond our limits.
    #[error(
        "is encrypted with {with}; make a key pair with `cosign generate-key-pair`, or encrypt this one anew with `openssl pkcs8 -topk8 \
         -v2 aes-256-cbc -v2prf hmacWithSHA256` or `cosign import-key-pair`"
    )]
    Encryption {
        /// The cipher or the parameter.
        with: String,
    },
    /// The content of the block is no key.
    #[error("holds a PEM block `{label}` whose content is no key; put the whole file into it, unchanged")]
    Broken {
        /// The label of the block.
        label: String,
    },
    /// Too many keys.
    #[error("holds {count} keys, and at most {most} are taken; name fewer")]
    TooMany {
        /// The number of keys.
        count: usize,
        /// The most.
        most: usize,
    },
}
