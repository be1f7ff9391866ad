//! Tables: which host and address is admitted under which lists.

use std::collections::HashMap;
use std::io;

use super::*;
use crate::contract::BoxFuture;
use crate::net::Inlet;

/// A network that knows some names and connects to nothing.
struct Names(HashMap<&'static str, Vec<&'static str>>);

impl Net for Names {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let found = self.0.get(host).ok_or_else(|| io::Error::other("no such name"))?;
            Ok(found.iter().map(|ip| SocketAddr::new(ip.parse().expect(ip), port)).collect())
        })
    }

    fn connect(&self, addr: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(async move { Err(io::Error::other(format!("reached {addr}"))) })
    }

    fn listen(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Inlet>>> {
        Box::pin(async { Err(io::Error::other("does not listen")) })
    }
}

fn egress(allow: &[&str], loopback: bool, private: &[&str]) -> Guard {
    let list = |items: &[&str]| items.iter().map(ToString::to_string).collect();
    Guard::new(&Egress { allow: list(allow), loopback, private: list(private) }).expect("lists")
}

/// `ok` with the first address, or the code.
async fn verdict(guard: &Guard, host: &str, port: u16) -> String {
    let names = Names(HashMap::from([
        ("erp.example.com", vec!["203.0.113.7", "2001:db8::7"]),
        ("rebound.example.com", vec!["203.0.113.7", "127.0.0.1"]),
        ("metadata.example.com", vec!["169.254.169.254"]),
        ("plant.example.com", vec!["10.1.2.3"]),
        ("mixed.example.com", vec!["10.1.2.3", "10.2.0.1"]),
        ("empty.example.com", vec![]),
    ]));
    match guard.checked(&names, host, port).await {
        Ok(addresses) => {
            format!("ok {}", addresses.first().map_or("none".to_owned(), ToString::to_string))
        }
        Err(fault) => fault.code.as_str().to_owned(),
    }
}

#[tokio::test]
async fn names_need_the_list_and_every_address_counts() {
    let guard = egress(
        &["ERP.example.com.:443", "rebound.example.com:*", "metadata.example.com:*", "mixed.example.com:*"],
        false,
        &["10.1.0.0/16"],
    );
    for (host, port, expected) in [
        ("erp.example.com", 443, "ok 203.0.113.7:443"),
        ("Erp.Example.COM", 443, "ok 203.0.113.7:443"),
        ("erp.example.com.", 443, "ok 203.0.113.7:443"),
        ("erp.example.com", 80, "DELIVER-010"),
        ("erp.example.com..", 443, "DELIVER-010"),
        ("erp.example.com.evil.org", 443, "DELIVER-001"),
        ("erp.example.com@evil.org", 443, "DELIVER-010"),
        ("evil.org#erp.example.com", 443, "DELIVER-010"),
        ("erp.example.com\\@evil.org", 443, "DELIVER-010"),
        ("erp%2eexample.com", 443, "DELIVER-010"),
        ("", 443, "DELIVER-010"),
        ("rebound.example.com", 443, "DELIVER-010"),
        ("metadata.example.com", 80, "DELIVER-010"),
        ("mixed.example.com", 80, "DELIVER-010"),
        ("plant.example.com", 80, "ok 10.1.2.3:80"),
        ("nowhere.example.com", 80, "DELIVER-001"),
    ] {
        assert_eq!(verdict(&guard, host, port).await, expected, "{host}:{port}");
    }
    let strict = egress(&["erp.example.com:443"], false, &[]);
    assert_eq!(verdict(&strict, "nowhere.example.com", 443).await, "DELIVER-010", "not even resolved");
}

#[tokio::test]
async fn addresses_that_are_never_connected_to() {
    let never = [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[febf::1]",
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]",
        "[ff02::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.1.2.3]",
        "[::ffff:203.0.113.7]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[fec0::1]",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.0x1",
        "017700000001",
        "256.1.1.1",
        "localhost:80",
        "[127.0.0.1]",
    ];
    for host in never {
        // Even with everything switched on and the address itself on the list where it can be written there.
        let mut lists =
            Egress { allow: vec![], loopback: true, private: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()] };
        if canonical(host).is_ok() {
            lists.allow.push(format!("{host}:*"));
        }
        let guard = Guard::new(&lists).expect(host);
        assert_eq!(verdict(&guard, host, 80).await, "DELIVER-010", "{host}");
    }
}

#[tokio::test]
async fn loopback_and_private_addresses_need_their_switch() {
    let (closed, open) = (egress(&["127.0.0.1:*", "10.1.2.3:*", "203.0.113.9:80"], false, &[]), egress(&[], true, &[]));
    let private = egress(&[], false, &["10.1.0.0/16", "fd12::/16", "100.64.0.0/10"]);
    for (guard, host, expected) in [
        (&closed, "127.0.0.1", "DELIVER-010"),
        (&closed, "[::1]", "DELIVER-010"),
        (&closed, "10.1.2.3", "DELIVER-010"),
        (&closed, "203.0.113.9", "ok 203.0.113.9:80"),
        (&open, "127.0.0.1", "ok 127.0.0.1:80"),
        (&open, "[::1]", "ok [::1]:80"),
        (&open, "10.1.2.3", "DELIVER-010"),
        (&open, "203.0.113.9", "DELIVER-010"),
        (&private, "10.1.255.255", "ok 10.1.255.255:80"),
        (&private, "10.2.0.0", "DELIVER-010"),
        (&private, "192.168.0.1", "DELIVER-010"),
        (&private, "172.31.0.1", "DELIVER-010"),
        (&private, "172.32.0.1", "DELIVER-010"),
        (&private, "100.127.0.1", "ok 100.127.0.1:80"),
        (&private, "[fd12::1]", "ok [fd12::1]:80"),
        (&private, "[fd13::1]", "DELIVER-010"),
        (&private, "127.0.0.1", "DELIVER-010"),
    ] {
        assert_eq!(verdict(guard, host, 80).await, expected, "{host}");
    }
}

#[tokio::test]
async fn the_checked_address_is_the_one_connected_to() {
    let guard = egress(&["erp.example.com:443"], false, &[]);
    let names = Names(HashMap::from([("erp.example.com", vec!["203.0.113.7"])]));
    let fault = guard.connect(&names, "erp.example.com", 443).await.map(|_| ()).expect_err("connects to nothing");
    assert_eq!(
        fault.to_string(),
        "DELIVER-001 erp.example.com:443 cannot be connected to: reached 203.0.113.7:443 (at 203.0.113.7:443)"
    );
}

#[test]
fn lists_that_cannot_be_read_say_which_entry() {
    for (allow, private) in [("erp.example.com", ""), ("erp.example.com:x", ""), ("0x7f.1:80", ""), ("", "10.0.0.0/33")]
    {
        let list = |entry: &str| if entry.is_empty() { vec![] } else { vec![entry.to_owned()] };
        let lists = Egress { allow: list(allow), loopback: false, private: list(private) };
        let fault = Guard::new(&lists).expect_err(allow);
        assert!(fault.message.contains(&format!("{:?}", format!("{allow}{private}"))), "{fault}");
    }
}
