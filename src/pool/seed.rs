//! Where the members of a pool are found.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::buildkit::{Address, BadAddress};
use crate::text;

/// The address of one daemon, or a name that stands for several.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seed {
    /// One daemon.
    Daemon(Address),
    /// `dns:HOST:PORT`: a daemon at each address of the name, such as that of a headless Service.
    Name {
        /// The name.
        host: String,
        /// The port of each daemon.
        port: u16,
    },
}

/// The reason why a string is no address of a daemon and no name of several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSeed {
    /// It is no address.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// It is no name.
    #[error(
        "`{0}` is no name of several daemons; write `dns:HOST:PORT`, such as `dns:buildkitd.buildkit.svc:1234`"
    )]
    Name(String),
}

impl FromStr for Seed {
    type Err = BadSeed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(name) = text.strip_prefix("dns:") else { return Ok(Self::Daemon(text.parse()?)) };
        let bad = || BadSeed::Name(text.to_owned());
        let (host, port) = name.rsplit_once(':').ok_or_else(bad)?;
        let port = text::port(port).filter(|port| *port != 0).ok_or_else(bad)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(bad());
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }
}

impl Seed {
    /// Whether it is a socket on this machine.
    pub fn is_socket(&self) -> bool {
        self.socket().is_some()
    }

    /// The path of a socket on this machine.
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Self::Daemon(Address::Unix(path)) => Some(path),
            Self::Daemon(Address::Tcp { .. }) | Self::Name { .. } => None,
        }
    }

    /// The host; `None` for a socket.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Daemon(Address::Tcp { host, .. }) | Self::Name { host, .. } => Some(host),
            Self::Daemon(Address::Unix(_)) => None,
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "dns:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_parsed_and_written_back() {
        for text in [
            "tcp://buildkitd-0.buildkitd.buildkit.svc:1234",
            "unix:///run/s",
            "dns:buildkitd.buildkit.svc:1234",
        ] {
            assert_eq!(text.parse::<Seed>().map(|seed| seed.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["dns:", "dns:host", "dns:host:0", "dns::1234", "dns://host:1234", "dns:a b:1", "dns:[::1]:1"]
        {
            assert_eq!(text.parse::<Seed>(), Err(BadSeed::Name(text.to_owned())));
        }
        for text in ["", "host:1234", "http://host:1234"] {
            assert!(matches!(text.parse::<Seed>(), Err(BadSeed::Address(_))), "{text}");
        }
    }
}
