//! The session: services that the daemon calls on this client, over the client's own connection.

mod auth;
mod authority;
mod read_images;
mod secrets;
mod sources;
mod ssh;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secrecy::{SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};

use super::error::BuildError;
use super::transcript::Transcript;
use crate::oci::{self, PullRights};

pub use read_images::{READ_IMAGES, ReadImage, ReadImages};
pub(super) use tunnel::{Tunnel, open};

/// The secrets and logins that one build may request while it runs. They are sent only on request.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Secrets (any bytes) by id, for `RUN --mount=type=secret` and for Git. A `RUN` may request any of them.
    pub secrets: BTreeMap<String, SecretSlice<u8>>,
    /// Registry logins.
    pub registries: Arc<oci::Auth>,
    /// The client that requests tokens with those logins.
    pub client: oci::LazyClient,
    /// Registries (`host[:port]`) that may get a login over plain http, and whose certificate is not verified.
    pub insecure: BTreeSet<String>,
    /// Earlier responses of registries to the same build.
    pub pulls: oci::PullAnswers,
    /// The images that the daemon asks about.
    pub read: ReadImages,
    /// Private keys in OpenSSH or PEM form by id, for `RUN --mount=type=ssh` and for Git over ssh. A `RUN` that names no id
    /// requests `default`.
    pub ssh: BTreeMap<String, SecretString>,
    /// The destination of the log. Its redactor removes secrets from log lines and errors before any line is cut.
    pub transcript: Transcript,
}

/// A session's services, and the method names to announce to the daemon.
pub(super) struct Services {
    router: tonic::transport::server::Router,
    methods: Vec<&'static str>,
}

/// The method by which the daemon asks whether a session lives.
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// The largest number of concurrent calls of the daemon. It makes one for each connection of a `RUN` to an ssh agent.
const CALLS: u32 = 1_000;

/// The daemon checks health every five seconds and ends sessions that do not respond (`session/grpc.go`). A new
/// health reporter states that the whole server is serving.
fn alive() -> tonic::transport::server::Router {
    let (_, health) = tonic_health::server::health_reporter();
    tonic::transport::Server::builder().max_concurrent_streams(CALLS).add_service(health)
}

/// The services of an empty session, which responds to health checks only.
pub(super) fn none() -> Services {
    Services { router: alive(), methods: vec![HEALTH] }
}

/// Creates a session id that is unique at the daemon and that its other clients cannot guess.
pub(super) fn new_id(reference: &str) -> String {
    use ring::rand::SecureRandom as _;
    let mut random = [0; 32];
    // Without randomness the reference alone keeps ids apart. The daemon accepts each reference once.
    let _ = ring::rand::SystemRandom::new().fill(&mut random);
    hex::encode(Sha256::new().chain_update(random).chain_update(reference).finalize())
}

impl Session {
    /// Creates the services of the session. Fails if an ssh key cannot be parsed.
    pub(super) fn services(self) -> Result<Services, BuildError> {
        let mut methods = vec![
            HEALTH,
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.filesync.v1.Auth/FetchToken",
            "/moby.filesync.v1.Auth/GetTokenAuthority",
            "/moby.filesync.v1.Auth/VerifyTokenAuthority",
            sources::METHOD,
        ];
        let rights =
            PullRights::new(self.registries.clone(), self.client.clone(), &self.insecure, self.pulls);
        let mut router = alive()
            .add_service(secrets::service(self.secrets))
            .add_service(auth::service(self.registries, self.client, self.insecure))
            .add_service(sources::service(rights, self.read));
        if !self.ssh.is_empty() {
            methods.extend(["/moby.sshforward.v1.SSH/CheckAgent", "/moby.sshforward.v1.SSH/ForwardAgent"]);
            router = router.add_service(ssh::service(&self.ssh)?);
        }
        Ok(Services { router, methods })
    }
}

#[cfg(test)]
mod tests {
    use super::new_id;

    #[test]
    fn sessions_have_ids_of_their_own() {
        let ids = [new_id("wf:1"), new_id("wf:1")];
        assert_ne!(ids[0], ids[1]);
        // The daemon splits ids at colons (`session/manager.go`).
        assert!(ids.iter().all(|id| id.len() == 64 && !id.contains(':')));
    }
}
