//! The node's token: 256 bits from the operating system, made at the first start (HD-4), kept in a file that only the
//! node's user may read. Whoever knows it may command; the name they give themselves is recorded, not proven.

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use lineshaft_model::intake::sha256;

/// Name of the token's file in the data directory.
pub const FILE: &str = "token";

/// Bytes of randomness in a token made here.
const RANDOM_BYTES: usize = 32;

/// Shortest token accepted from a file, in characters: one written by hand may be no easier to guess.
const CHARS_MIN: usize = 32;

/// Longest token file read, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// A token, kept as its SHA-256 only.
#[derive(Clone)]
pub struct Token {
    digest: [u8; 32],
    /// Whether others on this machine can read its file.
    pub exposed: bool,
}

impl Token {
    /// Reads the token of a data directory; makes directory and token if they are not there.
    ///
    /// # Errors
    /// The file can be neither read nor made, or holds fewer than 32 characters.
    pub fn open(data: &Path) -> io::Result<Self> {
        make_directory(data)?;
        let path = data.join(FILE);
        let text = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            other => other?,
        };
        let text = text.trim();
        if text.chars().count() < CHARS_MIN {
            let said = format!(
                "{} holds fewer than {CHARS_MIN} characters; remove it and a new token is made",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, said));
        }
        Ok(Self { digest: sha256(text.as_bytes()), exposed: exposed(&path) })
    }

    /// Whether `offered` is the token. Takes the same time wherever the two differ.
    pub fn is(&self, offered: &str) -> bool {
        let offered = sha256(offered.as_bytes());
        self.digest.iter().zip(offered).fold(0, |sum, (own, other)| sum | (own ^ other)) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The text of a data directory's token, for a command on the same machine.
///
/// # Errors
/// As reading a file: not there, not permitted.
pub fn read_text(data: &Path) -> io::Result<String> {
    read(&data.join(FILE)).map(|text| text.trim().to_owned())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn make_directory(data: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data)
}

fn make(path: &Path) -> io::Result<String> {
    let mut random = [0; RANDOM_BYTES];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    Ok(text)
}

#[cfg(unix)]
fn exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn exposed(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_nobody_elses_to_read() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let first = Token::open(&data).unwrap();
        let text = read_text(&data).unwrap();
        assert_eq!(text.len(), 2 * RANDOM_BYTES);
        assert!(first.is(&text) && !first.exposed);
        assert!(Token::open(&data).unwrap().is(&text));
        assert!(!first.is("") && !first.is(&text[1..]) && !first.is(&text.to_uppercase().replace('A', "B")));
    }

    #[test]
    fn a_token_that_is_easy_to_guess_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), "secret\n").unwrap();
        let refused = Token::open(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("fewer than 32"), "{refused}");
    }
}
