//! The session: services of ours that the daemon calls back over the client's own connection.

mod auth;
mod authority;
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

pub(super) use tunnel::{Tunnel, open};

/// What one build may ask us for while it runs. Nothing of it is sent unasked.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Secrets of any bytes by id, for `RUN --mount=type=secret` and for Git. A `RUN` may ask for any of them.
    pub secrets: BTreeMap<String, SecretSlice<u8>>,
    /// Registry logins.
    pub registries: Arc<oci::Auth>,
    /// What asks token servers with those logins.
    pub client: oci::LazyClient,
    /// Registries, as `host[:port]`, that a login may be sent to over plain http, and whose certificate is not looked at.
    pub insecure: BTreeSet<String>,
    /// What registries have said to the same build before.
    pub pulls: oci::PullAnswers,
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

/// The method by which the daemon asks whether a session lives.
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Calls of the daemon at a time: it makes one for each connection that a `RUN` opens to an ssh agent.
const CALLS: u32 = 1_000;

/// The daemon asks for health every five seconds and ends sessions that do not answer (`session/grpc.go`); a fresh
/// reporter says that the server as a whole is serving.
fn alive() -> tonic::transport::server::Router {
    let (_, health) = tonic_health::server::health_reporter();
    tonic::transport::Server::builder().max_concurrent_streams(CALLS).add_service(health)
}

/// A session that has nothing to give: in it the daemon asks for health and nothing else.
pub(super) fn none() -> Services {
    Services { router: alive(), methods: vec![HEALTH] }
}

/// Unique among a daemon's sessions, and not to be guessed by its other clients.
pub(super) fn new_id(reference: &str) -> String {
    use ring::rand::SecureRandom as _;
    let mut random = [0; 32];
    // Without randomness the reference alone, which the daemon accepts once, keeps ids apart.
    let _ = ring::rand::SystemRandom::new().fill(&mut random);
    hex::encode(Sha256::new().chain_update(random).chain_update(reference).finalize())
}

impl Session {
    /// The services that the daemon finds in the session; an ssh key that cannot be read is an error.
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
            .add_service(sources::service(rights));
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
