//! Addresses that are never a user's server: link-local ones, and the metadata services of clouds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::text;

/// Metadata services outside the link-local networks: Azure's and Alibaba's, and over IPv6 those of AWS (EC2, EKS)
/// and Google. They give a machine's credentials to every client.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The addresses that a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// All addresses except link-local and metadata ones. Servers in the cluster have private addresses.
    Cluster,
    /// Public addresses only, for targets that a foreign server has named.
    Public,
}

/// An address that is not allowed. The text is written to follow `cannot …: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} {class}")]
pub(crate) struct RefusedAddress {
    /// The host in the URL. If it is a name, its address is added.
    host: String,
    /// The reason, and what to do.
    class: Class,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    LinkLocal,
    Metadata,
    Inner,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkLocal => {
                "is a link-local address (169.254.0.0/16, fe80::/10), where a machine keeps its metadata and credentials; \
                 no request is sent there; name the server's own address"
            }
            Self::Metadata => {
                "is the address of a cloud's metadata service, which hands out a machine's credentials; no request is \
                 sent there; name the server's own address"
            }
            Self::Inner => {
                "is a private or loopback address, and another server sent us there; only public addresses are asked \
                 on a foreign server's word; let that server name a public address"
            }
        })
    }
}

impl RefusedAddress {
    /// Whether only [`Network::Public`] forbids it.
    pub(crate) fn is_inner(&self) -> bool {
        self.class == Class::Inner
    }
}

impl Network {
    /// Checks whether `ip` may be connected to. `name` is the name that was resolved to it, if there is one.
    pub(crate) fn allows(self, ip: IpAddr, name: Option<&str>) -> Result<(), RefusedAddress> {
        let host = || match name {
            Some(name) => format!("{} ({ip})", text::brief(name, text::SHOWN)),
            None => ip.to_string(),
        };
        match class(ip, self) {
            Some(class) => Err(RefusedAddress { host: host(), class }),
            None => Ok(()),
        }
    }

    /// Checks the host of `url` if it is an address. Names are checked after they are resolved.
    pub(crate) fn allows_url(self, url: &Url) -> Result<(), RefusedAddress> {
        match url.host() {
            Some(Host::Ipv4(ip)) => self.allows(ip.into(), None),
            Some(Host::Ipv6(ip)) => self.allows(ip.into(), None),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

fn class(ip: IpAddr, network: Network) -> Option<Class> {
    // An IPv6 address that contains an IPv4 address is refused if either is refused.
    let within = match ip {
        IpAddr::V6(ip) => embedded(ip).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    [Some(ip), within].into_iter().flatten().find_map(|ip| match ip {
        ip if METADATA.contains(&ip) => Some(Class::Metadata),
        ip if is_link_local(ip) => Some(Class::LinkLocal),
        ip if network == Network::Public && is_inner(ip) => Some(Class::Inner),
        _ => None,
    })
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address is not on the public Internet (RFC 6890).
fn is_inner(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                // Shared address space (RFC 6598), and benchmarking (RFC 2544).
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
        }
        IpAddr::V6(ip) => {
            // fec0::/10 was the range of site-local addresses (RFC 3879).
            let site = ip.segments()[0] & 0xffc0 == 0xfec0;
            // The caller checks an embedded IPv4 address separately.
            let local = (ip.is_loopback() || ip.is_unspecified()) || ip.is_unique_local();
            local || site || ip.is_multicast()
        }
    }
}

/// The IPv4 address inside an IPv6 address: mapped, compatible (RFC 4291), translated (RFC 2765, RFC 6052, RFC 8215),
/// or 6to4 (RFC 3056).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |[.., high, low]: [u16; 8]| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let segments = ip.segments();
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(last(segments)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Some(last(segments)),
        [0x2002, high, low, ..] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}
