//! Git over SSH: the same protocol on a channel that runs the server's program. The host key is checked first.

mod channel;
mod connections;
pub(super) mod known_hosts;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, Handle, Handler};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;

use super::GitOptions;
use super::credentials::{Credentials, SshKey};
use super::error::{Cause, GitError};
use super::pkt::PktReader;
use super::service::Service;
use super::url::{RepoUrl, SshTarget};
use crate::http::{self, LookupError};
use crate::time_limits::{Late, heard, socket, within};
pub(super) use channel::Channel;
pub(super) use connections::Connections;
use known_hosts::KnownKeys;

/// What a connection is used for; error messages contain it.
#[derive(Clone)]
struct RequestContext {
    repo: String,
    service: Service,
}

impl RequestContext {
    fn unusable(&self, what: impl Into<String>) -> GitError {
        GitError::Unusable { repo: self.repo.clone(), what: what.into() }
    }

    fn late(&self, late: Late) -> GitError {
        self.unavailable(&late.to_string(), None)
    }

    fn unavailable(&self, what: &str, cause: Option<Cause>) -> GitError {
        let (repo, action) = (self.repo.clone(), self.service.action());
        GitError::Unavailable { repo, action, what: what.to_owned(), cause }
    }
}

/// The limit for a server's silence.
#[derive(Debug, Clone)]
struct SilenceLimit {
    /// The server's name, for messages.
    peer: String,
    limit: Duration,
}

impl SilenceLimit {
    /// Waits for `next`, an event from the server, within the limit.
    async fn wait_for<T>(
        &self,
        context: &RequestContext,
        next: impl Future<Output = T>,
    ) -> Result<T, GitError> {
        heard(self.limit, &self.peer, next).await.map_err(|late| context.late(late))
    }
}

/// Starts the service's program, on an existing connection to the server or on a new one.
pub(super) async fn open(
    connections: &Connections,
    options: &GitOptions,
    url: &RepoUrl,
    credentials: &Credentials,
    service: Service,
) -> Result<(Channel, PktReader), GitError> {
    let context = RequestContext { repo: url.to_string(), service };
    let Credentials::Ssh(key) = credentials else {
        return Err(
            context.unusable("an ssh URL needs an SSH key: name a secret that holds `ssh-privatekey`")
        );
    };
    let target = url
        .ssh_target()
        .ok_or_else(|| context.unusable("its ssh path cannot be read; write ssh://user@host/path"))?;
    let private = private_key(key, &context)?;
    let known = known_keys(options, key, &target, &context)?;
    let peer = format!("the SSH server {}:{}", target.host, target.port);
    let silence = SilenceLimit { peer, limit: options.read_timeout };
    let id = Connections::id(&target, credentials);
    let connect =
        || connect_and_log_in(options, &target, known.clone(), private.clone(), &silence.peer, &context);
    let (connection, is_old) = connections.get(id, connect()).await?;
    let started =
        channel::start(Arc::clone(&connection), &target.path, context.clone(), silence.clone()).await;
    match started {
        // The old connection was closed meanwhile, or has as many channels as the server allows.
        Err(error) if is_old => {
            tracing::debug!(%error, "connecting to {} anew", silence.peer);
            connection.mark_broken();
            let (connection, _) = connections.get(id, connect()).await?;
            channel::start(connection, &target.path, context.clone(), silence.clone()).await
        }
        started => started,
    }
}

/// Connects and logs in.
async fn connect_and_log_in(
    options: &GitOptions,
    target: &SshTarget,
    known: Option<KnownKeys>,
    private: PrivateKey,
    peer: &str,
    context: &RequestContext,
) -> Result<Handle<HostKeyCheck>, GitError> {
    let limit = options.connect_timeout;
    let late = |what: &'static str| move |late: Late| context.unavailable(&format!("{what}: {late}"), None);
    let connected = within(limit, peer, connect(options, target, known, context)).await;
    let handle = connected.map_err(late("no SSH greeting"))??;
    let handle = within(limit, peer, log_in(handle, &target.user, private, context)).await;
    handle.map_err(late("the SSH login was not answered"))?
}

fn private_key(key: &SshKey, context: &RequestContext) -> Result<PrivateKey, GitError> {
    decode_secret_key(key.private_key.expose_secret(), None).map_err(|_| {
        context.unusable(
            "the SSH private key cannot be read: give one in OpenSSH or PEM form, whole, and without a passphrase",
        )
    })
}

/// The host keys to accept; `None` accepts any key.
fn known_keys(
    options: &GitOptions,
    key: &SshKey,
    target: &SshTarget,
    context: &RequestContext,
) -> Result<Option<KnownKeys>, GitError> {
    let host = &target.host;
    let Some(text) = key.known_hosts.as_deref().filter(|t| !t.trim().is_empty()) else {
        return if options.accept_unknown_ssh_hosts {
            tracing::warn!(%host, "no known_hosts: the SSH server's key is not checked");
            Ok(None)
        } else {
            let port = target.port;
            Err(context.unusable(format!(
                "the SSH server cannot be told from an impostor: add `known_hosts` to the key's secret \
                 (`ssh-keyscan -p {port} {host}` prints it; compare it with what the server's operator publishes)"
            )))
        };
    };
    let known = KnownKeys::find(text, host, target.port);
    if known.is_empty() {
        return Err(
            context.unusable(format!(
                "`known_hosts` in the key's secret has no readable line for `{host}`; add one (`ssh-keyscan -p {} {host}` \
                 prints it; compare it with what the server's operator publishes)",
                target.port
            ))
        );
    }
    Ok(Some(known))
}

async fn connect(
    options: &GitOptions,
    target: &SshTarget,
    known: Option<KnownKeys>,
    context: &RequestContext,
) -> Result<Handle<HostKeyCheck>, GitError> {
    let mut config = client::Config { nodelay: true, ..client::Config::default() };
    config.keepalive_interval = Some(options.read_timeout / 3);
    if let Some(known) = &known {
        config.preferred.key = known.preferred(&config.preferred.key).into();
    }
    let addresses = match http::socket_addresses(&target.host, target.port).await {
        Ok(addresses) => addresses,
        Err(LookupError::Refused(refused)) => return Err(context.unusable(refused.to_string())),
        Err(LookupError::Unknown(e)) => {
            return Err(context.unavailable("the SSH server's name is not known", Some(Arc::new(e))));
        }
    };
    let stream = TcpStream::connect(&addresses[..]).await;
    let stream =
        stream.map_err(|e| context.unavailable("no connection to the SSH server", Some(Arc::new(e))))?;
    socket::watch(&stream);
    let refused = Arc::new(Mutex::new(None));
    let greeter = HostKeyCheck { known, refused: Arc::clone(&refused), host: target.host.clone() };
    client::connect_stream(Arc::new(config), stream, greeter).await.map_err(|error| {
        match refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(what) => context.unusable(what),
            None if matches!(error, russh::Error::NoCommonAlgo { .. }) => context.unusable(format!(
                "the SSH server and this client share no algorithm: {error}; update that server"
            )),
            None => context.unavailable("the SSH greeting failed", Some(Arc::new(error))),
        }
    })
}

async fn log_in(
    mut handle: Handle<HostKeyCheck>,
    user: &str,
    key: PrivateKey,
    context: &RequestContext,
) -> Result<Handle<HostKeyCheck>, GitError> {
    let broke = |e: russh::Error| context.unavailable("the SSH login broke off", Some(Arc::new(e)));
    // Current servers refuse SHA-1 signatures of RSA keys, so they are never offered.
    let hash = if key.algorithm().is_rsa() {
        let told = handle.best_supported_rsa_hash().await.map_err(broke)?.flatten();
        Some(told.unwrap_or(HashAlg::Sha512))
    } else {
        None
    };
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    if handle.authenticate_publickey(user, key).await.map_err(broke)?.success() {
        return Ok(handle);
    }
    let (repo, action) = (context.repo.clone(), context.service.action());
    let hint = "check that the key's public half is a deploy key of the repository, or of a user with access, and \
                that the URL names the right user (mostly `git`)";
    Err(GitError::Login { repo, action, hint, said: String::new() })
}

/// Checks the server's host key.
struct HostKeyCheck {
    known: Option<KnownKeys>,
    host: String,
    /// Why the key was refused. russh's error cannot carry the reason.
    refused: Arc<Mutex<Option<String>>>,
}

impl Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let Some(known) = &self.known else { return Ok(true) };
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        if known.trusts(key) {
            return Ok(true);
        }
        let what = format!(
            "the SSH server `{}` shows the key {}, which `known_hosts` does not have for it: either the server's key \
             was changed or this is an impostor",
            self.host,
            key.fingerprint(HashAlg::Sha256)
        );
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        Ok(false)
    }
}
