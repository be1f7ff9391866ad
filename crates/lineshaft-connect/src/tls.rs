//! TLS: on the listeners of this node and towards systems. rustls with ring; certificates and keys are PEM files.
//!
//! Chain, name, time and key usage of a system's certificate are always checked; a way around it does not exist (PK-7).
//! Deliberately absent: client certificates of those who send to this node, revocation lists, ACME.

/// What this node shows to those who connect to it, renewed while it runs.
mod identity;

/// A listener behind TLS.
mod inlet;

/// Whom this node believes, and how it proves itself.
mod trust;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use lineshaft_model::fault::{Code, Fault};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use identity::Identity;
pub use inlet::TlsInlet;
pub use trust::{believing, expecting, towards};

use crate::net::{Inlet, Net};

/// Largest PEM file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Starts to listen at `addr`: in plain, or as `identity`.
///
/// # Errors
/// `PROJECT-002` if the address cannot be listened at.
pub async fn listen(net: &dyn Net, addr: SocketAddr, identity: Option<Arc<Identity>>) -> Result<Box<dyn Inlet>, Fault> {
    let unheard = |error| Fault::new(Code::ProjectAddress, format!("cannot listen at {addr}: {error}"));
    let plain = net.listen(addr).await.map_err(unheard)?;
    Ok(match identity {
        None => plain,
        Some(identity) => Box::new(TlsInlet::new(plain, identity)),
    })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unusable(what: impl Into<String>) -> Fault {
    Fault::new(Code::ProjectCertificate, what)
}

fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |error: std::io::Error| unusable(format!("{} cannot be read: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > FILE_BYTES_MAX {
        return Err(unusable(format!("{} is larger than {FILE_BYTES_MAX} bytes", file.display())));
    }
    std::fs::read(file).map_err(failed)
}

/// Every certificate of a PEM file, at least one.
fn certificates(pem: &[u8], file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| unusable(format!("{} is not PEM: {error}", file.display())))?;
    if read.is_empty() {
        return Err(unusable(format!("{} holds no certificate", file.display())));
    }
    Ok(read)
}

/// A private key; the fault names its reference alone.
fn private_key(pem: &str, reference: &str) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable(format!("{reference} is no private key in PEM")))
}
