//! Whom this node believes, and how it proves itself: one configuration for each connection. Files are read when the
//! connection is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use lineshaft_model::connection::tls::ClientTls;
use lineshaft_model::fault::Fault;
use lineshaft_model::intake::sha256;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::{certificates, private_key, provider, read, unusable};
use crate::secrets::Secrets;

/// What a connection to a system is made with. Without settings the public authorities are believed.
///
/// # Errors
/// `PROJECT-003` for a file that cannot be used, `DELIVER-011` for a key whose reference cannot be resolved.
pub fn towards(secrets: &Secrets, settings: Option<&ClientTls>) -> Result<ClientConfig, Fault> {
    let Some(settings) = settings else { return finished(public(), Vec::new(), None) };
    let roots = match &settings.ca {
        None => public(),
        Some(ca) => private(&secrets.beside(ca))?,
    };
    let pins = settings.pins().map_err(|pin| unusable(format!("{pin:?} is no SHA-256 of a public key")))?;
    let proof = match (&settings.certificate, &settings.key) {
        (Some(file), Some(key)) => {
            let file = secrets.beside(file);
            let chain = certificates(&read(&file)?, &file)?;
            Some((chain, private_key(secrets.get(key)?.reveal(), &key.0)?))
        }
        (None, None) => None,
        _ => return Err(unusable("a client certificate needs both `certificate` and `key`")),
    };
    finished(roots, pins, proof)
}

/// Believes the authorities in a PEM file, or the public ones.
///
/// # Errors
/// `PROJECT-003` if the file cannot be used.
pub fn believing(ca: Option<&Path>) -> Result<ClientConfig, Fault> {
    finished(ca.map_or_else(|| Ok(public()), private)?, Vec::new(), None)
}

/// Expects exactly the first certificate in a PEM file, whatever name it has: for whoever can read the file of the
/// very node that is asked.
///
/// # Errors
/// `PROJECT-003` if the file cannot be used.
pub fn expecting(certificate: &Path) -> Result<ClientConfig, Fault> {
    let only = certificates(&read(certificate)?, certificate)?.remove(0);
    let verifier = Arc::new(Exactly { only, provider: provider() });
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| unusable(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

type Proof = (Vec<CertificateDer<'static>>, rustls::pki_types::PrivateKeyDer<'static>);

fn finished(roots: RootCertStore, pins: Vec<[u8; 32]>, proof: Option<Proof>) -> Result<ClientConfig, Fault> {
    let failed = |error: Error| unusable(error.to_string());
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let chain = chain.map_err(|error| unusable(error.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(failed)?;
    // The library calls every verifier of ours dangerous. This one only adds to its own.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned { chain, pins }));
    match proof {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(failed),
    }
}

fn public() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn private(file: &Path) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&read(file)?, file)? {
        roots.add(certificate).map_err(|error| unusable(format!("{}: {error}", file.display())))?;
    }
    Ok(roots)
}

/// The library's own check of chain, name, time and usage; then the key, if keys are pinned.
#[derive(Debug)]
struct Pinned {
    chain: Arc<WebPkiServerVerifier>,
    pins: Vec<[u8; 32]>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let good = self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if self.pins.is_empty() {
            return Ok(good);
        }
        let key = sha256(ParsedCertificate::try_from(end_entity)?.subject_public_key_info().as_ref());
        if self.pins.contains(&key) { Ok(good) } else { Err(other("its public key is none of those that are pinned")) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// One certificate and no other; its key must have signed the greeting.
#[derive(Debug)]
struct Exactly {
    only: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let same = end_entity.as_ref() == self.only.as_ref();
        if same { Ok(ServerCertVerified::assertion()) } else { Err(other("it is not the certificate of this node")) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a certificate is refused, in words that the library passes on.
struct Refused(&'static str);

fn other(why: &'static str) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Refused(why)))))
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}
