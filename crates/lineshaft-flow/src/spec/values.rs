//! Texts that mean something: addresses, networks, references to secrets, templates.

use std::net::{IpAddr, SocketAddr};

/// Reads the address of a listener, `127.0.0.1:7400`.
pub fn listener(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address with a port"))
}

/// Whether `text` is an IANA time zone of the database in this program.
pub fn is_time_zone(text: &str) -> bool {
    jiff::tz::TimeZoneDatabase::bundled().get(text).is_ok()
}

/// The known time zones, for suggestions.
pub fn time_zones() -> Vec<String> {
    jiff::tz::TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}

/// Whether `text` is `host:port` or `host:*`, the host not empty.
pub fn is_egress(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && (port == "*" || port.parse::<u16>().is_ok_and(|port| port > 0))
    })
}

/// Whether `text` is a network, `10.1.0.0/16`.
pub fn is_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
}

/// A literal base address of a system.
#[derive(Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// Whether it is `https`.
    pub encrypted: bool,
    /// The host as written, without brackets around a version 6 address.
    pub host: &'a str,
    /// The port, also if it is not written.
    pub port: u16,
    /// Whether user or password stand in it.
    pub has_user: bool,
}

/// Reads `https://host:port/path`. `None` if it is no such address.
pub fn url(text: &str) -> Option<Url<'_>> {
    let (encrypted, rest) = match text.split_once("://")? {
        ("https", rest) => (true, rest),
        ("http", rest) => (false, rest),
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let (has_user, authority) = match authority.rsplit_once('@') {
        Some((_, authority)) => (true, authority),
        None => (false, authority),
    };
    let default_port = if encrypted { 443 } else { 80 };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map_or(Some(default_port), |port| port.parse().ok())?;
    let plain = host.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':'));
    (!host.is_empty() && plain).then_some(Url { encrypted, host, port, has_user })
}

/// Whether `host` is this machine.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether `text` refers to a value outside the project files: `env:NAME` or `secret:NAME`.
pub fn is_reference(text: &str) -> bool {
    let named = |name: &str, extra: &[char]| {
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || extra.contains(&letter))
    };
    match text.split_once(':') {
        Some(("env", name)) => named(name, &['_']),
        // A secret is a file below one directory: no name may lead out of it.
        Some(("secret", name)) => {
            named(name, &['_', '-', '.', '/'])
                && !name.starts_with('/')
                && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        }
        _ => false,
    }
}

/// Checks the places `{name}` of a template. The error says what is wrong.
pub fn template(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let Some(inside) = rest[at..].strip_prefix('{') else {
            return Err("`}` stands without `{`".to_owned());
        };
        let Some((name, after)) = inside.split_once('}') else {
            return Err("`{` stands without `}`".to_owned());
        };
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            return Err(format!("`{{{name}}}` is not the name of a field"));
        }
        rest = after;
    }
    Ok(())
}

/// Whether `text` is an instant with its offset, `2026-01-01T00:00:00Z`.
pub fn is_instant(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// Whether `text` is the name of a field in another system's model: letters, digits and `_`.
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Whether `text` is a name of ours: small letters, digits and `-`, beginning with a letter.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// Name and major version of `production.order.released@1`.
pub fn event_name(text: &str) -> Option<(&str, u32)> {
    let (name, major) = text.split_once('@')?;
    let parts = name.split('.').all(is_name);
    parts.then_some(())?;
    let major: u32 = major.parse().ok()?;
    (major > 0).then_some((name, major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_cannot_leave_the_directory_of_secrets() {
        for right in ["env:ERP_URL", "secret:erp-inbound", "secret:erp/client"] {
            assert!(is_reference(right), "{right}");
        }
        for wrong in ["hunter2", "env:", "secret:../token", "secret:/etc/passwd", "secret:a//b", "vault:x", "env:A B"] {
            assert!(!is_reference(wrong), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let read = |text| url(text).map(|it| (it.encrypted, it.host.to_owned(), it.port, it.has_user));
        assert_eq!(read("https://erp.example.com/api"), Some((true, "erp.example.com".into(), 443, false)));
        assert_eq!(read("http://[::1]:8080"), Some((false, "::1".into(), 8080, false)));
        assert_eq!(read("http://me:pw@erp:80/"), Some((false, "erp".into(), 80, true)));
        for wrong in ["erp.example.com", "ftp://erp", "http://", "http://erp:x", "http://a b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(is_egress("erp.example.com:443") && is_egress("127.0.0.1:*"));
        assert!(
            !is_egress("erp.example.com") && !is_egress(":443") && !is_egress("erp:0") && !is_egress("http://erp:80")
        );
        assert!(is_network("10.1.0.0/16") && is_network("fd00::/8"));
        assert!(!is_network("10.1.0.0") && !is_network("10.1.0.0/33") && !is_network("erp/8"));
    }

    #[test]
    fn templates_name_fields_in_braces() {
        assert_eq!(template("/orders/{order}/x?$filter=a eq '{target_key}'"), Ok(()));
        for (wrong, said) in [("/a/{b", "without `}`"), ("/a}/", "without `{`"), ("/{}", "`{}`"), ("/{a b}", "`{a b}`")]
        {
            let error = template(wrong).expect_err(wrong);
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn events_carry_their_major_version() {
        assert_eq!(event_name("production.order.released@1"), Some(("production.order.released", 1)));
        for wrong in ["production.order", "a@0", "a@x", "A.b@1", "a..b@1", "@1"] {
            assert_eq!(event_name(wrong), None, "{wrong}");
        }
    }
}
