//! Settings of the `files` connector.
//!
//! A system that drops files into one directory and takes files from another:
//!
//! ```yaml
//! connection:
//!   files: { root: /srv/exchange/mes }
//! emits:
//!   completion:
//!     source:
//!       files:
//!         directory: out/completions      # taken files go to out/completions/done, refused ones to .../failed
//!         pattern: "*.csv"
//!         complete: { stable_for: 10s }
//!         every: 10s
//! receives:
//!   order:
//!     send:
//!       files:
//!         directory: in/orders
//!         name: "{order}-{target_key}.xml"
//!         taken_to: in/orders/taken       # where the system puts what it has taken
//!     repeat: { class: T2 }
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// Largest value of `file_bytes_max`.
pub const FILE_BYTES_LIMIT: u64 = 1024 * 1024 * 1024;

/// Endings of names that are never taken: the sender still writes. Names with a leading dot are not taken either.
pub const UNFINISHED: [&str; 2] = [".tmp", ".part"];

/// A system that exchanges files by directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesConnection {
    /// Directory below which everything of this system stands: absolute, relative to the project directory, or a
    /// reference `env:MES_EXCHANGE`. Nothing outside of it is opened, and no link below it is followed.
    pub root: String,
}

/// Files that a system drops into a directory. One file is one intake; it may hold many transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesSource {
    /// Directory below the root: `out/completions`, or `.` for the root itself. It must be there; `done` and `failed`
    /// are made in it.
    pub directory: String,
    /// Names that are taken, with at most one `*`: `*.xml`, `ORDERS*.csv`. Never taken are names that begin with a dot
    /// or end in `.tmp` or `.part`.
    #[serde(default = "default_pattern")]
    pub pattern: String,
    /// How a file shows that its sender has finished it.
    #[serde(default)]
    pub complete: Complete,
    /// Which of several files is taken first.
    #[serde(default)]
    pub order: Order,
    /// Wait between two looks into the directory.
    #[serde(default = "default_every")]
    pub every: Span,
    /// What makes two files the same document, so that the second is a repeat and has no effect. Not used where the
    /// interface names a key in each transaction's document (`idempotency: { key: .id }`).
    #[serde(default)]
    pub known_by: KnownBy,
    /// Largest file taken, in bytes, after unpacking too; at most 1073741824. A larger one goes to `failed`. A file is
    /// read whole and processed at once: beside its bytes, each transaction in it takes some 4 KB of memory until all
    /// are stored. Formats have limits of their own: 500,000 cells of CSV, 500,000 nodes of XML, 100,000 of JSON.
    #[serde(default = "default_file_bytes_max")]
    pub file_bytes_max: u64,
    /// Whether files are unpacked.
    #[serde(default)]
    pub decompress: Decompress,
}

/// How a file shows that its sender has finished it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Complete {
    /// Size and time of modification have stayed the same for this long, as far as this node has seen. A guess: longer
    /// than the sender's longest pause in writing.
    StableFor(Span),
    /// A second file of the same name with this ending stands beside it, `.done` for `orders.xml.done`. The sender makes
    /// it after the file; it goes when the file does.
    Marker(String),
    /// Whatever bears such a name is complete: the sender writes under another name, or elsewhere, and renames.
    Renamed,
}

impl Default for Complete {
    fn default() -> Self {
        Self::StableFor(Span("10s".to_owned()))
    }
}

/// Which of several files is taken first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By name, byte by byte: `10.xml` comes before `9.xml`.
    #[default]
    Name,
    /// The one that was modified first; of several with the same time, by name.
    Modified,
}

/// What makes two files the same document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// Name and content. For senders that give each document a name of its own and send it again when in doubt.
    #[default]
    NameAndContent,
    /// Name, content and time of modification. For senders whose name stays the same: what is written anew is a new
    /// document, even if it says the same; a file that is put back is a repeat.
    NameContentAndTime,
}

/// Whether files are unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decompress {
    /// They are taken as they are.
    #[default]
    No,
    /// Each is gzip and is unpacked, to at most 100 MiB and 100 times its size. One that is not gzip goes to `failed`.
    Gzip,
}

/// A file for each document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesDestination {
    /// Directory below the root: `in/orders`, or `.` for the root itself. It must be there.
    pub directory: String,
    /// Name of the file, `{order}-{target_key}.xml`. `{name}` is replaced by that top-level field of the rendered
    /// document, or else of the event; letters A to Z, digits, `-`, `_` and `.` may stand in it. `{target_key}` makes it
    /// the document's own: a repeat then has the same name, and nothing else has.
    pub name: String,
    /// Directory below the root to which the system moves a file that it has taken, under the same name. With it,
    /// whether a document was taken can be asked (class T3), and a repeat is not written beside a file that was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_to: Option<String>,
}

fn default_pattern() -> String {
    "*".to_owned()
}

fn default_every() -> Span {
    Span("10s".to_owned())
}

fn default_file_bytes_max() -> u64 {
    64 * 1024 * 1024
}
