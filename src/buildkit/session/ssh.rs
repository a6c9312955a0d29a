//! Serves an ssh agent for each key, for the daemon's `git fetch` and for `RUN --mount=type=ssh`.
//!
//! The key stays in this process. The daemon's ssh sends the data to sign, as with any forwarded agent.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use bollard_buildkit_proto::moby::sshforward::v1 as proto;
use futures_util::{Stream, StreamExt as _};
use proto::BytesMessage;
use proto::ssh_server::{Ssh, SshServer};
use russh::keys::agent::client::AgentClient;
use russh::keys::agent::server::{self, Agent, MessageType};
use russh::keys::{PrivateKey, decode_secret_key};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::io::ReaderStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status, Streaming};

use crate::buildkit::error::BuildError;

/// The largest number of concurrent agent connections of a session, over all keys. A `RUN` may open any number, and for each
/// the agent keeps a message of up to 256 KiB (russh `keys/agent/server.rs`). An ssh login needs one briefly, and waits for it.
const AT_ONCE: usize = 16;

/// The size of a connection's buffer. An agent message is a few KiB, so several fit.
const BUFFER: usize = 64 << 10;

/// The id used if none is given (`session/sshforward/ssh.go`, `DefaultID`).
const DEFAULT: &str = "default";

/// The header in which a forwarded connection names its key (`session/sshforward/ssh.go`, `KeySSHID`).
const ID: &str = "buildkit.ssh.id";

struct ServedKeys {
    keys: BTreeMap<String, Arc<PrivateKey>>,
    turns: Arc<Semaphore>,
}

pub(super) fn service(keys: &BTreeMap<String, SecretString>) -> Result<SshServer<impl Ssh>, BuildError> {
    let keys = keys.iter().map(|(id, key)| {
        // The parser needs the last newline of the key, which secrets often lack.
        let text = format!("{}\n", key.expose_secret().trim());
        let key = decode_secret_key(&text, None).map_err(|_| BuildError::ssh_key())?;
        Ok((id.clone(), Arc::new(key)))
    });
    let (keys, turns) = (keys.collect::<Result<_, BuildError>>()?, Arc::new(Semaphore::new(AT_ONCE)));
    Ok(SshServer::new(ServedKeys { keys, turns }))
}

impl ServedKeys {
    fn key(&self, id: &str) -> Result<&PrivateKey, Status> {
        let id = if id.is_empty() { DEFAULT } else { id };
        let unset = || {
            Status::not_found(format!("unset ssh forward key {id}; name a Secret for it in the step's `ssh`"))
        };
        self.keys.get(id).map(|key| &**key).ok_or_else(unset)
    }
}

/// An agent that only lists keys and signs. Clients come through the daemon, so it permits nothing else.
#[derive(Clone)]
struct SignOnly {
    loading: Arc<std::sync::atomic::AtomicBool>,
}

impl Agent for SignOnly {
    async fn confirm_request(&self, message: MessageType) -> bool {
        match message {
            MessageType::RequestKeys | MessageType::Sign => true,
            MessageType::AddKeys => self.loading.load(std::sync::atomic::Ordering::Relaxed),
            _ => false,
        }
    }
}

#[tonic::async_trait]
impl Ssh for ServedKeys {
    async fn check_agent(
        &self,
        request: Request<proto::CheckAgentRequest>,
    ) -> Result<Response<proto::CheckAgentResponse>, Status> {
        self.key(&request.into_inner().id).map(|_| Response::new(proto::CheckAgentResponse {}))
    }

    type ForwardAgentStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let key = self.key(&id)?;
        // The semaphore is never closed.
        let turn = self.turns.clone().acquire_owned().await;
        let (stream, agent) = start_agent(key).await.map_err(|e| Status::internal(e.to_string()))?;
        let (from_agent, mut to_agent) = tokio::io::split(stream);
        let mut from_daemon = request.into_inner();
        let pump = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(Ok(message)) = from_daemon.next().await {
                if to_agent.write_all(&message.data).await.is_err() {
                    return;
                }
            }
            let _ = to_agent.shutdown().await;
        }));
        let replies = ReaderStream::new(from_agent).map(move |chunk| {
            // Both tasks, and the permit, live until the response stream is dropped.
            let _owned = (&pump, &agent, &turn);
            chunk.map(|data| BytesMessage { data: data.into() }).map_err(|e| Status::internal(e.to_string()))
        });
        Ok(Response::new(Box::pin(replies)))
    }
}

/// Starts an agent that holds `key`, and connects to it.
async fn start_agent(key: &PrivateKey) -> Result<(DuplexStream, AbortOnDropHandle<()>), russh::keys::Error> {
    let loading = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (connect, connections) = mpsc::channel::<std::io::Result<DuplexStream>>(2);
    let agent = SignOnly { loading: loading.clone() };
    let serve = async move {
        let listener = tokio_stream::wrappers::ReceiverStream::new(connections);
        if let Err(error) = server::serve(listener, agent).await {
            tracing::debug!(%error, "the ssh agent ended: {error}");
        }
    };
    let task = AbortOnDropHandle::new(tokio::spawn(serve));
    let dial = async || {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        // The receiver lives in the task above, which only its handle can end.
        let _ = connect.send(Ok(theirs)).await;
        ours
    };
    AgentClient::connect(dial().await).add_identity(key, &[]).await?;
    loading.store(false, std::sync::atomic::Ordering::Relaxed);
    Ok((dial().await, task))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use futures_util::FutureExt as _;
    use hyper_util::rt::TokioIo;
    use proto::ssh_client::SshClient;
    use tonic::transport::{Channel, Endpoint, Server};

    use super::*;

    /// A client of a session that has a key.
    async fn client() -> SshClient<Channel> {
        let key =
            PrivateKey::new(russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]).into(), "")
                .unwrap();
        let text = key.to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap().to_string();
        let service = service(&BTreeMap::from([(DEFAULT.to_owned(), text.into())])).unwrap();
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let incoming =
            tokio_stream::once(Ok::<_, std::io::Error>(theirs)).chain(futures_util::stream::pending());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        let mut ours = Some(TokioIo::new(ours));
        let dial = tower::service_fn(move |_: tonic::transport::Uri| {
            std::future::ready(ours.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound)))
        });
        SshClient::new(Endpoint::from_static("http://session").connect_with_connector(dial).await.unwrap())
    }

    /// A connection to the agent after it listed its keys, and the sender that keeps it open.
    async fn connected(client: &SshClient<Channel>) -> (mpsc::Sender<BytesMessage>, Streaming<BytesMessage>) {
        let (send, messages) = mpsc::channel(1);
        // SSH_AGENTC_REQUEST_IDENTITIES.
        send.send(BytesMessage { data: vec![0, 0, 0, 1, 11] }).await.unwrap();
        let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
        let mut replies = client.clone().forward_agent(messages).await.unwrap().into_inner();
        assert!(!replies.message().await.unwrap().unwrap().data.is_empty());
        (send, replies)
    }

    #[tokio::test]
    async fn a_run_that_opens_many_connections_waits_for_its_own() {
        let client = client().await;
        let mut open = Vec::new();
        for _ in 0..AT_ONCE {
            open.push(connected(&client).await);
        }
        let mut next = Box::pin(connected(&client));
        for _ in 0..3 {
            assert!((&mut next).now_or_never().is_none());
            // Other calls get responses meanwhile.
            let asked = proto::CheckAgentRequest { id: String::new() };
            client.clone().check_agent(asked).await.unwrap();
        }
        open.pop();
        next.await;
    }

    #[tokio::test]
    async fn the_agent_lists_its_key_and_takes_no_other() {
        let key =
            PrivateKey::new(russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]).into(), "")
                .unwrap();
        let (stream, _task) = start_agent(&key).await.unwrap();
        let mut client = AgentClient::connect(stream);
        let listed = client.request_identities().await.unwrap();
        assert_eq!(listed.len(), 1);
        client.add_identity(&key, &[]).await.unwrap_err();
        assert_eq!(client.request_identities().await.unwrap().len(), 1);
    }
}
