//! An SSH channel to the server's program: input, output and standard error.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::time::timeout;

use super::connections::SshConnection;
use super::{RequestContext, SilenceLimit};
use crate::git::error::GitError;
use crate::git::pkt::{ByteStream, PktReader};
use crate::git::remote;
use crate::git::service::Service;
use crate::git::text::tidy;

/// The maximum number of bytes of standard error that are kept.
const KEPT: usize = 4096;

/// How many bytes are sent at a time. Each piece is one SSH packet.
const PIECE: usize = 32 << 10;

/// The input of the server's program. Dropping it ends the program.
pub(in crate::git) struct Channel {
    /// `None` only while it is being dropped.
    write: Option<ChannelWriteHalf<Msg>>,
    connection: Arc<SshConnection>,
    context: RequestContext,
    silence: SilenceLimit,
}

impl Channel {
    /// Sends `body` piece by piece. Fails if the server takes no piece for too long.
    pub(in crate::git) async fn send(&self, mut body: Bytes) -> Result<(), GitError> {
        let Some(write) = &self.write else { return Ok(()) };
        while !body.is_empty() {
            let piece = body.split_to(body.len().min(PIECE));
            let sent = self.silence.wait_for(&self.context, write.data_bytes(piece)).await;
            let broke = |e| self.context.unavailable("the SSH connection broke", Some(Arc::new(e)));
            sent.and_then(|sent| sent.map_err(broke)).inspect_err(|_| self.mark_broken())?;
        }
        Ok(())
    }

    /// Marks the connection as unusable: the program has ended or is silent, or its output will not be read for a while, which
    /// stops all channels of the connection. Later requests use another connection.
    pub(in crate::git) fn mark_broken(&self) {
        self.connection.mark_broken();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else { return };
        let (connection, limit) = (Arc::clone(&self.connection), self.silence.limit);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if !matches!(timeout(limit, write.close()).await, Ok(Ok(()))) {
                connection.mark_broken();
            }
        });
    }
}

/// Runs the service's program on `path`.
pub(super) async fn start(
    connection: Arc<SshConnection>,
    path: &str,
    context: RequestContext,
    silence: SilenceLimit,
) -> Result<(Channel, PktReader), GitError> {
    let broke = |e: russh::Error| context.unavailable("the SSH server opened no channel", Some(Arc::new(e)));
    let opened =
        silence.wait_for(&context, connection.handle.channel_open_session()).await?.map_err(broke)?;
    let (read, write) = opened.split();
    // Dropping this closes the channel, also while the program is started.
    let channel =
        Channel { write: Some(write), connection, context: context.clone(), silence: silence.clone() };
    if let Some(write) = &channel.write {
        if context.service == Service::UploadPack {
            // A server that does not accept the variable answers in protocol v0, which is supported too.
            let set = write.set_env(false, "GIT_PROTOCOL", "version=2");
            silence.wait_for(&context, set).await?.map_err(broke)?;
        }
        let program = write.exec(false, command(context.service, path));
        silence.wait_for(&context, program).await?.map_err(broke)?;
    }
    let output =
        Output { read, context: context.clone(), silence: silence.clone(), stderr: Vec::new(), exit: None };
    let bytes: ByteStream = Box::pin(stream::try_unfold(output, Output::next));
    let reader = PktReader::new(context.repo.clone(), context.service.action(), bytes);
    Ok((channel, reader))
}

/// `git-upload-pack '/owner/repo.git'`, quoted as Git does (`quote.c`).
fn command(service: Service, path: &str) -> String {
    let quoted = path.replace('\'', r"'\''").replace('!', r"'\!'");
    format!("{} '{quoted}'", service.name())
}

struct Output {
    read: ChannelReadHalf,
    context: RequestContext,
    silence: SilenceLimit,
    stderr: Vec<u8>,
    exit: Option<u32>,
}

impl Output {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, GitError> {
        loop {
            match self.silence.wait_for(&self.context, self.read.wait()).await? {
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

    /// Builds the error from standard error, where SSH servers print why they refuse.
    fn failed(&self) -> GitError {
        let said = tidy(&self.stderr);
        let (repo, action) = (self.context.repo.clone(), self.context.service.action());
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
