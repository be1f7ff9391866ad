//! Reference data as of one moment: what maps and rules may look up.
//!
//! A catalog is a snapshot: processing sees one version of it from start to end, and a transaction records which.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::tree::Tree;

/// One reference table: key to record.
pub type Table = BTreeMap<String, Arc<Tree>>;

/// All reference tables at one version. Cheap to clone and to change: tables are shared between versions.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    version: u64,
    tables: BTreeMap<String, Arc<Table>>,
}

impl Catalog {
    /// The same records under another number.
    #[must_use]
    pub fn at(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// The number of this snapshot; grows with every committed change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The record of `key` in `table`.
    pub fn get(&self, table: &str, key: &str) -> Option<&Arc<Tree>> {
        self.tables.get(table)?.get(key)
    }

    /// Keys and records of `table`, by key.
    pub fn records(&self, table: &str) -> impl Iterator<Item = (&str, &Tree)> {
        let records = self.tables.get(table).into_iter().flat_map(|table| table.iter());
        records.map(|(key, record)| (key.as_str(), &**record))
    }

    /// Whether anything was ever loaded into `table`.
    pub fn has_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Names and sizes of all tables.
    pub fn tables(&self) -> impl Iterator<Item = (&str, usize)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table.len()))
    }

    /// The snapshot `version` that follows this one by setting `records` in `table`.
    pub fn with(&self, version: u64, table: &str, records: impl IntoIterator<Item = (String, Arc<Tree>)>) -> Self {
        let mut next = self.clone();
        next.version = version;
        let table = next.tables.entry(table.to_owned()).or_default();
        Arc::make_mut(table).extend(records);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_does_not_change_under_its_reader() {
        let text = |value: &str| Arc::new(Tree::Text(value.to_owned()));
        let first = Catalog::default().with(1, "unit", [("PCE".to_owned(), text("piece"))]);
        let second = first.with(2, "unit", [("KGM".to_owned(), text("kilogram"))]);
        assert_eq!(first.get("unit", "KGM"), None);
        assert_eq!(second.get("unit", "KGM"), Some(&text("kilogram")));
        assert_eq!(second.get("unit", "PCE"), Some(&text("piece")));
        assert_eq!((first.version(), second.version()), (1, 2));
    }
}
