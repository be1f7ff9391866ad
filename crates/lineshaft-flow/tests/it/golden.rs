//! Text compared with a committed file. `UPDATE_GOLDEN=1` writes the file instead, for a person to review.

use std::path::Path;

/// Panics with both texts if `file` (relative to this crate) does not hold `text`.
pub fn compare(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(
        committed == text,
        "{file} differs (UPDATE_GOLDEN=1 writes it).\n--- committed\n{committed}\n--- now\n{text}"
    );
}
