//! Requests objects and receives the pack (git `Documentation/gitprotocol-v2.txt`, `fetch`).

use bytes::Bytes;

use super::bounds::{BEFORE_PACK, BESIDE_PACK, Usage};
use super::error::GitError;
use super::pkt::{FLUSH, Pkt, PktReader, PktWriter, text};
use super::transport::{AGENT, GitSession, Link};

/// A request for objects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fetch<'a> {
    /// The ids of the wanted objects.
    pub(crate) wants: &'a [String],
    /// The depth of the history, counted from each wanted commit; `None` means all of it.
    pub(crate) depth: Option<u32>,
    /// The filter that leaves out objects (`blob:none`, `tree:0`), if the server supports it.
    pub(crate) filter: Option<&'static str>,
    /// A commit that the store has, so that the server sends only newer objects. A server ignores it if it does not
    /// know it.
    pub(crate) have: Option<&'a str>,
    /// Whether the store has that commit with its trees, but without its ancestors. The server may then send deltas
    /// against its trees.
    pub(crate) shallow: bool,
}

impl Fetch<'_> {
    fn shallow_have(&self) -> Option<&str> {
        self.have.filter(|_| self.shallow)
    }
}

/// A pack while it arrives.
pub(crate) struct PackStream<'a> {
    repo: String,
    reader: &'a mut PktReader,
    link: Option<&'a Link>,
    /// The packets that came in addition to the pack.
    beside: Usage,
}

impl GitSession {
    /// Sends the request, and reads up to the pack's first byte.
    pub(crate) async fn fetch(&mut self, fetch: &Fetch<'_>) -> Result<PackStream<'_>, GitError> {
        let (repo, v2, deepens) = (self.repo.clone(), self.advert.v2, fetch.depth.is_some());
        let body = if v2 { self.fetch_v2(fetch) } else { self.fetch_v0(fetch)? };
        self.ask(body).await?;
        let Self { reader, link, .. } = self;
        if v2 {
            skip_to_pack_v2(reader).await?
        } else {
            skip_to_pack_v0(reader, deepens).await?
        }
        Ok(PackStream { repo, reader, link: Some(link), beside: Usage::new(BESIDE_PACK) })
    }

    fn fetch_v2(&self, fetch: &Fetch<'_>) -> Bytes {
        let mut message = self.command("fetch");
        message.line("no-progress").line("ofs-delta");
        if fetch.shallow {
            message.line("thin-pack");
        }
        for want in fetch.wants {
            message.line(&format!("want {want}"));
        }
        self.options(&mut message, fetch);
        if let Some(have) = fetch.have {
            message.line(&format!("have {have}"));
        }
        message.line("done").raw(FLUSH);
        message.into_bytes()
    }

    fn options(&self, message: &mut PktWriter, fetch: &Fetch<'_>) {
        if let Some(have) = fetch.shallow_have() {
            message.line(&format!("shallow {have}"));
        }
        if let Some(depth) = fetch.depth {
            message.line(&format!("deepen {depth}"));
        }
        if let Some(filter) = fetch.filter.filter(|_| self.advert.can_filter()) {
            message.line(&format!("filter {filter}"));
        }
    }

    fn fetch_v0(&self, fetch: &Fetch<'_>) -> Result<Bytes, GitError> {
        if !self.advert.has("side-band-64k") || (fetch.depth.is_some() && !self.advert.has("shallow")) {
            let what = "the server's Git is too old: protocol v2, or v0 with side-band-64k and shallow, is needed; update it";
            return Err(GitError::Unusable { repo: self.repo.clone(), what: what.to_owned() });
        }
        let mut capabilities = vec!["side-band-64k"];
        let optional = ["ofs-delta", "no-progress", "filter"];
        capabilities.extend(optional.into_iter().filter(|name| self.advert.has(name)));
        if fetch.shallow {
            capabilities.push("thin-pack");
        }
        capabilities.push(AGENT);
        let mut message = PktWriter::default();
        for (nth, want) in fetch.wants.iter().enumerate() {
            let tail = if nth == 0 { format!(" {}", capabilities.join(" ")) } else { String::new() };
            message.line(&format!("want {want}{tail}"));
        }
        self.options(&mut message, fetch);
        message.raw(FLUSH);
        if let Some(have) = fetch.have {
            message.line(&format!("have {have}"));
        }
        message.line("done");
        Ok(message.into_bytes())
    }
}

async fn skip_to_pack_v2(reader: &mut PktReader) -> Result<(), GitError> {
    let mut usage = Usage::new(BEFORE_PACK);
    loop {
        match reader.next_of(&mut usage).await? {
            Some(Pkt::Data(data)) if text(&data) == "packfile" => return Ok(()),
            Some(Pkt::Data(_) | Pkt::Delim) => {}
            Some(Pkt::Flush | Pkt::ResponseEnd) | None => return Err(reader.cut()),
        }
    }
}

/// Skips the lines before the pack: `shallow` lines and their flush if a depth was requested, then `NAK` or `ACK`s.
async fn skip_to_pack_v0(reader: &mut PktReader, deepens: bool) -> Result<(), GitError> {
    let (mut flush_due, mut usage) = (deepens, Usage::new(BEFORE_PACK));
    loop {
        match reader.next_of(&mut usage).await? {
            Some(Pkt::Data(data)) if !flush_due && (text(&data) == "NAK" || data.starts_with(b"ACK ")) => {
                return Ok(());
            }
            Some(Pkt::Data(_) | Pkt::Delim) => {}
            Some(Pkt::Flush) if flush_due => flush_due = false,
            Some(Pkt::Flush | Pkt::ResponseEnd) | None => return Err(reader.cut()),
        }
    }
}

#[cfg(feature = "fuzzing")]
impl<'a> PackStream<'a> {
    /// A stream of the rest of `reader`.
    pub(super) fn of(reader: &'a mut PktReader) -> Self {
        let repo = "https://git.example.com/a.git".to_owned();
        Self { repo, reader, link: None, beside: Usage::new(BESIDE_PACK) }
    }
}

impl PackStream<'_> {
    /// The next bytes of the pack; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, GitError> {
        loop {
            let data = match self.reader.next().await? {
                Some(Pkt::Data(data)) => data,
                Some(_) => return Ok(None),
                None => return Err(self.reader.cut()),
            };
            match data.first() {
                Some(1) if data.len() > 1 => return Ok(Some(data.slice(1..))),
                Some(3) => {
                    return Err(self.reader.refusal(&data[1..]));
                }
                // Band 2 is progress for people; an empty packet keeps the connection alive.
                _ => self.beside.add(&self.repo, data.len() + 4)?,
            }
        }
    }

    /// Keeps new requests off the pack's connection, because the pack will not be read for a while. An ssh connection stops as a
    /// whole while one of its channels is not read (russh `client/encrypted.rs`).
    pub(crate) fn set_apart(&self) {
        if let Some(Link::Ssh(channel)) = self.link {
            channel.mark_broken();
        }
    }

    /// The error for a pack that ended too early.
    pub(crate) fn cut(&self) -> GitError {
        self.reader.cut()
    }

    /// The repository's name in messages.
    pub(crate) fn repo(&self) -> &str {
        &self.repo
    }

    /// The pack's first bytes, at least `length`.
    pub(crate) async fn head(&mut self, length: usize) -> Result<Vec<u8>, GitError> {
        let mut head = Vec::new();
        while head.len() < length {
            let Some(chunk) = self.next().await? else { return Err(self.reader.cut()) };
            head.extend_from_slice(&chunk);
        }
        Ok(head)
    }
}
