//! What the loop works with, from the project that the node runs and the records that the node is sent.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lineshaft_flow::project::Project;
use lineshaft_flow::spec::{self, Files};
use lineshaft_format::json;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::connection::{Connection, DestinationSettings};
use lineshaft_model::tree::Tree;

use crate::maps::Maps;

/// The interface whose documents are taken.
pub const TAKEN: &str = "source/completion";

/// The interface that they are posted to.
pub const POSTED: &str = "sink/completion";

/// What the loop works with.
pub struct Setup {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Directory of the database.
    pub data: PathBuf,
    /// Whole address that documents are posted to.
    pub receiver: String,
    /// Documents on their way to the receiver at the same time.
    pub in_flight: usize,
    /// From received to posted.
    pub maps: Maps,
}

impl Setup {
    /// What `project` says of [`TAKEN`] and [`POSTED`].
    ///
    /// # Errors
    /// What the project does not have.
    pub fn of(project: &Project, catalog: Arc<Catalog>, data: &Path) -> Result<Self, String> {
        let receive = project.receives.get(POSTED).ok_or_else(|| format!("there is no {POSTED}"))?;
        let system = project.systems.get(&receive.system).ok_or_else(|| format!("there is no {}", receive.system))?;
        let (Connection::Http(connection), DestinationSettings::Http(destination)) =
            (&system.connection, &receive.destination)
        else {
            return Err(format!("{POSTED} is not reached by http"));
        };
        let base = connection.url.as_deref().unwrap_or_default();
        let listen = &project.installation.listen_inbound;
        Ok(Self {
            listen: listen.parse().map_err(|error| format!("{listen}: {error}"))?,
            data: data.to_owned(),
            receiver: format!("{base}{}", destination.path),
            in_flight: usize::try_from(system.limits.in_flight).unwrap_or(1),
            maps: Maps::of(project, catalog)?,
        })
    }
}

/// The compiled project in `directory`.
///
/// # Errors
/// What cannot be read, or the first problem that forbids to run it.
pub fn project(directory: &Path) -> Result<Project, String> {
    let mut files = Files::new();
    read(directory, "", &mut files).map_err(|error| format!("{}: {error}", directory.display()))?;
    let (project, problems) = spec::check(&files);
    project.ok_or_else(|| problems.first().map_or("no project".to_owned(), ToString::to_string))
}

fn read(directory: &Path, prefix: &str, files: &mut Files) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}/"), files)?;
        } else if spec::belongs(&path) {
            files.insert(path, std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

/// The reference table of materials from a document like those that the node is sent: `{ "records": [...] }`.
///
/// # Errors
/// What is wrong with the document.
pub fn materials(document: &[u8]) -> Result<Arc<Catalog>, String> {
    let document = json::decode(document).map_err(|fault| fault.to_string())?;
    let Some(Tree::List(records)) = document.get("records") else { return Err("there are no records".to_owned()) };
    let keyed = records.iter().map(|record| {
        let key = record.get("material").and_then(Tree::scalar).ok_or("a record names no material")?;
        Ok((key.to_owned(), Arc::new(record.clone())))
    });
    let keyed: Vec<_> = keyed.collect::<Result<_, String>>()?;
    Ok(Arc::new(Catalog::default().with(1, "material", keyed)))
}
