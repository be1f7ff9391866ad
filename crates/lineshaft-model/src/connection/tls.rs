//! TLS: what this node shows to those who connect to it, and whom it believes when it connects.
//!
//! Files are PEM, named absolutely or relative to the data directory. There is no setting that skips a check.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// TLS on the listeners of this node. Both files are read again when they change; a certificate is renewed without a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// PEM file of the certificate, and after it those of the authorities between it and the one that others believe.
    /// Absolute, or relative to the data directory: `tls/hub.pem`.
    pub certificate: String,
    /// Its private key as PEM, by reference: `secret:tls/hub-key`.
    pub key: SecretRef,
}

/// TLS towards a system. Its certificate, the name in it, its time and its chain are always checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientTls {
    /// PEM file of the authorities that are believed, instead of the public ones: for a company's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// PEM file of the certificate by which this node proves who it is, if the system asks for one. Needs `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Private key of that certificate as PEM, by reference: `secret:tls/erp-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// SHA-256 of the public keys that the system's certificate may have, 64 hexadecimal digits each, on top of all
    /// checks. Name the next key as well: a system with another is out of reach.
    #[serde(default)]
    pub pins: Vec<String>,
}

impl ClientTls {
    /// The pins as bytes; the error is the one that is no pin.
    pub fn pins(&self) -> Result<Vec<[u8; 32]>, String> {
        self.pins.iter().map(|text| digest(text).ok_or_else(|| text.clone())).collect()
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_64_digits() {
        let with = |pin: &str| ClientTls { pins: vec![pin.to_owned()], ..ClientTls::default() }.pins();
        assert_eq!(with(&"0aFf".repeat(16)), Ok(vec![[0x0a, 0xff].repeat(16).try_into().unwrap()]));
        for wrong in ["", "0a", &"0x".repeat(32), &"ä".repeat(32)] {
            assert_eq!(with(wrong), Err(wrong.to_owned()));
        }
    }
}
