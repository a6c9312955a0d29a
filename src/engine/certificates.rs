//! Reads the certificates for buildkitd from a Secret in our own namespace. A plugin's ConfigMap cannot define
//! volumes, but its ServiceAccount may read a Secret.

use crate::buildkit::{BuildError, CertificateReader, Certificates, Material, Pem};
use crate::kube::{Secret, SecretError, Secrets};

/// The keys that cert-manager and the Secret type `kubernetes.io/tls` use, then those of buildctl.
const CA: [&str; 2] = ["ca.crt", "ca.pem"];
const CERT: [&str; 2] = ["tls.crt", "cert.pem"];
const KEY: [&str; 2] = ["tls.key", "key.pem"];

/// The certificates in the Secret `name` of our own namespace, read at every connect.
pub fn certificates_in(secrets: &Secrets, name: &str) -> Certificates {
    let (secrets, name) = (secrets.clone(), name.to_owned());
    Certificates::Asked(CertificateReader::new(move || {
        let (secrets, name) = (secrets.clone(), name.clone());
        async move {
            let found = read(&secrets, &name).await;
            found.map_err(|e| BuildError::certificates(e.fault(), &told(&e)))
        }
    }))
}

async fn read(secrets: &Secrets, name: &str) -> Result<Material, SecretError> {
    let secret = secrets.own(name).await?;
    Ok(Material {
        ca: pem(&secret, name, &CA)?,
        cert: pem(&secret, name, &CERT)?,
        key: pem(&secret, name, &KEY)?,
    })
}

fn pem(secret: &Secret, name: &str, keys: &[&'static str]) -> Result<Pem, SecretError> {
    let key = secret.first_of(keys)?;
    Ok(Pem { place: format!("key `{key}` of secret `{name}`"), text: secret.key(key)? })
}

/// The error text. A setting names this Secret, not a step, so the advice differs.
fn told(error: &SecretError) -> String {
    match error {
        SecretError::NotFound { name, place } => format!(
            "secret `{name}`, which --tls-secret names, does not exist in {place}; create it there (keys ca.crt, \
             tls.crt and tls.key, as cert-manager does), or correct the setting"
        ),
        SecretError::MissingKey { name, key, present } => format!(
            "secret `{name}`, which --tls-secret names, has no key `{key}`; it has: {present}; add what is \
             missing of ca.crt, tls.crt and tls.key"
        ),
        other => format!("{other} (--tls-secret)"),
    }
}
