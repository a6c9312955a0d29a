//! The server's first message: its capabilities, and in protocol v0 also all its refs (git
//! `Documentation/gitprotocol-v2.txt`, `gitprotocol-pack.txt`).

use super::bounds::{CAPABILITIES, REF_NAME, REFS, REFS_KEPT, Usage};
use super::error::GitError;
use super::pkt::{Pkt, PktReader, text};

/// A ref as a server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ref {
    /// `HEAD` or `refs/…`.
    pub(super) name: String,
    /// The id of the object that the ref names; for an annotated tag, of the tag object.
    pub(super) oid: String,
    /// The target of a symbolic ref.
    pub(super) symref: Option<String>,
    /// For an annotated tag, the id of the object below all its tags, if the server was asked for it.
    pub(super) peeled: Option<String>,
}

impl Ref {
    /// Parses a line of v2's `ls-refs`; `None` for an unborn `HEAD` and for a line that is not a ref.
    pub(super) fn parse_v2(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (oid, name) = (words.next().filter(|w| is_oid(w))?, words.next()?);
        let (mut symref, mut peeled) = (None, None);
        for word in words {
            symref = symref.or(word.strip_prefix("symref-target:"));
            peeled = peeled.or(word.strip_prefix("peeled:").filter(|id| is_oid(id)));
        }
        if name.len() > REF_NAME || symref.is_some_and(|target| target.len() > REF_NAME) {
            return None;
        }
        let (symref, peeled) = (symref.map(str::to_owned), peeled.map(str::to_owned));
        Some(Self { name: name.to_owned(), oid: oid.to_owned(), symref, peeled })
    }
}

/// Whether `text` is 40 or 64 lower-case hex digits.
pub(crate) fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The end of the line that has the peeled value of the ref in the line before (git `gitprotocol-pack.txt`).
const PEELED: &str = "^{}";

/// The server's first message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Advert {
    /// Whether the server speaks protocol v2.
    pub(super) v2: bool,
    /// Each is `name` or `name=value`.
    pub(super) capabilities: Vec<String>,
    /// The refs of protocol v0 and v1: id and name, one a line. This takes a third of the memory of a list of
    /// [`Ref`].
    list: String,
    kept: KeptRefs,
    /// Whether the last listed ref was kept: its peeled value, which follows it, is kept with it.
    last_is_kept: bool,
}

/// Limits how many refs are kept of a list that may hold half a million.
#[derive(Debug, Default, PartialEq, Eq)]
struct KeptRefs {
    /// The full names of refs that are always kept, wherever they are in the list.
    wanted: Vec<String>,
    found: usize,
    /// The number of other refs that were kept, for error messages that list what exists.
    others: usize,
}

impl KeptRefs {
    /// Whether the ref `name` is kept: it is wanted, it conflicts with the name of a wanted one, or it is one of the
    /// first branches and tags.
    fn takes(&mut self, name: &str) -> bool {
        if self.wanted.iter().any(|wanted| wanted == name) {
            self.found += 1;
            // A server never lists a ref twice.
            return self.found <= self.wanted.len();
        }
        let within =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        let is_near = self.wanted.iter().any(|wanted| within(name, wanted) || within(wanted, name));
        let is_plain = name == "HEAD" || name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        let most = if is_near { 2 * REFS_KEPT } else { REFS_KEPT };
        let takes = (is_near || is_plain) && self.others < most;
        self.others += usize::from(takes);
        takes
    }
}

impl Advert {
    /// Reads the message, with or without smart HTTP's `# service=` line. Of a long list, only the refs `wanted` and
    /// some others are kept.
    pub(super) async fn read(reader: &mut PktReader, wanted: &[&str]) -> Result<Self, GitError> {
        let mut usage = Usage::new(REFS);
        let mut pkt = reader.next_of(&mut usage).await?;
        if matches!(&pkt, Some(Pkt::Data(data)) if data.starts_with(b"# service=")) {
            reader.next_of(&mut usage).await?;
            pkt = reader.next_of(&mut usage).await?;
        }
        let kept =
            KeptRefs { wanted: wanted.iter().map(|&name| name.to_owned()).collect(), ..KeptRefs::default() };
        let mut advert = Self { kept, ..Self::default() };
        loop {
            match pkt {
                Some(Pkt::Data(data)) => advert.add(&text(&data)),
                Some(_) => return Ok(advert),
                None => return Err(reader.cut()),
            }
            if advert.v2 {
                usage.becomes(CAPABILITIES);
            }
            pkt = reader.next_of(&mut usage).await?;
        }
    }

    /// The message that a current server is expected to send: protocol v2, with shallow and filtered fetches.
    pub(super) fn usual() -> Self {
        let capabilities = ["ls-refs", "fetch=shallow filter"].map(str::to_owned).to_vec();
        Self { v2: true, capabilities, ..Self::default() }
    }

    fn add(&mut self, line: &str) {
        if self.v2 {
            return self.capabilities.push(line.to_owned());
        }
        if line == "version 2" {
            self.v2 = true;
        }
        let (line, capabilities) = line.split_once('\0').unwrap_or((line, ""));
        // Capabilities come with the first ref only.
        if self.capabilities.is_empty() {
            let capabilities = capabilities.split_whitespace().take(CAPABILITIES.packets);
            self.capabilities.extend(capabilities.map(str::to_owned));
        }
        let Some((oid, name)) = line.split_once(' ').filter(|(oid, _)| is_oid(oid)) else { return };
        // An empty repository's `capabilities^{}` is not a ref, and has none before it.
        if name.ends_with(PEELED) {
            if std::mem::take(&mut self.last_is_kept) && name.len() <= REF_NAME + PEELED.len() {
                self.list.extend([oid, " ", name, "\n"]);
            }
            return;
        }
        let is_ref = name.len() <= REF_NAME && !name.contains('\n');
        self.last_is_kept = is_ref && self.kept.takes(name);
        if self.last_is_kept {
            self.list.extend([oid, " ", name, "\n"]);
        }
    }

    /// Whether refs were left out, because there are too many that nobody asked for by name.
    pub(super) fn is_cut(&self) -> bool {
        self.kept.others >= REFS_KEPT
    }

    /// The refs of protocol v0 and v1 whose names `wanted` accepts.
    pub(super) fn refs(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Ref> {
        let lines = self.list.lines().filter_map(|line| line.split_once(' '));
        let next = lines.clone().skip(1).map(Some).chain([None]);
        let refs = lines.zip(next).filter(|((_, name), _)| !name.ends_with(PEELED));
        refs.filter(move |((_, name), _)| wanted(name)).map(|((oid, name), next)| {
            let peeled = next.filter(|(_, next)| next.strip_suffix(PEELED) == Some(name));
            self.v0_ref(name, oid, peeled.map(|(oid, _)| oid.to_owned()))
        })
    }

    fn v0_ref(&self, name: &str, oid: &str, peeled: Option<String>) -> Ref {
        let symref = self.capabilities.iter().find_map(|c| c.strip_prefix("symref=")?.split_once(':'));
        let symref = symref.filter(|(from, _)| *from == name).map(|(_, to)| to.to_owned());
        Ref { name: name.to_owned(), oid: oid.to_owned(), symref, peeled }
    }

    /// Whether the server has the capability, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A capability's value; empty if it has none.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|c| match c.strip_prefix(name)? {
            "" => Some(""),
            rest => rest.strip_prefix('='),
        })
    }

    /// Whether a fetch may leave out objects.
    pub(super) fn can_filter(&self) -> bool {
        if self.v2 {
            self.value("fetch").is_some_and(|f| f.split(' ').any(|word| word == "filter"))
        } else {
            self.has("filter")
        }
    }

    /// Whether a fetch may leave out objects and ask for them by id later.
    pub(super) fn can_fetch_by_id(&self) -> bool {
        self.can_filter() && (self.v2 || self.has("allow-reachable-sha1-in-want"))
    }

    /// `sha1` or `sha256`.
    pub(super) fn object_format(&self) -> &str {
        self.value("object-format").unwrap_or("sha1")
    }
}

#[cfg(test)]
mod tests;
