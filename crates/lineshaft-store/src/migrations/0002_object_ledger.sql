-- What is known of business objects: one row for each (transaction, object), and the state that derives from the rows.
CREATE TABLE ledger (
    kind           TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    rank           INTEGER NOT NULL,
    part           INTEGER NOT NULL,
    "transaction"  BLOB    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('reported', 'posted', 'reversed', 'discarded')),
    adds           TEXT    NOT NULL,
    sets           TEXT    NOT NULL,
    changed_at     INTEGER NOT NULL,
    PRIMARY KEY (kind, key, rank, part)
) WITHOUT ROWID;

CREATE INDEX ledger_of_transaction ON ledger ("transaction");

-- The state of an object at its version: what the rows that count come to.
CREATE TABLE objects (
    kind        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    facts       TEXT    NOT NULL,
    totals      TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
