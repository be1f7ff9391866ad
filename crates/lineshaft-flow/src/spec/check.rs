//! From files to a compiled project, or to everything that is wrong with them.
//!
//! A file that cannot be read is told once; what refers to it is not told again. Nothing here reads a disk or a clock.

mod across;

mod answer;

mod emit;

mod files;

mod format;

mod installation;

mod keep;

mod model;

mod odata;

mod receive;

mod reversals;

mod rules;

mod scope;

mod system;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::node::Node;
use super::report::{Doc, Files, Report};
use super::{FileKind, raw, schema_of, shape};
use crate::map::Map;
use crate::problem::Problem;
use crate::project::{self, Event, Project};
use crate::schema::Schema;

/// What the checks of single files need to know of the others, and what they leave for each other.
struct World<'a> {
    files: &'a Files,
    report: Report,
    /// Site codes; `None` if `lineshaft.yaml` could not be read.
    sites: Option<BTreeSet<String>>,
    /// The node's data directory; `None` if `lineshaft.yaml` could not be read.
    data_dir: Option<String>,
    /// Rules for outgoing connections; `None` if `lineshaft.yaml` could not be read.
    egress: Option<project::Egress>,
    /// Names of systems, those with unreadable files included.
    systems: BTreeSet<String>,
    /// Names of events, those with unreadable files included.
    event_names: BTreeSet<String>,
    /// Readable events.
    events: BTreeMap<String, Arc<Event>>,
    /// Readable schemas of reference tables.
    references: BTreeMap<String, Arc<Schema>>,
    /// Reference tables that some interface fills or a schema declares; `None` if a file that might fill one could not
    /// be read.
    tables: Option<BTreeSet<String>>,
    /// Settings that weaken security.
    insecure: Vec<String>,
    /// Maps and schemas that something names.
    used: BTreeSet<String>,
    /// Compiled schemas by file; `None` for broken ones, which are told already.
    schemas: BTreeMap<String, Option<Arc<Schema>>>,
    /// Compiled maps by file.
    maps: BTreeMap<String, Arc<Map>>,
}

/// One readable system file.
struct SystemFile<'a> {
    doc: Doc<'a>,
    raw: raw::System,
}

/// Checks all files of a project. The project is there only if no problem is an error. Problems are sorted by file and line.
pub fn check(files: &Files) -> (Option<Project>, Vec<Problem>) {
    let (project, problems, _) = check_all(files);
    (project, problems)
}

/// Every map that compiles, by its file, as its interfaces compile it: what samples are run with.
pub fn maps(files: &Files) -> BTreeMap<String, Arc<Map>> {
    check_all(files).2
}

fn check_all(files: &Files) -> (Option<Project>, Vec<Problem>, BTreeMap<String, Arc<Map>>) {
    let mut world = World::new(files);
    let installation = read_installation(&mut world);
    let systems = read_systems(&mut world);
    let rules = rules::read(&mut world);
    model::read(&mut world);
    model::references(&mut world);
    let installation = installation.map(|(doc, raw)| installation::check(&mut world, &doc, raw));
    world.tables = tables(files, &systems);

    let mut project = Project {
        version: version(files),
        installation: project::Installation::default(),
        sites: BTreeMap::new(),
        systems: BTreeMap::new(),
        emits: BTreeMap::new(),
        receives: BTreeMap::new(),
        events: BTreeMap::new(),
        references: BTreeMap::new(),
        originals: BTreeMap::new(),
        rules: BTreeMap::new(),
    };
    for file in &systems {
        system::check(&mut world, file, &mut project);
    }
    for reverses in project.emits.values().filter_map(|emit| emit.reverses.as_ref()) {
        project.originals.entry(reverses.interface.clone()).or_default().insert(reverses.key.clone());
    }
    project.rules = rules::check(&mut world, &rules, &systems);
    across::check(&mut world, &systems);

    let World { report, events, references, insecure, maps, .. } = world;
    let usable = !report.has_errors();
    let problems = report.finish();
    let Some((mut settings, sites)) = installation.filter(|_| usable) else { return (None, problems, maps) };
    settings.insecure.extend(insecure);
    (Some(Project { installation: settings, sites, events, references, ..project }), problems, maps)
}

impl<'a> World<'a> {
    fn new(files: &'a Files) -> Self {
        Self {
            files,
            report: Report::default(),
            sites: None,
            data_dir: None,
            egress: None,
            systems: BTreeSet::new(),
            event_names: BTreeSet::new(),
            events: BTreeMap::new(),
            references: BTreeMap::new(),
            tables: None,
            insecure: Vec::new(),
            used: BTreeSet::new(),
            schemas: BTreeMap::new(),
            maps: BTreeMap::new(),
        }
    }

    /// The compiled schema of an existing file; `None` if it is broken, which is told once.
    fn schema(&mut self, file: &str) -> Option<Arc<Schema>> {
        if let Some(known) = self.schemas.get(file) {
            return known.clone();
        }
        let compiled = match Schema::compile(self.files.get(file)?, file) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(problems) => {
                self.report.extend(problems);
                None
            }
        };
        self.schemas.insert(file.to_owned(), compiled.clone());
        compiled
    }
}

fn read_installation<'a>(world: &mut World<'a>) -> Option<(Doc<'a>, raw::Installation)> {
    let Some((file, text)) = world.files.get_key_value(super::INSTALLATION_FILE) else {
        let help = match world.files.contains_key("lineshaft.yml") {
            true => "rename `lineshaft.yml` to `lineshaft.yaml`",
            false => "run `lineshaft init` in an empty directory, or say with `--project` where the project is",
        };
        world.report.push(Problem::error(super::INSTALLATION_FILE, "the file is missing").help(help));
        return None;
    };
    let (doc, raw) = read(&mut world.report, file, text, FileKind::Installation)?;
    Some((doc, raw))
}

fn read_systems<'a>(world: &mut World<'a>) -> Vec<SystemFile<'a>> {
    let mut systems = Vec::new();
    for (file, text) in world.files.iter().filter(|(file, _)| file.starts_with("systems/")) {
        let Some(name) = file.strip_prefix("systems/").filter(|name| !name.contains('/')) else { continue };
        if let Some(stem) = name.strip_suffix(".yml") {
            let help = format!("rename it to `systems/{stem}.yaml`");
            world.report.push(Problem::error(file, "files of systems end with `.yaml`").help(help));
        }
        let Some(stem) = name.strip_suffix(".yaml") else { continue };
        world.systems.insert(stem.to_owned());
        if let Some((doc, raw)) = read(&mut world.report, file, text, FileKind::System) {
            systems.push(SystemFile { doc, raw });
        }
    }
    systems
}

/// Text to raw struct: YAML, then shape, then serde.
fn read<'a, T: DeserializeOwned>(
    report: &mut Report,
    file: &'a str,
    text: &'a str,
    kind: FileKind,
) -> Option<(Doc<'a>, T)> {
    let root = match Node::parse(file, text) {
        Ok(root) => root,
        Err(problem) => {
            report.push(problem);
            return None;
        }
    };
    let doc = Doc { file, text, root };
    if !shape::check(&doc, &schema_of(kind), report) {
        return None;
    }
    match serde_json::from_value(doc.root.to_json()) {
        Ok(raw) => Some((doc, raw)),
        // The shape was checked against the schema of the same struct; what is left is a form that only serde knows.
        Err(error) => {
            report.push(Problem::error(file, format!("the file cannot be read: {error}")));
            None
        }
    }
}

fn tables(files: &Files, systems: &[SystemFile<'_>]) -> Option<BTreeSet<String>> {
    let written = files.keys().filter_map(|file| file.strip_prefix("systems/")?.strip_suffix(".yaml"));
    let complete = written.filter(|stem| !stem.contains('/')).count() == systems.len();
    complete.then(|| {
        let emits = systems.iter().flat_map(|file| file.raw.emits.values());
        let filled = emits.filter_map(|emit| emit.reference.as_ref()).map(|reference| reference.table.clone());
        // One without an interface is loaded by a person.
        let declared = files.keys().filter_map(|file| file.strip_prefix("reference/")?.strip_suffix(".json"));
        filled.chain(declared.map(str::to_owned)).collect()
    })
}

/// SHA-256 over every file that has a say in what runs, hex.
fn version(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (file, text) in files.iter().filter(|(file, _)| !super::samples::is_sample(file)) {
        // Lengths go in, so that text cannot move from one file to the next unseen.
        hash.update((file.len() as u64).to_be_bytes());
        hash.update(file.as_bytes());
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
