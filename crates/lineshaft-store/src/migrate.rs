//! Ordered, checksummed migrations. Their sum is `schema.sql`, which a test holds them to.

use lineshaft_model::intake::sha256;
use rusqlite::{Connection, params};

use crate::store::StoreError;

/// Every migration ever released, in the order in which they are made. A released file never changes: its checksum is in
/// the databases.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "0001_transaction_path", include_str!("migrations/0001_transaction_path.sql")),
    (2, "0002_object_ledger", include_str!("migrations/0002_object_ledger.sql")),
    (3, "0003_awaited_answers", include_str!("migrations/0003_awaited_answers.sql")),
    (4, "0004_years", include_str!("migrations/0004_years.sql")),
    (5, "0005_clocks", include_str!("migrations/0005_clocks.sql")),
];

/// Brings the database to the newest version, each step in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 BLOB NOT NULL);",
    )?;
    let done = done(connection)?;
    for (number, name, text) in MIGRATIONS.iter().skip(done) {
        let step = connection.transaction()?;
        step.execute_batch(text)?;
        step.execute(
            "INSERT INTO migrations (number, name, sha256) VALUES (?1, ?2, ?3)",
            params![number, name, sha256(text.as_bytes()).as_slice()],
        )?;
        step.commit()?;
    }
    Ok(())
}

/// Whether the database has this version, for those who only read it.
pub(crate) fn is_current(connection: &Connection) -> Result<(), StoreError> {
    if done(connection)? < MIGRATIONS.len() {
        return Err(StoreError::Version("it is older; starting the node brings it to this version".to_owned()));
    }
    Ok(())
}

/// How many migrations were made. Fails if one of them is not ours.
fn done(connection: &Connection) -> Result<usize, StoreError> {
    let done: Vec<(i64, String, Vec<u8>)> = connection
        .prepare("SELECT number, name, sha256 FROM migrations ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (at, (number, name, checksum)) in done.iter().enumerate() {
        let same = MIGRATIONS.get(at).is_some_and(|(known_number, known, text)| {
            known_number == number && known == name && sha256(text.as_bytes()).as_slice() == checksum
        });
        if !same {
            return Err(StoreError::Version(format!("migration {number} ({name}) is not one of this version's")));
        }
    }
    Ok(done.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(connection: &Connection) -> Vec<String> {
        connection
            .prepare(
                "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'migrations' ORDER BY type DESC, name",
            )
            .expect("schema reads")
            .query_map([], |row| row.get(0))
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("text")
    }

    #[test]
    fn the_sum_of_the_migrations_is_schema_sql() {
        let mut migrated = Connection::open_in_memory().expect("opens");
        migrate(&mut migrated).expect("migrates");
        let text = objects(&migrated).iter().map(|sql| format!("{sql};\n")).collect::<String>();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema.sql");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &text).expect("writes");
        }
        assert_eq!(
            text,
            std::fs::read_to_string(path).expect("schema.sql"),
            "run with UPDATE_GOLDEN=1 after adding a migration"
        );
    }

    #[test]
    fn numbers_are_those_of_the_files_and_grow() {
        let numbers: Vec<i64> = MIGRATIONS.iter().map(|(number, ..)| *number).collect();
        assert!(numbers.is_sorted() && numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        assert!(MIGRATIONS.iter().all(|(number, name, _)| name.starts_with(&format!("{number:04}_"))));
    }

    #[test]
    fn migrating_twice_changes_nothing_and_a_foreign_database_is_refused() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection).expect("migrates");
        migrate(&mut connection).expect("does nothing");
        connection.execute("UPDATE migrations SET sha256 = x'00'", []).expect("tampers");
        assert!(matches!(migrate(&mut connection), Err(StoreError::Version(_))));
    }
}
