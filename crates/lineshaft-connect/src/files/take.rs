//! Reading one file: whole, unchanged meanwhile, within its limits.

use std::fs::File;
use std::io::Read;

use lineshaft_format::unpack::gunzip;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::sha256;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::beneath::{State, file, no_file};
use super::look::Found;

/// Most bytes that one packed file may become (IN-2).
const UNPACKED_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What one attempt to read a file came to.
#[derive(Debug)]
pub(super) enum Taken {
    /// Its document, and the document's SHA-256.
    Whole(Vec<u8>, [u8; 32]),
    /// It vanished or is still written: the next look tells.
    Later,
    /// It cannot be opened or read, for now.
    Unreadable(Fault),
    /// It can never be taken as it is.
    Refused(Fault),
}

/// Reads what a look has found. `most`: bytes that it may have, packed and unpacked; `packed`: whether it is gzip.
pub(super) fn take(directory: &OwnedFd, found: &Found, most: usize, packed: bool) -> Taken {
    if found.state.size > u64::try_from(most).unwrap_or(u64::MAX) {
        let said = format!("the file has {} bytes; at most {most} are taken", found.state.size);
        return Taken::Refused(Fault::new(Code::ReceiveTooLarge, said));
    }
    let body = match whole(directory, found, most) {
        Ok(Some(body)) => body,
        Ok(None) => return Taken::Later,
        Err(error) => {
            let fault = Fault::new(Code::ReceiveFile, format!("the file cannot be read: {error}"));
            return Taken::Unreadable(fault);
        }
    };
    let body = match packed.then(|| gunzip(&body, most.min(UNPACKED_BYTES_MAX))) {
        None => body,
        Some(Ok(unpacked)) => unpacked,
        Some(Err(fault)) => return Taken::Refused(fault),
    };
    let digest = sha256(&body);
    Taken::Whole(body, digest)
}

/// Its bytes; `None` if it is not, or no longer, what the look has found.
fn whole(directory: &OwnedFd, found: &Found, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let opened = match file(directory, &found.name) {
        Ok(opened) => opened,
        // A link (LOOP), a device without a driver (NXIO): the next look says what it has become.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let before = rustix::fs::fstat(&opened)?;
    if no_file(&before).is_some() || State::of(&before) != found.state {
        return Ok(None);
    }
    let size = usize::try_from(found.state.size).unwrap_or(most);
    let mut body = Vec::with_capacity(size.min(most));
    let mut opened = File::from(opened);
    (&mut opened).take(found.state.size + 1).read_to_end(&mut body)?;
    let after = State::of(&rustix::fs::fstat(&opened)?);
    Ok((after == found.state && body.len() == size).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::look::look;
    use crate::files::wanted::Wanted;
    use lineshaft_model::connection::files::Order;

    fn opened(path: &std::path::Path) -> OwnedFd {
        OwnedFd::from(File::open(path).expect("opens"))
    }

    #[test]
    fn a_file_that_is_not_what_a_look_has_found_waits_for_the_next() {
        let place = tempfile::tempdir().expect("directory");
        let path = place.path().join("a");
        std::fs::write(&path, "half").expect("writes");
        let settings = serde_json::from_str(r#"{"directory":"."}"#).expect("settings");
        let found = look(&opened(place.path()), &Wanted::new(&settings), Order::Name, &Default::default());
        let found = found.expect("looks").files.remove(0);
        let take = || take(&opened(place.path()), &found, 10, false);
        assert!(matches!(take(), Taken::Whole(body, _) if body == b"half"));
        std::fs::write(&path, "half and more").expect("writes");
        assert!(matches!(take(), Taken::Later), "it grows");
        std::fs::write(&path, "HALF").expect("writes");
        assert!(matches!(take(), Taken::Later), "it is as long, and newer");
        std::fs::remove_file(&path).expect("removes");
        assert!(matches!(take(), Taken::Later), "it is gone");
        std::os::unix::fs::symlink("/etc/hostname", &path).expect("links");
        assert!(matches!(take(), Taken::Later), "it became a link");
    }
}
