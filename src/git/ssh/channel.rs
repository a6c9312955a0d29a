//! The server's program at the other end of a channel: bytes in, bytes out, and what it says on standard error.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::time::timeout;

use super::connections::Connection;
use super::{Patience, Talk};
use crate::git::error::GitError;
use crate::git::pkt::{ByteStream, PktReader};
use crate::git::remote;
use crate::git::service::Service;
use crate::git::text::tidy;

/// Bytes of standard error that are kept.
const KEPT: usize = 4096;

/// Bytes that are sent at a time, of which one is an SSH packet.
const PIECE: usize = 32 << 10;

/// The way to the server's program. Dropped, it ends the program.
pub(in crate::git) struct Channel {
    /// There until it is dropped.
    write: Option<ChannelWriteHalf<Msg>>,
    connection: Arc<Connection>,
    talk: Talk,
    patience: Patience,
}

impl Channel {
    /// Sends `body` piece by piece: the server takes each, or is silent.
    pub(in crate::git) async fn send(&self, mut body: Bytes) -> Result<(), GitError> {
        let Some(write) = &self.write else { return Ok(()) };
        while !body.is_empty() {
            let piece = body.split_to(body.len().min(PIECE));
            let sent = self.patience.heard(&self.talk, write.data_bytes(piece)).await;
            let broke = |e| self.talk.unavailable("the SSH connection broke", Some(Arc::new(e)));
            sent.and_then(|sent| sent.map_err(broke)).inspect_err(|_| self.spoil())?;
        }
        Ok(())
    }

    /// The program is gone, or silent: what is asked for next is asked on another connection.
    pub(in crate::git) fn spoil(&self) {
        self.connection.spoil();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else { return };
        let (connection, limit) = (Arc::clone(&self.connection), self.patience.limit);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if !matches!(timeout(limit, write.close()).await, Ok(Ok(()))) {
                connection.spoil();
            }
        });
    }
}

/// Runs the service's program on `path`.
pub(super) async fn start(
    connection: Arc<Connection>,
    path: &str,
    talk: Talk,
    patience: Patience,
) -> Result<(Channel, PktReader), GitError> {
    let broke = |e: russh::Error| talk.unavailable("the SSH server opened no channel", Some(Arc::new(e)));
    let channel = patience.heard(&talk, connection.handle.channel_open_session()).await?.map_err(broke)?;
    if talk.service == Service::UploadPack {
        // A server that does not accept the variable answers in protocol v0, which is understood too.
        let set = channel.set_env(false, "GIT_PROTOCOL", "version=2");
        patience.heard(&talk, set).await?.map_err(broke)?;
    }
    patience.heard(&talk, channel.exec(false, command(talk.service, path))).await?.map_err(broke)?;
    let (read, write) = channel.split();
    let output =
        Output { read, talk: talk.clone(), patience: patience.clone(), stderr: Vec::new(), exit: None };
    let bytes: ByteStream = Box::pin(stream::try_unfold(output, Output::next));
    let reader = PktReader::new(talk.repo.clone(), talk.service.action(), bytes);
    Ok((Channel { write: Some(write), connection, talk, patience }, reader))
}

/// `git-upload-pack '/owner/repo.git'`, quoted as Git does (`quote.c`).
fn command(service: Service, path: &str) -> String {
    let quoted = path.replace('\'', r"'\''").replace('!', r"'\!'");
    format!("{} '{quoted}'", service.name())
}

struct Output {
    read: ChannelReadHalf,
    talk: Talk,
    patience: Patience,
    stderr: Vec<u8>,
    exit: Option<u32>,
}

impl Output {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, GitError> {
        loop {
            match self.patience.heard(&self.talk, self.read.wait()).await? {
                Some(ChannelMsg::Data { data }) => return Ok(Some((data, self))),
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = KEPT.saturating_sub(self.stderr.len());
                    self.stderr.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => self.exit = Some(exit_status),
                Some(_) => {}
                None if self.exit.unwrap_or_default() != 0 && !self.stderr.is_empty() => {
                    return Err(self.failed());
                }
                None => return Ok(None),
            }
        }
    }

    /// Over ssh a refusal is text on standard error.
    fn failed(&self) -> GitError {
        let said = tidy(&self.stderr);
        let (repo, action) = (self.talk.repo.clone(), self.talk.service.action());
        let hint = "give the SSH key access to the repository (for a deploy key: with write access)";
        remote::refusal_of(repo, action, said, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::{Service, command};

    #[test]
    fn paths_are_quoted() {
        assert_eq!(command(Service::UploadPack, "/a/b.git"), "git-upload-pack '/a/b.git'");
        assert_eq!(command(Service::ReceivePack, "a'; id #!"), r"git-receive-pack 'a'\''; id #'\!''");
    }
}
