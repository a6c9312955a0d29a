//! The session: services of ours that the daemon calls back over the client's own connection.

mod auth;
mod authority;
mod secrets;
mod ssh;
mod tunnel;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::error::BuildError;
use super::transcript::Transcript;
use crate::oci;

pub(super) use tunnel::open;

/// What one build may ask us for while it runs. Nothing of it is sent unasked.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Secrets by id, for `RUN --mount=type=secret` and for Git. A `RUN` may ask for any of them.
    pub secrets: BTreeMap<String, SecretString>,
    /// Registry logins.
    pub registries: Arc<oci::Auth>,
    /// What asks token servers with those logins.
    pub client: oci::LazyClient,
    /// Private keys in OpenSSH or PEM form by id, for `RUN --mount=type=ssh` and for Git over ssh. Without an id a `RUN` asks
    /// for `default`.
    pub ssh: BTreeMap<String, SecretString>,
    /// Where the log goes, and what blots secrets out of it and of errors, before any of their lines is cut.
    pub transcript: Transcript,
}

/// A session's services, ready to be served, and the methods to announce.
pub(super) struct Services {
    router: tonic::transport::server::Router,
    methods: Vec<&'static str>,
}

impl Session {
    /// The services that the daemon finds in the session; an ssh key that cannot be read is an error.
    pub(super) fn services(self) -> Result<Services, BuildError> {
        let mut methods = vec![
            "/grpc.health.v1.Health/Check",
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.filesync.v1.Auth/FetchToken",
            "/moby.filesync.v1.Auth/GetTokenAuthority",
            "/moby.filesync.v1.Auth/VerifyTokenAuthority",
        ];
        // The daemon asks for health every five seconds and ends sessions that do not answer
        // (`session/grpc.go`); a fresh reporter says that the server as a whole is serving.
        let (_, health) = tonic_health::server::health_reporter();
        let mut router = tonic::transport::Server::builder()
            .add_service(health)
            .add_service(secrets::service(self.secrets))
            .add_service(auth::service(self.registries, self.client));
        if !self.ssh.is_empty() {
            methods.extend(["/moby.sshforward.v1.SSH/CheckAgent", "/moby.sshforward.v1.SSH/ForwardAgent"]);
            router = router.add_service(ssh::service(&self.ssh)?);
        }
        Ok(Services { router, methods })
    }
}
