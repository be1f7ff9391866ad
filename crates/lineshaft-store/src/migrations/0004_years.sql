-- What a database needs to live for years: live counters, retention, damage that is set aside, deliveries that are late.

-- `last_payload`: the latest number given to a payload; numbers are never given twice, so that a row whose payload has
-- expired cannot read another one's. `commits`: how many the writer has made, compared with the mark beside the database.
ALTER TABLE node ADD COLUMN last_payload INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;
UPDATE node SET last_payload = (SELECT coalesce(max(id), 0) FROM payloads);

-- Payloads know the intake that they belong to. The bytes stand last: what is before them is read without them.
ALTER TABLE payloads RENAME TO payloads_before;
CREATE TABLE payloads (
    id          INTEGER PRIMARY KEY,
    intake      BLOB,
    codec       TEXT    NOT NULL CHECK (codec IN ('plain', 'zstd')),
    size        INTEGER NOT NULL,
    sha256      BLOB    NOT NULL,
    stored_at   INTEGER NOT NULL,
    bytes       BLOB    NOT NULL
);
CREATE TEMP TABLE owners (payload INTEGER PRIMARY KEY, intake BLOB NOT NULL);
INSERT OR IGNORE INTO owners SELECT payload, id FROM intakes;
INSERT OR IGNORE INTO owners SELECT event_payload, intake FROM transactions WHERE event_payload IS NOT NULL;
INSERT OR IGNORE INTO owners SELECT d.body, t.intake FROM deliveries d JOIN transactions t ON t.id = d."transaction" WHERE d.body IS NOT NULL;
INSERT INTO payloads (id, intake, codec, size, sha256, stored_at, bytes)
    SELECT p.id, o.intake, p.codec, p.size, p.sha256, p.stored_at, p.bytes FROM payloads_before p LEFT JOIN owners o ON o.payload = p.id;
DROP TABLE owners;
DROP TABLE payloads_before;
CREATE INDEX payloads_by_age ON payloads (stored_at);

-- Payloads whose bytes do not have the checksum they were stored with: kept as they are, served to nobody.
CREATE TABLE damaged (
    payload   INTEGER PRIMARY KEY,
    intake    BLOB,
    found_at  INTEGER NOT NULL
);

-- When the transaction was accepted, by which an open delivery is late.
ALTER TABLE deliveries ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET accepted_at = (SELECT accepted_at FROM transactions t WHERE t.id = deliveries."transaction");
CREATE INDEX deliveries_open ON deliveries (receiver, accepted_at) WHERE settled_at IS NULL;

-- How many there are of each kind, kept by every commit. `gone`: how many of them retention has removed since ever.
CREATE TABLE counts (
    what   TEXT    NOT NULL CHECK (what IN ('intakes', 'parts', 'transactions', 'planned', 'deliveries', 'refused')),
    name   TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    live   INTEGER NOT NULL,
    gone   INTEGER NOT NULL,
    PRIMARY KEY (what, name, state)
) WITHOUT ROWID;
INSERT INTO counts SELECT 'intakes', '', '', count(*), 0 FROM intakes;
INSERT INTO counts SELECT 'parts', '', '', coalesce(sum(parts), 0), 0 FROM intakes;
INSERT INTO counts SELECT 'planned', '', '', coalesce(sum(planned), 0), 0 FROM transactions WHERE state = 'processed';
INSERT INTO counts SELECT 'transactions', '', state, count(*), 0 FROM transactions GROUP BY state;
INSERT INTO counts SELECT 'deliveries', receiver, state, count(*), 0 FROM deliveries GROUP BY receiver, state;

-- What the rows of the ledger come to that retention has removed; facts with the place at which each was told.
CREATE TABLE checkpoints (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    facts   TEXT NOT NULL,
    totals  TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- Large intakes that are on disk and not taken apart yet, and how often that was begun without getting on (OT11).
CREATE TABLE splitting (
    intake    BLOB    PRIMARY KEY,
    rank      INTEGER NOT NULL,
    attempts  INTEGER NOT NULL
) WITHOUT ROWID;

-- Lines that a large intake may stand in, before its keys are known: later deliveries of them wait, whatever their key.
-- `let_go`: NULL until it is taken apart; then the key up to which those that waited were let go.
CREATE TABLE kept_lines (
    system    TEXT    NOT NULL,
    sequence  TEXT    NOT NULL,
    rank      INTEGER NOT NULL,
    intake    BLOB    NOT NULL,
    let_go    TEXT,
    PRIMARY KEY (system, sequence, rank, intake)
) WITHOUT ROWID;
