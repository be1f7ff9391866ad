//! Secrets by reference (SC-1): `env:NAME` or `secret:NAME`, a file below the node's `secrets` directory.
//!
//! A value is read again when it is older than [`crate::secrets::FRESH`], so that a rotated secret is used without a restart (SC-3).
//! Values never appear in `Debug`, `Display` or a fault. Encrypted stores are deliberately absent here.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lineshaft_model::connection::SecretRef;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::time::Clock;

/// How long a value read is used before it is read again.
pub const FRESH: Duration = Duration::from_secs(5);

/// Largest secret file, in bytes.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A resolved value. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// A text that must be shown nowhere.
    pub(crate) fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Resolves references.
pub struct Secrets {
    dir: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, (Duration, Secret)>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Secrets {
    /// Secrets in files below `dir` (none if there is no such directory) and in environment variables.
    pub fn new(dir: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { dir, clock, known: Mutex::default() }
    }

    /// Where a file lies that is no secret, a certificate: absolute, or relative to the directory that holds the one of the
    /// secrets.
    pub fn beside(&self, file: &str) -> PathBuf {
        let data = self.dir.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new("."));
        data.join(file)
    }

    /// The value that a reference stands for, at most [`FRESH`] old. One trailing line end of a file is dropped.
    ///
    /// # Errors
    /// `DELIVER-011` if there is none, if it is empty, or if the text is not a reference; names the reference only.
    pub fn get(&self, reference: &SecretRef) -> Result<Secret, Fault> {
        let now = self.clock.monotonic();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, secret)) = known.get(&reference.0)
            && now.saturating_sub(*read) < FRESH
        {
            return Ok(secret.clone());
        }
        let secret = Secret::new(&self.read(reference)?);
        known.insert(reference.0.clone(), (now, secret.clone()));
        Ok(secret)
    }

    fn read(&self, reference: &SecretRef) -> Result<String, Fault> {
        let unresolved = |why: String| Fault::new(Code::DeliverSecret, format!("{reference:?} {why}"));
        let value = if let Some(name) = reference.env() {
            std::env::var(name).map_err(|_| unresolved("is not set, or not text".into()))?
        } else if let Some(name) = reference.secret() {
            let dir = self.dir.as_ref().ok_or_else(|| unresolved("needs a directory for secrets".into()))?;
            // Names may have folders (`erp/client`) but never lead out of the directory.
            if !name.split('/').all(is_plain_name) {
                return Err(unresolved("is not a plain name".into()));
            }
            let file = dir.join(name);
            let size = std::fs::metadata(&file).map_err(|error| unresolved(format!("cannot be read: {error}")))?.len();
            if size > SECRET_BYTES_MAX {
                return Err(unresolved(format!("is larger than {SECRET_BYTES_MAX} bytes")));
            }
            let text =
                std::fs::read_to_string(&file).map_err(|error| unresolved(format!("cannot be read: {error}")))?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            line.strip_suffix('\r').unwrap_or(line).to_owned()
        } else {
            return Err(unresolved("must be written as env:NAME or secret:NAME".into()));
        };
        if value.is_empty() { Err(unresolved("is empty".into())) } else { Ok(value) }
    }
}

fn is_plain_name(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
