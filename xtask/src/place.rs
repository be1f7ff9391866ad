//! Where things lie: the repository, the target directory, the programs built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The profile for everything but `dist`.
pub const PROFILE: &str = "ci";

/// The places this program works in; all absolute.
pub struct Place {
    /// Root of the repository.
    pub root: PathBuf,
    /// Cargo's target directory: `CARGO_TARGET_DIR`, or `target` in the root.
    pub target: PathBuf,
}

impl Place {
    /// Finds the repository from the variable that cargo sets, or upwards from the current directory.
    pub fn find() -> Result<Self, String> {
        let here = std::env::current_dir().map_err(|error| format!("the current directory is gone: {error}"))?;
        let start = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| here.clone(), PathBuf::from);
        let root = start
            .ancestors()
            .find(|directory| directory.join("ARCHITECTURE.md").is_file() && directory.join("crates").is_dir())
            .ok_or("run this inside the repository")?
            .to_owned();
        // Relative means relative to where cargo was started, as cargo itself reads it.
        let target = match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
            Some(directory) => here.join(directory),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Where a program built with [`PROFILE`] lies.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join(PROFILE).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A directory for our own logs and working files, made if need be.
    pub fn own(&self, name: &str) -> std::io::Result<PathBuf> {
        let directory = self.target.join("xtask").join(name);
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Cargo, in the root, with the target directory found above. Reads nothing from standard input.
    pub fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command.stdin(std::process::Stdio::null());
        // What cargo told this program of itself. Build scripts that read such variables would run again, and all that
        // depends on them be compiled again, whenever cargo is called now from here and now from a shell.
        for (name, _) in std::env::vars_os() {
            let own =
                name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
            if own {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Where real documents lie, for the tests that read some: `LINESHAFT_REALDATA`, or `shared/realdata` beside
    /// the repository.
    pub fn real_documents(&self) -> Option<PathBuf> {
        let named = std::env::var_os("LINESHAFT_REALDATA").filter(|value| !value.is_empty()).map(PathBuf::from);
        named.or_else(|| self.root.parent().map(|parent| parent.join("shared/realdata"))).filter(|path| path.is_dir())
    }
}

/// A path as it is shown: from the root, with forward slashes.
pub fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
