//! The egress guard (NW-4): every connection that a connector opens goes through it.
//!
//! A name is resolved once, **all** its addresses are checked, and one of the checked addresses is connected to, so
//! that a name cannot change between check and use. Each address must be admitted:
//!
//! | address | admitted |
//! |---|---|
//! | link-local, multicast, unspecified, broadcast, reserved, cloud metadata, IPv4 inside IPv6 | never |
//! | loopback | if `loopback` is set (shown as an insecure setting) |
//! | private: RFC 1918, unique local, carrier-grade NAT, benchmark and protocol nets | if a listed network holds it |
//! | every other | if `host:port` is on the allow-list |
//!
//! Redirects are not followed anywhere, so no address reaches a connection unchecked. Proxies are deliberately absent.

mod address;

use std::net::{IpAddr, SocketAddr};

use lineshaft_model::fault::{Code, Fault};

use crate::net::{BoxStream, Net};
use address::{Kind, Network};

/// Addresses that connectors may connect to, as the installation file lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Allowed `host:port` pairs; `*` for any port. A host is a name or an address, compared as written in the URL.
    pub allow: Vec<String>,
    /// Whether loopback addresses may be connected to. For demo and tests.
    pub loopback: bool,
    /// Private networks that may be connected to, as CIDR, `10.1.0.0/16`.
    pub private: Vec<String>,
}

/// Most addresses of one name that are tried.
pub const ADDRESSES_MAX: usize = 16;

/// Decides which addresses may be connected to.
#[derive(Clone, Debug)]
pub struct Guard {
    allow: Vec<(String, Option<u16>)>,
    loopback: bool,
    private: Vec<Network>,
}

impl Guard {
    /// Reads the lists.
    ///
    /// # Errors
    /// `PROJECT-001` naming the entry that cannot be read.
    pub fn new(egress: &Egress) -> Result<Self, Fault> {
        let unusable = |entry: &str, why: &str| {
            Fault::new(Code::ProjectFile, format!("egress entry {entry:?} {why}")).at("lineshaft.yaml, egress")
        };
        let mut allow = Vec::with_capacity(egress.allow.len());
        for entry in &egress.allow {
            let (host, port) = entry.rsplit_once(':').ok_or_else(|| unusable(entry, "must be host:port or host:*"))?;
            let port = match port {
                "*" => None,
                digits => Some(digits.parse().map_err(|_| unusable(entry, "has no port number"))?),
            };
            let host = canonical(host).map_err(|why| unusable(entry, why))?;
            allow.push((host, port));
        }
        let private = egress
            .private
            .iter()
            .map(|entry| Network::parse(entry).ok_or_else(|| unusable(entry, "is not a network such as 10.1.0.0/16")))
            .collect::<Result<_, _>>()?;
        Ok(Self { allow, loopback: egress.loopback, private })
    }

    /// Connects to `host:port` if every address it stands for may be connected to.
    ///
    /// # Errors
    /// `DELIVER-010` if not; `DELIVER-001` if the name has no address or none answers. No byte has been sent then.
    pub async fn connect(&self, net: &dyn Net, host: &str, port: u16) -> Result<BoxStream, Fault> {
        let addresses = self.checked(net, host, port).await?;
        let mut last = None;
        for addr in addresses {
            match net.connect(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some((addr, error)),
            }
        }
        Err(match last {
            Some((addr, error)) => {
                Fault::new(Code::DeliverUnreachable, format!("{host}:{port} cannot be connected to: {error}"))
                    .at(addr.to_string())
            }
            None => Fault::new(Code::DeliverUnreachable, format!("the name {host} has no address")),
        })
    }

    /// The addresses of `host:port`, each of them checked.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn checked(&self, net: &dyn Net, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let name = canonical(host).map_err(|why| denied(host, port, why))?;
        let mut addresses = match name.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => {
                if !self.may_name_anything(&name, port) {
                    return Err(denied(host, port, "is not on the allow-list"));
                }
                net.resolve(&name, port).await.map_err(|error| {
                    Fault::new(Code::DeliverUnreachable, format!("the name {name} cannot be resolved: {error}"))
                })?
            }
        };
        for addr in &addresses {
            self.check(&name, port, addr.ip()).map_err(|why| denied(host, port, why).at(addr.ip().to_string()))?;
        }
        addresses.truncate(ADDRESSES_MAX);
        Ok(addresses)
    }

    /// Whether one address that `name` stands for may be connected to; otherwise why not.
    fn check(&self, name: &str, port: u16, ip: IpAddr) -> Result<(), &'static str> {
        match address::kind(ip) {
            Kind::Never(why) => Err(why),
            Kind::Loopback if self.loopback => Ok(()),
            Kind::Loopback => Err("is a loopback address, and egress.loopback is not set"),
            Kind::Private if self.private.iter().any(|network| network.holds(ip)) => Ok(()),
            Kind::Private => Err("is a private address in no network that egress.private lists"),
            Kind::Public if self.listed(name, port) => Ok(()),
            Kind::Public => Err("is not on the allow-list"),
        }
    }

    fn listed(&self, name: &str, port: u16) -> bool {
        self.allow.iter().any(|(host, allowed)| host == name && allowed.is_none_or(|allowed| allowed == port))
    }

    /// A name that no address of could be admitted is not even asked for: a DNS query carries data out as well.
    fn may_name_anything(&self, name: &str, port: u16) -> bool {
        self.listed(name, port) || self.loopback || !self.private.is_empty()
    }
}

fn denied(host: &str, port: u16, why: &str) -> Fault {
    Fault::new(Code::DeliverEgressDenied, format!("{host}:{port} {why}"))
}

/// The one spelling of a host: lower case, no trailing dot, no brackets. Refuses what two readers could read differently.
fn canonical(host: &str) -> Result<String, &'static str> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(ip) => Ok(ip.to_string()),
            Err(_) => Err("is not an IPv6 address (zones are not allowed)"),
        };
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(ip.to_string());
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 253 || !name.bytes().all(plain) || name.split('.').any(str::is_empty) {
        return Err("is not a host name");
    }
    // 2130706433, 0x7f.1 and 0177.0.0.1 are addresses to some resolvers (inet_aton) and names to others.
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !numeric {
        return Ok(name);
    }
    match name.parse::<std::net::Ipv4Addr>() {
        Ok(ip) => Ok(ip.to_string()),
        Err(_) => Err("is an address in an ambiguous spelling: write it as four decimal numbers"),
    }
}

#[cfg(test)]
mod tests;
