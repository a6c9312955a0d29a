//! A session with one service of one repository, over http or ssh.

use bytes::Bytes;

use super::Git;
use super::advert::{Advert, Ref};
use super::bounds::{REFS, REFS_KEPT, Usage};
use super::credentials::Credentials;
use super::error::GitError;
use super::http::Endpoint;
use super::pkt::{DELIM, FLUSH, Pkt, PktReader, PktWriter, text};
use super::service::Service;
use super::url::RepoUrl;

/// The client's name in the protocol.
pub(crate) const AGENT: &str = concat!("agent=git/argo-buildkit-", env!("CARGO_PKG_VERSION"));

/// A session with one service, after the server's first message.
pub(crate) struct GitSession {
    pub(crate) repo: String,
    pub(super) advert: Advert,
    /// Whether the server's first message was not read, but is assumed to be the usual one.
    pub(super) is_assumed: bool,
    pub(super) link: Link,
    pub(super) reader: PktReader,
}

pub(super) enum Link {
    Http(Endpoint),
    Ssh(super::ssh::Channel),
}

impl GitSession {
    /// Connects and reads the server's first message. In protocol v0 that is the list of refs, of which the full
    /// names `wanted` and the first branches and tags are kept.
    pub(crate) async fn open(
        git: &Git,
        url: &RepoUrl,
        credentials: &Credentials,
        service: Service,
        wanted: &[&str],
    ) -> Result<Self, GitError> {
        let repo = url.to_string();
        let (link, mut reader) = if let Some(base) = url.http_base() {
            let client = git.clients.of(&base)?;
            let mut endpoint = Endpoint::new(client, repo.clone(), base, service, credentials);
            let reader = endpoint.advert().await?;
            (Link::Http(endpoint), reader)
        } else {
            // On the heap, because it is twenty times as large as all of http.
            let open = super::ssh::open(&git.ssh, &git.options, url, credentials, service);
            let (channel, reader) = Box::pin(open).await?;
            (Link::Ssh(channel), reader)
        };
        let advert = Advert::read(&mut reader, wanted).await;
        if let (Link::Ssh(channel), Err(error)) = (&link, &advert)
            && error.is_transient()
        {
            channel.mark_broken();
        }
        let advert = advert?;
        Ok(Self { repo, advert, is_assumed: false, link, reader })
    }

    /// Starts a session over http without reading the server's first message, which costs a request and a process on
    /// the server. The message is assumed to be the [usual](Advert::usual) one; only a successful request confirms
    /// this. `None` for ssh.
    pub(crate) fn open_without_advert(
        git: &Git,
        url: &RepoUrl,
        credentials: &Credentials,
    ) -> Result<Option<Self>, GitError> {
        let Some(base) = url.http_base() else { return Ok(None) };
        let repo = url.to_string();
        let client = git.clients.of(&base)?;
        let endpoint = Endpoint::new(client, repo.clone(), base, Service::UploadPack, credentials);
        let nothing = Box::pin(futures_util::stream::empty());
        let reader = PktReader::new(repo.clone(), Service::UploadPack.action(), nothing);
        Ok(Some(Self { repo, advert: Advert::usual(), is_assumed: true, link: Link::Http(endpoint), reader }))
    }

    /// Whether a new process answers every request and sees the current refs. Over ssh one `git upload-pack` keeps
    /// the refs that it read first.
    pub(crate) fn is_stateless(&self) -> bool {
        matches!(self.link, Link::Http(_))
    }

    /// Sends a request; returns a reader of the answer.
    pub(super) async fn ask(&mut self, body: Bytes) -> Result<&mut PktReader, GitError> {
        match &self.link {
            Link::Http(endpoint) => self.reader = endpoint.post(body).await?,
            Link::Ssh(channel) => channel.send(body).await?,
        }
        Ok(&mut self.reader)
    }

    /// The head of a v2 command, before its arguments.
    pub(super) fn command(&self, name: &str) -> PktWriter {
        let mut message = PktWriter::default();
        message.line(&format!("command={name}")).line(AGENT);
        if self.advert.has("object-format") {
            message.line(&format!("object-format={}", self.advert.object_format()));
        }
        message.raw(DELIM);
        message
    }

    /// The refs with these names.
    pub(crate) async fn refs(&mut self, names: &[&str]) -> Result<Vec<Ref>, GitError> {
        self.list(names, |name| names.contains(&name)).await
    }

    /// The first refs whose names start with one of `prefixes`.
    pub(crate) async fn refs_below(&mut self, prefixes: &[&str]) -> Result<Vec<Ref>, GitError> {
        self.list(prefixes, |name| prefixes.iter().any(|p| name.starts_with(p))).await
    }

    /// The first [`REFS_KEPT`] refs that `wanted` accepts. A server may leave out refs that start with none of
    /// `prefixes`.
    pub(crate) async fn list(
        &mut self,
        prefixes: &[&str],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Ref>, GitError> {
        if !self.advert.v2 {
            return Ok(self.advert.refs(wanted).take(REFS_KEPT).collect());
        }
        let mut refs = Vec::new();
        let keep = |found: Ref| {
            if refs.len() < REFS_KEPT && wanted(&found.name) {
                refs.push(found);
            }
        };
        self.each_ref("symrefs", prefixes, keep).await?;
        Ok(refs)
    }

    /// Passes every ref that starts with one of `prefixes` to `each`. `what` is what the server says of a ref: `symrefs`
    /// or `peel`. Protocol v2 only.
    pub(super) async fn each_ref(
        &mut self,
        what: &str,
        prefixes: &[&str],
        mut each: impl FnMut(Ref),
    ) -> Result<(), GitError> {
        let mut message = self.command("ls-refs");
        message.line(what);
        for prefix in prefixes {
            message.line(&format!("ref-prefix {prefix}"));
        }
        message.raw(FLUSH);
        let reader = self.ask(message.into_bytes()).await?;
        let mut usage = Usage::new(REFS);
        loop {
            // Over ssh the packets of a long list are on their way, so they are read to the end.
            match reader.next_of(&mut usage).await? {
                Some(Pkt::Data(data)) => Ref::parse_v2(&text(&data)).into_iter().for_each(&mut each),
                Some(_) => return Ok(()),
                None => return Err(reader.cut()),
            }
        }
    }
}
