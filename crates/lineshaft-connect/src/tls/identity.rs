//! What this node shows to those who connect to it. The files are looked at again while it runs, so that a renewed
//! certificate is shown without a restart; as long as the new files do not fit each other, the old ones stay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lineshaft_model::connection::tls::ServerTls;
use lineshaft_model::fault::Fault;
use lineshaft_model::time::Clock;
use rustls::ServerConfig;

use super::{certificates, private_key, provider, read, unusable};
use crate::secrets::{Secret, Secrets};

/// How long files are trusted to be unchanged. A new connection looks at them at most this often.
const FRESH: Duration = Duration::from_secs(1);

/// What this node shows to those who connect to it.
pub struct Identity {
    settings: ServerTls,
    secrets: Arc<Secrets>,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

/// Certificate and key as they stand in their files.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Secret,
}

struct Held {
    looked: Duration,
    /// The files of `config`, or newer ones that could not be used.
    seen: Option<Files>,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// `PROJECT-003` if one of them cannot be used or they do not belong together, `DELIVER-011` if the key's reference
    /// cannot be resolved.
    pub fn open(secrets: Arc<Secrets>, clock: Arc<dyn Clock>, settings: &ServerTls) -> Result<Arc<Self>, Fault> {
        let settings = settings.clone();
        let files = files(&settings, &secrets)?;
        let config = config(&settings, &secrets, &files)?;
        let held = Mutex::new(Held { looked: clock.monotonic(), seen: Some(files), config });
        Ok(Arc::new(Self { settings, secrets, clock, held }))
    }

    /// What is shown now.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        if now.saturating_sub(held.looked) < FRESH {
            return Arc::clone(&held.config);
        }
        held.looked = now;
        // What is read is told once, whether it can be used or not.
        match files(&self.settings, &self.secrets) {
            Ok(files) if held.seen.as_ref() == Some(&files) => {}
            Ok(files) => {
                match config(&self.settings, &self.secrets, &files) {
                    Ok(config) => {
                        tracing::info!(certificate = self.settings.certificate, "a new certificate is shown");
                        held.config = config;
                    }
                    Err(fault) => tracing::warn!(%fault, "the new certificate cannot be used; the old one stays"),
                }
                held.seen = Some(files);
            }
            Err(fault) if held.seen.take().is_some() => {
                tracing::warn!(%fault, "the certificate cannot be read again; the old one stays");
            }
            Err(_) => {}
        }
        Arc::clone(&held.config)
    }
}

fn files(settings: &ServerTls, secrets: &Secrets) -> Result<Files, Fault> {
    Ok(Files { certificate: read(&secrets.beside(&settings.certificate))?, key: secrets.get(&settings.key)? })
}

fn config(settings: &ServerTls, secrets: &Secrets, files: &Files) -> Result<Arc<ServerConfig>, Fault> {
    let file = secrets.beside(&settings.certificate);
    let chain = certificates(&files.certificate, &file)?;
    let key = private_key(files.key.reveal(), &settings.key.0)?;
    let unfit = |error: rustls::Error| unusable(format!("{} with {}: {error}", file.display(), settings.key.0));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
