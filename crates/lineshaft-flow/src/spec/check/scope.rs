//! One interface or system in its file: errors at its fields, and texts read into what they mean.

use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::connection::SecretRef;
use lineshaft_model::tree::Path;

use super::World;
use crate::map::{Map, MapContext};
use crate::problem::Problem;
use crate::project::Event;
use crate::schema::Schema;
use crate::spec::raw::{PathText, Span};
use crate::spec::report::{Doc, nearest};
use crate::spec::values;

/// Where in a file we are: paths of errors begin behind `prefix`.
pub struct Scope<'a> {
    /// The file.
    pub doc: &'a Doc<'a>,
    /// `["emits", "completion"]`, or nothing for the whole file.
    pub prefix: Vec<&'a str>,
}

impl Scope<'_> {
    /// Adds an error at a field.
    pub fn error(&self, world: &mut World<'_>, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let path: Vec<&str> = self.prefix.iter().chain(path).copied().collect();
        world.report.error(self.doc, &path, message, help);
    }

    /// Adds a warning at a field.
    pub fn warning(&self, world: &mut World<'_>, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let path: Vec<&str> = self.prefix.iter().chain(path).copied().collect();
        let place = self.doc.root.place(&path);
        let mut problem = Problem::warning(self.doc.file, message).help(help);
        if place.line > 0 {
            problem = problem.at(self.doc.text, place.line, place.column);
            problem.width = place.width;
        }
        world.report.push(problem);
    }

    /// A span of time that is not zero.
    pub fn span(&self, world: &mut World<'_>, path: &[&str], span: &Span) -> Option<Duration> {
        let help = "write a whole number and a unit: `200ms`, `10s`, `5m`, `24h`, `7d`";
        match span.duration() {
            Ok(Duration::ZERO) => {
                self.error(world, path, format!("`{}` is no time at all", span.0), help);
                None
            }
            Ok(duration) => Some(duration),
            Err(message) => {
                self.error(world, path, message, help);
                None
            }
        }
    }

    /// A path into a document.
    pub fn path(&self, world: &mut World<'_>, path: &[&str], text: &str) -> Option<Path> {
        match Path::parse(text) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                let help = "write it like `.order`, `.items[0].batch` or `.\"odd name\"`";
                self.error(world, path, message, help);
                None
            }
        }
    }

    /// A path into a document, if one is written. The outer `None` says that it is wrong.
    pub fn optional_path(&self, world: &mut World<'_>, path: &[&str], text: Option<&PathText>) -> Option<Option<Path>> {
        match text {
            None => Some(None),
            Some(text) => self.path(world, path, &text.0).map(Some),
        }
    }

    /// A number of which zero makes no sense.
    pub fn at_least_one(&self, world: &mut World<'_>, path: &[&str], number: u32) {
        if number == 0 {
            let name = path.last().copied().unwrap_or_default();
            self.error(world, path, format!("`{name}` cannot be 0"), "write 1 or more");
        }
    }

    /// A reference to a secret.
    pub fn secret(&self, world: &mut World<'_>, path: &[&str], secret: &SecretRef) {
        if values::is_reference(&secret.0) {
            return;
        }
        let name = path.last().copied().unwrap_or_default();
        let message = format!("`{name}` holds a secret itself, or a reference that cannot be read");
        let help = "write `env:NAME` for an environment variable or `secret:NAME` for a file in the node's `secrets` \
                    directory; if a real secret was written here, change it";
        self.error(world, path, message, help);
        // The line is shown with every other problem; this one would put the secret on the screen and into logs.
        world.report.hide_last_line();
    }

    /// The event of that name. Adds an error if nobody defines it.
    pub fn event(&self, world: &mut World<'_>, path: &[&str], name: &str) -> Option<Arc<Event>> {
        if !world.event_names.contains(name) {
            let message = format!("there is no event `{name}`");
            let near = nearest(name, world.event_names.iter().map(String::as_str), "events");
            let help = format!("{near} (an event is a file `model/{name}.json`)");
            self.error(world, path, message, help);
        }
        world.events.get(name).cloned()
    }

    /// A file named relative to `systems/`. `None`, and an error, if it is not there.
    fn file(&self, world: &mut World<'_>, path: &[&str], name: &str, suffix: &str) -> Option<String> {
        let file = format!("systems/{name}");
        if name.starts_with('/') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let message = format!("`{name}` is not a file below `systems/`");
            self.error(world, path, message, "write it relative to `systems/`, without `..`");
            return None;
        }
        if world.files.contains_key(&file) {
            world.used.insert(file.clone());
            return Some(file);
        }
        let known = world.files.keys().filter(|known| known.ends_with(suffix) && !known.contains(".samples/"));
        let known: Vec<&str> = known.filter_map(|known| known.strip_prefix("systems/")).collect();
        let near = nearest(name, known.iter().copied(), "files");
        let help = match known.is_empty() {
            true => "create it; the path is relative to `systems/`".to_owned(),
            false => format!("{near} (paths are relative to `systems/`)"),
        };
        self.error(world, path, format!("there is no file `{file}`"), help);
        None
    }

    /// A schema file, if one is named. The outer `None` says that it is wrong.
    pub fn schema(&self, world: &mut World<'_>, name: Option<&String>) -> Option<Option<Arc<Schema>>> {
        let Some(name) = name else { return Some(None) };
        let file = self.file(world, &["schema"], name, ".json")?;
        world.schema(&file).map(Some)
    }

    /// A map file, if one is named. The outer `None` says that it is wrong.
    pub fn map(
        &self,
        world: &mut World<'_>,
        name: Option<&String>,
        input: Option<&Schema>,
        output: Option<&Schema>,
    ) -> Option<Option<Arc<Map>>> {
        let Some(name) = name else { return Some(None) };
        let file = self.file(world, &["map"], name, ".vrl")?;
        let context = MapContext { input, output, tables: world.tables.as_ref() };
        match Map::compile(world.files.get(&file)?, &file, &context) {
            Ok(map) => {
                let map = Arc::new(map);
                world.maps.insert(file, Arc::clone(&map));
                Some(Some(map))
            }
            Err(problems) => {
                world.report.extend(problems);
                None
            }
        }
    }

    /// A template with places `{name}`.
    pub fn template(&self, world: &mut World<'_>, path: &[&str], text: &str) {
        if let Err(message) = values::template(text) {
            self.error(world, path, message, "write places as `{name}`, the name of a field of the document");
        }
    }
}
