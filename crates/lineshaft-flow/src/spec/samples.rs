//! Golden samples beside maps: an input, and the document or fault that the map makes of it.
//!
//! `maps/erp-order.vrl` has its samples in `maps/erp-order.samples/`: `<case>.in.json` with `<case>.out.json`, or with
//! `<case>.fault` whose text is the code of the expected fault. `catalog.json` there holds the reference tables of the
//! samples, `{ "<table>": { "<key>": <record> } }`. `<case>.facts.json`, or `facts.json` for all cases, may set `id`,
//! `received_at`, `site`, `time_zone`, `interface`, `original_receipt`.

use lineshaft_model::tree::Tree;
use serde_json::Value as Json;

use super::report::Files;

/// One sample of a map: paths of files in the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The map.
    pub map: String,
    /// Name of the case.
    pub case: String,
    /// The input document.
    pub input: String,
    /// What comes out.
    pub expected: Expected,
    /// Reference tables, if any.
    pub catalog: Option<String>,
    /// Facts of the transaction, if any.
    pub facts: Option<String>,
}

/// What a sample's map comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The document in this file.
    Document(String),
    /// The fault whose code is the text of this file.
    Fault(String),
    /// Nothing is written yet: the runner may write it for a person to review.
    Missing,
}

/// All samples, in the order of their files.
pub fn samples(files: &Files) -> Vec<Sample> {
    let there = |path: String| files.contains_key(&path).then_some(path);
    let inputs = files.keys().filter_map(|file| file.strip_suffix(".in.json").map(|base| (file, base)));
    inputs
        .filter_map(|(input, base)| {
            let (directory, case) = base.rsplit_once('/')?;
            let map = there(format!("{}.vrl", directory.strip_suffix(".samples")?))?;
            let expected = match (there(format!("{base}.out.json")), there(format!("{base}.fault"))) {
                (Some(document), _) => Expected::Document(document),
                (None, Some(fault)) => Expected::Fault(fault),
                (None, None) => Expected::Missing,
            };
            let catalog = there(format!("{directory}/catalog.json"));
            let facts = there(format!("{base}.facts.json")).or_else(|| there(format!("{directory}/facts.json")));
            Some(Sample { map, case: case.to_owned(), input: input.clone(), expected, catalog, facts })
        })
        .collect()
}

/// Whether a file is part of a sample: it has no say in what runs.
pub fn is_sample(file: &str) -> bool {
    file.contains(".samples/")
}

/// A JSON value as a tree. Numbers keep the digits that `serde_json` read, which is enough for examples and samples.
pub fn tree_of(json: &Json) -> Tree {
    match json {
        Json::Null => Tree::Null,
        Json::Bool(truth) => Tree::Bool(*truth),
        Json::Number(number) => Tree::Number(number.to_string()),
        Json::String(text) => Tree::Text(text.clone()),
        Json::Array(items) => Tree::List(items.iter().map(tree_of).collect()),
        Json::Object(fields) => Tree::Map(fields.iter().map(|(name, value)| (name.clone(), tree_of(value))).collect()),
    }
}
