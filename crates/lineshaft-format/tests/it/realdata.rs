//! Real documents, where they are at hand: each reads, and what is written from it reads back as the same tree.

use std::path::{Path, PathBuf};

use lineshaft_format::csv::CsvOptions;
use lineshaft_format::{csv, json, xml};

/// The folder of real documents, or nothing.
pub fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("LINESHAFT_REALDATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/realdata"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIP: no realdata");
    None
}

fn documents(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            documents(&path, extensions, found);
        } else if extensions.contains(&extension) {
            found.push(path);
        }
    }
}

fn each(extensions: &[&str], at_least: usize, check: impl Fn(&[u8]) -> Result<(), String>) {
    let Some(folder) = folder() else { return };
    let mut found = Vec::new();
    documents(&folder, extensions, &mut found);
    assert!(found.len() >= at_least, "only {} documents in {}", found.len(), folder.display());
    let failed: Vec<String> = found
        .iter()
        .filter_map(|path| {
            let bytes = std::fs::read(path).expect("document");
            check(&bytes).err().map(|problem| format!("{}: {problem}", path.display()))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn real_xml_reads_and_reads_back() {
    each(&["xml", "xsd", "wsdl", "edmx"], 60, |bytes| {
        let options = xml::Options::default();
        let tree = xml::decode(bytes, &options).map_err(|fault| fault.to_string())?;
        let written = xml::encode(&tree).map_err(|fault| fault.to_string())?;
        let again = xml::decode(&written, &options).map_err(|fault| fault.to_string())?;
        if again == tree { Ok(()) } else { Err("reads back differently".to_owned()) }
    });
}

#[test]
fn real_json_reads_and_reads_back() {
    each(&["json"], 30, |bytes| {
        let tree = json::decode(bytes).map_err(|fault| fault.to_string())?;
        let again = json::decode(&json::encode_pretty(&tree)).map_err(|fault| fault.to_string())?;
        if again == tree { Ok(()) } else { Err("reads back differently".to_owned()) }
    });
}

#[test]
fn real_csv_reads_and_reads_back() {
    each(&["csv"], 3, |bytes| {
        let options = CsvOptions::default();
        let tree = csv::decode(bytes, &options).map_err(|fault| fault.to_string())?;
        let written = csv::encode(&tree, &options).map_err(|fault| fault.to_string())?;
        let again = csv::decode(&written, &options).map_err(|fault| fault.to_string())?;
        if again == tree { Ok(()) } else { Err("reads back differently".to_owned()) }
    });
}
