//! `lineshaft reference`: records that maps look up, loaded from a file.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lineshaft_format::{csv, json};
use lineshaft_model::tree::Tree;
use lineshaft_server::api::Done;
use lineshaft_server::api::reference::{Load, Record};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::client::{Client, NodeArgs, encoded};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, counted};

/// Largest file read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Records in one request.
const RECORDS_AT_ONCE: usize = 5_000;

/// Bytes of records in one request, about.
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;

/// Load records that maps look up.
#[derive(Args)]
pub struct Reference {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Load a file into a table; what waits for one of the records is released
    Load(LoadArgs),
}

#[derive(Args)]
struct LoadArgs {
    /// The table
    table: String,
    /// The file: a JSON array, JSON lines (.jsonl, .ndjson), or CSV with a header (.csv)
    file: PathBuf,
    /// The field that is the record's key
    #[arg(long, value_name = "FIELD")]
    key: String,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// What was loaded, for programs.
#[derive(Serialize)]
struct Loaded<'a> {
    table: &'a str,
    records: usize,
    /// What each request came to.
    said: &'a [String],
}

/// Loads a file. Large ones go in several requests: a failure in the middle leaves the earlier ones in force.
pub fn run(args: &Reference) -> Result<Exit, Failure> {
    let Verb::Load(args) = &args.verb;
    let bytes = read(&args.file)?;
    let records = records(&args.file, &bytes, &args.key)
        .map_err(|message| Failure::new(Exit::Failed, format!("{}: {message}", args.file.display())))?;
    let client = Client::open(&args.node)?;
    let path = format!("/api/v1/reference/{}", encoded(&args.table));
    let total = records.len();
    let (mut sent, mut said) = (0, Vec::new());
    for records in requests(records) {
        let count = records.len();
        let load = Load { records, reason: args.reason.clone() };
        match client.post::<Done>(&path, &load) {
            Ok((_, done)) => said.push(done.said),
            Err(failure) if sent == 0 => return Err(failure),
            Err(failure) => {
                eprintln!("{failure}\n{sent} of {total} records are in force; loading the file again is harmless");
                return Ok(Exit::Partial);
            }
        }
        sent += count;
    }
    if !args.output.wrote(&Loaded { table: &args.table, records: total, said: &said }) {
        said.iter().for_each(|line| print::out(&print::printable(line)));
    }
    eprintln!("{} loaded into {}", counted(total as u64, "record", "records"), args.table);
    Ok(Exit::Ok)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("{}: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > FILE_BYTES_MAX {
        return Err(Failure::new(Exit::Failed, format!("{} has {size} bytes; split it", file.display())));
    }
    std::fs::read(file).map_err(failed)
}

/// The records of a file with their keys. The error says which record, counted from 1.
fn records(file: &Path, bytes: &[u8], key: &str) -> Result<Vec<Record>, String> {
    let extension = file.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
    let raw: Vec<Box<RawValue>> = match extension.as_str() {
        "csv" => rows(bytes)?,
        "jsonl" | "ndjson" => lines(bytes)?,
        _ => serde_json::from_slice(bytes).map_err(|error| format!("no JSON array: {error}"))?,
    };
    (1..)
        .zip(raw)
        .map(|(number, record)| with_key(record, key).map_err(|said| format!("record {number}: {said}")))
        .collect()
}

fn with_key(record: Box<RawValue>, key: &str) -> Result<Record, String> {
    let tree = json::decode(record.get().as_bytes()).map_err(|fault| fault.to_string())?;
    let value = tree.get(key).and_then(Tree::scalar).filter(|text| !text.is_empty());
    let value = value.ok_or_else(|| format!("it has no field {key:?} that could be a key"))?.to_owned();
    Ok(Record { key: value, record })
}

fn rows(bytes: &[u8]) -> Result<Vec<Box<RawValue>>, String> {
    let rows = csv::rows(bytes, &csv::CsvOptions::default()).map_err(|fault| fault.to_string())?;
    rows.map(|row| {
        let tree = row.tree.map_err(|fault| fault.to_string())?;
        let text = String::from_utf8(json::encode(&tree)).map_err(|error| error.to_string())?;
        RawValue::from_string(text).map_err(|error| error.to_string())
    })
    .collect()
}

fn lines(bytes: &[u8]) -> Result<Vec<Box<RawValue>>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))).collect()
}

/// The records in the order of the file, cut into requests of bearable size.
fn requests(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut requests: Vec<Vec<Record>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let size = record.key.len() + record.record.get().len();
        let full = requests.last().is_none_or(|it| it.len() >= RECORDS_AT_ONCE || bytes + size > BYTES_AT_ONCE);
        if full {
            requests.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(request) = requests.last_mut() {
            request.push(record);
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &str, text: &str) -> Result<Vec<String>, String> {
        let records = records(Path::new(file), text.as_bytes(), "id")?;
        Ok(records.iter().map(|it| format!("{}={}", it.key, it.record.get())).collect())
    }

    #[test]
    fn every_kind_of_file_makes_the_same_records() {
        let expected = vec![r#"A1={"id":"A1","n":"2.50"}"#.to_owned()];
        assert_eq!(told("m.json", r#"[{"id":"A1","n":"2.50"}]"#), Ok(expected.clone()));
        assert_eq!(told("m.jsonl", "{\"id\":\"A1\",\"n\":\"2.50\"}\n\n"), Ok(expected.clone()));
        assert_eq!(told("m.CSV", "id,n\nA1,2.50\n"), Ok(expected));
        assert_eq!(told("m.json", r#"[{"id":7,"n":2.50}]"#), Ok(vec![r#"7={"id":7,"n":2.50}"#.to_owned()]));
    }

    #[test]
    fn a_record_without_its_key_is_named() {
        let refused = told("m.json", r#"[{"id":"A"},{"n":1}]"#).unwrap_err();
        assert!(refused.contains("record 2") && refused.contains("\"id\""), "{refused}");
        assert!(told("m.jsonl", "{}{").unwrap_err().contains("line 1"));
    }

    #[test]
    fn requests_stay_small_and_lose_nothing() {
        let record =
            |number: usize| Record { key: number.to_string(), record: RawValue::from_string("{}".to_owned()).unwrap() };
        let requests = requests((0..2 * RECORDS_AT_ONCE + 1).map(record).collect());
        assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [RECORDS_AT_ONCE, RECORDS_AT_ONCE, 1]);
    }
}
