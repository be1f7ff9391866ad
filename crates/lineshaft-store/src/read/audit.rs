//! Who did what, and why. Entries are added with the change that they are about, and never changed.

use lineshaft_model::ids::AuditId;
use lineshaft_model::time::Timestamp;
use rusqlite::{Row, ToSql};

use super::id;
use crate::store::{Store, StoreError};

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Its id, which sorts by time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: String,
    /// What was done.
    pub action: String,
    /// To what: an id, an interface, a table, a node.
    pub target: String,
    /// Why, in the person's words.
    pub reason: String,
    /// The state before, where the action changed one.
    pub before: Option<String>,
    /// The state after.
    pub after: Option<String>,
}

/// Which entries are wanted; all where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of this target.
    pub target: Option<String>,
    /// Of this principal, whole (`operator:anna`) or by name (`anna`).
    pub principal: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Not earlier than this.
    pub since: Option<Timestamp>,
    /// Earlier than this entry: the page before.
    pub older_than: Option<AuditId>,
}

impl Store {
    /// The latest `limit` entries that are wanted, in the order of time.
    pub fn audit(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Audited>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let since = wanted.since.map(Timestamp::as_micros);
        let older_than = wanted.older_than.map(|id| id.as_bytes().to_vec());
        let mut conditions = vec!["true"];
        let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
        if let Some(target) = &wanted.target {
            conditions.push("target = :target");
            values.push((":target", target));
        }
        if let Some(principal) = &wanted.principal {
            conditions.push("principal IN (:principal, 'operator:' || :principal, 'interface:' || :principal)");
            values.push((":principal", principal));
        }
        if let Some(action) = &wanted.action {
            conditions.push("action = :action");
            values.push((":action", action));
        }
        if let Some(since) = &since {
            conditions.push("at >= :since");
            values.push((":since", since));
        }
        if let Some(id) = &older_than {
            conditions.push("id < :older_than");
            values.push((":older_than", id));
        }
        // Ids sort by time, so the newest are found from the end of the table without reading what is older.
        let sql = format!(
            "SELECT id, at, principal, action, target, reason, before, after FROM audit WHERE {} ORDER BY id DESC LIMIT :limit",
            conditions.join(" AND ")
        );
        self.read(|connection| {
            let mut rows: Vec<Audited> =
                connection.prepare_cached(&sql)?.query_map(values.as_slice(), audited)?.collect::<Result<_, _>>()?;
            rows.sort_by_key(|row| (row.at, row.id));
            Ok(rows)
        })
    }
}

fn audited(row: &Row<'_>) -> rusqlite::Result<Audited> {
    Ok(Audited {
        id: id(row, "id")?,
        at: Timestamp::from_micros(row.get("at")?),
        principal: row.get("principal")?,
        action: row.get("action")?,
        target: row.get("target")?,
        reason: row.get("reason")?,
        before: row.get("before")?,
        after: row.get("after")?,
    })
}
