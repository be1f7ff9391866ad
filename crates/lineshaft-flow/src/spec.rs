//! Project files: what the user wrote (`raw`), what we checked (`check`), what runs (`project`). Three shapes, one direction.
//!
//! A project comes as plain data, path to text: reading directories and watching them belongs to the binary. Every
//! problem is told at once, with file, line and what to do.

mod node;

mod raw;

mod shape;

mod values;

mod check;

mod report;

mod samples;

mod rule_samples;

mod starter;

pub use check::{check, maps};
pub use report::Files;
pub use rule_samples::{RuleSample, rule_samples};
pub use samples::{Expected, Sample, samples, tree_of};
pub use starter::starter;

use schemars::generate::SchemaSettings;

/// The file in the root of a project.
pub const INSTALLATION_FILE: &str = "lineshaft.yaml";

/// Kinds of YAML files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `lineshaft.yaml`.
    Installation,
    /// `systems/*.yaml`.
    System,
    /// `rules/*.yaml`.
    Rules,
}

impl FileKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Installation, Self::System, Self::Rules];

    /// The word in file names: `schemas/<word>.json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installation => "lineshaft",
            Self::System => "system",
            Self::Rules => "rules",
        }
    }
}

/// The JSON Schema 2020-12 of a kind of file, for editors and for the check.
pub fn schema_of(kind: FileKind) -> serde_json::Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = match kind {
        FileKind::Installation => generator.into_root_schema_for::<raw::Installation>(),
        FileKind::System => generator.into_root_schema_for::<raw::System>(),
        FileKind::Rules => generator.into_root_schema_for::<raw::Rules>(),
    };
    schema.to_value()
}

/// Whether a file of a project directory, by its relative path with `/`, is one that [`check`] wants to see.
pub fn belongs(path: &str) -> bool {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| path.ends_with(suffix));
    if path.split('/').any(|part| part.starts_with('.')) {
        return false;
    }
    matches!(path, INSTALLATION_FILE | "lineshaft.yml")
        || (path.starts_with("model/") && ends(&[".json"]))
        || (path.starts_with("reference/") && ends(&[".json"]))
        || (path.starts_with("rules/") && ends(&[".yaml", ".yml"]))
        || rule_samples::is_rule_sample(path)
        || (path.starts_with("systems/") && ends(&[".yaml", ".yml", ".vrl", ".json", ".fault"]))
}
