//! What kind of address an address is: the tables of RFC 6890 as far as the guard needs them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the guard asks of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Never connected to, and why.
    Never(&'static str),
    /// This machine.
    Loopback,
    /// A network that is not routed publicly.
    Private,
    /// Every other.
    Public,
}

/// Addresses at which clouds hand out credentials, outside the link-local range.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

const METADATA: Kind = Kind::Never("is a cloud metadata address, which is never connected to");
const LINK_LOCAL: Kind = Kind::Never("is a link-local address, which is never connected to");
const MULTICAST: Kind = Kind::Never("is a multicast address, which is never connected to");
const UNSPECIFIED: Kind = Kind::Never("is the unspecified address, which is never connected to");
const RESERVED: Kind = Kind::Never("is a broadcast or reserved address, which is never connected to");
const EMBEDDED: Kind = Kind::Never("is an IPv4 address inside an IPv6 address, which is never connected to");

/// The kind of an address.
pub(super) fn kind(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        _ if METADATA_V4.contains(&ip) => METADATA,
        (0, ..) => UNSPECIFIED,
        (127, ..) => Kind::Loopback,
        (169, 254, _) => LINK_LOCAL,
        (224..=239, ..) => MULTICAST,
        (240..=255, ..) => RESERVED,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Kind::Private,
        (100, 64..=127, _) | (198, 18..=19, _) | (192, 0, 0) => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    let words = ip.segments();
    match words {
        [0, 0, 0, 0, 0, 0, 0, 0] => UNSPECIFIED,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        // IPv4-mapped, IPv4-compatible, translated (RFC 2765), and the tunnels 6to4 and Teredo.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => EMBEDDED,
        [0x2002, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, 1, ..] => EMBEDDED,
        // What DNS64 makes of a public IPv4 address is as public as that address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            match kind_v4(Ipv4Addr::new(a, b, c, d)) {
                Kind::Public => Kind::Public,
                Kind::Never(why) => Kind::Never(why),
                Kind::Loopback | Kind::Private => EMBEDDED,
            }
        }
        _ if ip == METADATA_V6 => METADATA,
        [first, ..] if first & 0xffc0 == 0xfe80 => LINK_LOCAL,
        [first, ..] if first & 0xffc0 == 0xfec0 => RESERVED,
        [first, ..] if first & 0xff00 == 0xff00 => MULTICAST,
        [first, ..] if first & 0xfe00 == 0xfc00 => Kind::Private,
        [0x0100, 0, 0, 0, ..] => RESERVED,
        _ => Kind::Public,
    }
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    base: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.1.0.0/16`. `None` if it cannot be read.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/')?;
        let base: IpAddr = base.parse().ok()?;
        let bits = bits.parse().ok()?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        (bits <= widest).then_some(Self { base, bits })
    }

    /// Whether the network holds the address.
    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let differing = base.to_bits() ^ ip.to_bits();
                differing.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let differing = base.to_bits() ^ ip.to_bits();
                differing.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}
