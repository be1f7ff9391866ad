CREATE TABLE attempts (
    delivery    BLOB    NOT NULL,
    number      INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('send', 'probe', 'readback', 'answer')),
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    came_to     TEXT    NOT NULL,
    code        TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;
CREATE TABLE audit (
    id         BLOB    PRIMARY KEY,
    at         INTEGER NOT NULL,
    principal  TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    before     TEXT,
    after      TEXT
) WITHOUT ROWID;
CREATE TABLE business_keys (
    kind         TEXT    NOT NULL,
    value        TEXT    NOT NULL,
    authority    TEXT    NOT NULL,
    rank         INTEGER NOT NULL,
    "transaction" BLOB   NOT NULL,
    PRIMARY KEY (kind, value, authority, rank, "transaction")
) WITHOUT ROWID;
CREATE TABLE checkpoints (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    facts   TEXT NOT NULL,
    totals  TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE counts (
    what   TEXT    NOT NULL CHECK (what IN ('intakes', 'parts', 'transactions', 'planned', 'deliveries', 'refused')),
    name   TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    live   INTEGER NOT NULL,
    gone   INTEGER NOT NULL,
    PRIMARY KEY (what, name, state)
) WITHOUT ROWID;
CREATE TABLE cursors (
    interface    TEXT    PRIMARY KEY,
    cursor       BLOB    NOT NULL,
    changed_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE damaged (
    payload   INTEGER PRIMARY KEY,
    intake    BLOB,
    found_at  INTEGER NOT NULL
);
CREATE TABLE deliveries (
    id             BLOB    PRIMARY KEY,
    "transaction"  BLOB    NOT NULL,
    receiver       TEXT    NOT NULL,
    system         TEXT    NOT NULL,
    sequence       TEXT    NOT NULL,
    order_key      TEXT,
    rank           INTEGER NOT NULL,
    part           INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('pending', 'in_flight', 'behind', 'sent', 'outcome_unknown', 'parked',
                                                     'delivered', 'skipped', 'discarded', 'expired', 'superseded')),
    next_at        INTEGER,
    revision       INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    tried          INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    first_attempt  INTEGER,
    last_attempt   INTEGER,
    absent         INTEGER NOT NULL,
    probes         INTEGER NOT NULL,
    body           INTEGER,
    body_slot      INTEGER NOT NULL,
    parameters     TEXT    NOT NULL,
    receipt        TEXT,
    rule           TEXT,
    code           TEXT,
    message        TEXT,
    place          TEXT,
    detail         TEXT,
    waits_table    TEXT,
    waits_key      TEXT,
    changed_at     INTEGER NOT NULL,
    settled_at     INTEGER, awaits TEXT, answer_until INTEGER, lets_pass INTEGER NOT NULL DEFAULT 0 CHECK (lets_pass IN (0, 1)), accepted_at INTEGER NOT NULL DEFAULT 0, doubt_since INTEGER,
    CHECK ((settled_at IS NOT NULL) = (state IN ('delivered', 'skipped', 'discarded', 'expired', 'superseded'))),
    CHECK (next_at IS NULL OR state IN ('pending', 'outcome_unknown', 'sent'))
) WITHOUT ROWID;
CREATE TABLE intakes (
    id            BLOB    PRIMARY KEY,
    interface     TEXT    NOT NULL,
    stream        TEXT    NOT NULL,
    incarnation   BLOB    NOT NULL,
    rank          INTEGER NOT NULL,
    accepted_at   INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('stored', 'split', 'unreadable')),
    parts         INTEGER NOT NULL,
    principal     TEXT    NOT NULL,
    origin        TEXT    NOT NULL,
    content_type  TEXT    NOT NULL,
    traceparent   TEXT    NOT NULL,
    payload       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE kept_back (
    order_key     TEXT    NOT NULL,
    rank          INTEGER NOT NULL,
    part          INTEGER NOT NULL,
    "transaction" BLOB    NOT NULL,
    PRIMARY KEY (order_key, rank, part, "transaction")
) WITHOUT ROWID;
CREATE TABLE kept_lines (
    system    TEXT    NOT NULL,
    sequence  TEXT    NOT NULL,
    rank      INTEGER NOT NULL,
    intake    BLOB    NOT NULL,
    let_go    TEXT,
    PRIMARY KEY (system, sequence, rank, intake)
) WITHOUT ROWID;
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
CREATE TABLE lineage (
    parent  BLOB NOT NULL,
    child   BLOB NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('split', 'summary', 'correction', 'reversal', 'replay', 'repeat', 'answer')),
    PRIMARY KEY (parent, child, kind)
) WITHOUT ROWID;
CREATE TABLE node (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation  BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    last_rank    INTEGER NOT NULL,
    catalog      INTEGER NOT NULL
, last_payload INTEGER NOT NULL DEFAULT 0, commits INTEGER NOT NULL DEFAULT 0, aged_to INTEGER NOT NULL DEFAULT 0);
CREATE TABLE objects (
    kind        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    facts       TEXT    NOT NULL,
    totals      TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE pauses (
    target     TEXT    PRIMARY KEY,
    principal  TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    paused_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE payloads (
    id          INTEGER PRIMARY KEY,
    intake      BLOB,
    codec       TEXT    NOT NULL CHECK (codec IN ('plain', 'zstd')),
    size        INTEGER NOT NULL,
    sha256      BLOB    NOT NULL,
    stored_at   INTEGER NOT NULL,
    bytes       BLOB    NOT NULL
);
CREATE TABLE reference_versions (
    table_name     TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    catalog        INTEGER NOT NULL,
    loaded_at      INTEGER NOT NULL,
    "transaction"  BLOB,
    record         BLOB    NOT NULL,
    PRIMARY KEY (table_name, key, version)
) WITHOUT ROWID;
CREATE TABLE repeats (
    interface     TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    same          BLOB    NOT NULL,
    intake        BLOB    NOT NULL,
    "transaction" BLOB    NOT NULL,
    seen_at       INTEGER NOT NULL,
    PRIMARY KEY (interface, key)
) WITHOUT ROWID;
CREATE TABLE splitting (
    intake    BLOB    PRIMARY KEY,
    rank      INTEGER NOT NULL,
    attempts  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE transactions (
    id               BLOB    PRIMARY KEY,
    intake           BLOB    NOT NULL,
    part             INTEGER NOT NULL,
    interface        TEXT    NOT NULL,
    rank             INTEGER NOT NULL,
    accepted_at      INTEGER NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('accepted', 'parked', 'processed', 'absorbed', 'discarded', 'superseded')),
    event            TEXT    NOT NULL,
    event_payload    INTEGER,
    event_slot       INTEGER NOT NULL,
    keys             TEXT    NOT NULL,
    receivers        TEXT    NOT NULL,
    planned          INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    correlation      BLOB    NOT NULL,
    causation        BLOB,
    site             TEXT    NOT NULL,
    region           TEXT    NOT NULL,
    data_class       TEXT    NOT NULL,
    export_class     TEXT    NOT NULL,
    project_version  TEXT    NOT NULL,
    map_version      TEXT    NOT NULL,
    policy_version   TEXT    NOT NULL,
    catalog_version  INTEGER NOT NULL,
    code             TEXT,
    message          TEXT,
    place            TEXT,
    detail           TEXT,
    waits_table      TEXT,
    waits_key        TEXT,
    changed_at       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_of_target ON audit (target, at);
CREATE INDEX deliveries_awaiting ON deliveries (receiver, awaits) WHERE awaits IS NOT NULL;
CREATE INDEX deliveries_due ON deliveries (system, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_line ON deliveries (order_key, system, sequence, rank, part)
    WHERE settled_at IS NULL AND lets_pass = 0 AND order_key IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (receiver, accepted_at) WHERE settled_at IS NULL;
CREATE INDEX deliveries_stopped ON deliveries (state, changed_at) WHERE state IN ('parked', 'outcome_unknown', 'in_flight');
CREATE INDEX deliveries_waiting ON deliveries (waits_table, waits_key) WHERE waits_table IS NOT NULL;
CREATE INDEX kept_back_by ON kept_back ("transaction");
CREATE INDEX ledger_of_transaction ON ledger ("transaction");
CREATE INDEX lineage_of_child ON lineage (child);
CREATE INDEX payloads_by_age ON payloads (stored_at);
CREATE INDEX transactions_open ON transactions (state, rank) WHERE state IN ('accepted', 'parked');
CREATE INDEX transactions_waiting ON transactions (waits_table, waits_key) WHERE waits_table IS NOT NULL;
