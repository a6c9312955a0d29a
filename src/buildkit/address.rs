//! The address at which a daemon listens.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::text;

/// A daemon's address: `tcp://host:port` or `unix:///path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP, with or without TLS.
    Tcp {
        /// A name or an IP address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket on this machine.
    Unix(PathBuf),
}

/// The reason why a string is not a daemon address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It has not the form of an address.
    #[error("`{0}` is not a buildkitd address; write `tcp://host:port` or `unix:///path/to/buildkitd.sock`")]
    Form(String),
    /// It has a scheme for which buildctl starts a program (BuildKit `client/connhelper`).
    #[error(
        "`{address}`: buildctl runs `{program}` for this scheme, and argo-buildkit runs no program; {mend}"
    )]
    Program {
        /// The whole address.
        address: String,
        /// The program.
        program: &'static str,
        /// What to do instead.
        mend: &'static str,
    },
}

/// What to do about a daemon in a container.
const CONTAINER: &str = "start its container with `-p 127.0.0.1:1234:1234` and buildkitd in it with \
     `--addr tcp://0.0.0.0:1234`, and write `tcp://127.0.0.1:1234`";

/// The schemes for which buildctl starts a program, with what to do instead.
const PROGRAMS: [(&str, &str, &str); 5] = [
    ("docker-container", "docker exec", CONTAINER),
    ("podman-container", "podman exec", CONTAINER),
    ("nerdctl-container", "nerdctl exec", CONTAINER),
    (
        "kube-pod",
        "kubectl exec",
        "run `kubectl port-forward POD 1234` and write `tcp://127.0.0.1:1234`; in the cluster, name its Service, \
         such as `tcp://buildkitd.buildkit.svc:1234`",
    ),
    (
        "ssh",
        "ssh",
        "run `ssh -N -L 1234:/run/buildkit/buildkitd.sock USER@HOST` and write `tcp://127.0.0.1:1234`",
    ),
];

impl BadAddress {
    fn of(address: &str) -> Self {
        let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
        let known = PROGRAMS.iter().find(|(name, ..)| *name == scheme);
        let address = address.to_owned();
        match known {
            Some(&(_, program, mend)) => Self::Program { address, program, mend },
            None => Self::Form(address),
        }
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(address: &str) -> Result<Self, Self::Err> {
        let bad = || BadAddress::of(address);
        if let Some(path) = address.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(bad()) };
        }
        let (host, port) =
            address.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':')).ok_or_else(bad)?;
        let port = text::port(port).filter(|port| *port != 0).ok_or_else(bad)?;
        let valid = match bracketed(host) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '[', ']', '/', '@', ' ']),
        };
        if valid { Ok(Self::Tcp { host: host.to_owned(), port }) } else { Err(bad()) }
    }
}

/// The IPv6 address in `[::1]`, in the form that a certificate uses.
pub(super) fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_written_back() {
        for text in ["tcp://buildkitd.ci.svc:1234", "tcp://[::1]:1234", "unix:///run/buildkit/buildkitd.sock"]
        {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "buildkitd:1234",
            "tcp://host",
            "tcp://host:0",
            "tcp://:1",
            "unix://rel",
            "http://h:1",
            "tcp://u@h:1",
            "tcp://h:+1234",
            "tcp://::1:1234",
            "tcp://[::1:1234",
            "tcp://[h]:1234",
        ] {
            assert_eq!(text.parse::<Address>(), Err(BadAddress::Form(text.to_owned())));
        }
    }

    #[test]
    fn what_buildctl_needs_a_program_for_is_refused_by_name() {
        for (scheme, program, _) in PROGRAMS {
            let address = format!("{scheme}://buildkitd");
            let error = address.parse::<Address>().map_err(|error| error.to_string());
            let said = error.err().unwrap_or_default();
            assert!(said.starts_with(&format!("`{address}`: buildctl runs `{program}` ")), "{said}");
            assert!(said.contains("and write `tcp://127.0.0.1:1234`"), "{said}");
        }
    }
}
