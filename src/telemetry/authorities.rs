//! The certificate authorities for a collector of spans that uses https.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tonic::transport::{Certificate, ClientTlsConfig};

/// The variables for the collector's address. The first that is set is used (OpenTelemetry's `exporter.md`).
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The variables for a PEM file with authorities, which replace the machine's. The first that is set is used. The
/// exporter itself does not read it.
const AUTHORITIES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];

/// The TLS settings, if the collector's address is https. Without authorities, its certificate would be refused.
///
/// # Errors The file cannot be read, or holds no certificate.
pub(super) fn tls(variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<Option<ClientTlsConfig>> {
    let first = |names: [&'static str; 2]| {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        names.into_iter().find_map(set)
    };
    let https = |(_, endpoint): (&str, OsString)| {
        endpoint
            .to_str()
            .and_then(|text| text.get(..8))
            .is_some_and(|start| start.eq_ignore_ascii_case("https://"))
    };
    if !first(ENDPOINTS).is_some_and(https) {
        return Ok(None);
    }
    let tls = ClientTlsConfig::new();
    Ok(Some(match first(AUTHORITIES) {
        Some((name, file)) => tls.ca_certificate(certificates(name, Path::new(&file))?),
        None => tls.with_native_roots(),
    }))
}

fn certificates(name: &str, file: &Path) -> anyhow::Result<Certificate> {
    let wrong =
        || format!("{name} names {} as the file of the collector's authorities; correct it", file.display());
    let pem = std::fs::read(file).with_context(wrong)?;
    let first = CertificateDer::pem_slice_iter(&pem).next();
    anyhow::ensure!(matches!(first, Some(Ok(_))), "{}: it holds no certificate in PEM", wrong());
    Ok(Certificate::from_pem(pem))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn asked(set: &[(&str, &str)]) -> anyhow::Result<Option<ClientTlsConfig>> {
        tls(|name| set.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn authorities_are_for_https_alone_and_a_wrong_file_is_named() {
        let (all, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        assert!(asked(&[(all, "https://otel:4317")]).unwrap().is_some());
        assert!(asked(&[(all, "http://otel:4317")]).unwrap().is_none());
        assert!(asked(&[(all, "https://otel:4317"), (traces, "http://otel:4317")]).unwrap().is_none());
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for file in ["/no/such/file", here] {
            let error = asked(&[(all, "https://otel:4317"), (AUTHORITIES[1], file)]).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(AUTHORITIES[1]) && text.contains(file), "{text}");
        }
    }
}
