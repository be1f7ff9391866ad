-- A target that takes a document before it has posted it: what its final word will name the delivery by, until when it
-- may come, and whether later deliveries of the key wait for it.
ALTER TABLE deliveries ADD COLUMN awaits TEXT;

ALTER TABLE deliveries ADD COLUMN answer_until INTEGER;

ALTER TABLE deliveries ADD COLUMN lets_pass INTEGER NOT NULL DEFAULT 0 CHECK (lets_pass IN (0, 1));

CREATE INDEX deliveries_awaiting ON deliveries (receiver, awaits) WHERE awaits IS NOT NULL;

-- A delivery that lets later ones pass has no place in the line of its key.
DROP INDEX deliveries_line;

CREATE INDEX deliveries_line ON deliveries (order_key, system, sequence, rank, part)
    WHERE settled_at IS NULL AND lets_pass = 0 AND order_key IS NOT NULL;

-- Two more kinds of what was done towards a target, one more kind of kinship.
CREATE TABLE before (delivery, number, epoch, kind, started_at, ended_at, came_to, code, message);

INSERT INTO before SELECT delivery, number, epoch, kind, started_at, ended_at, came_to, code, message FROM attempts;

DROP TABLE attempts;

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

INSERT INTO attempts SELECT * FROM before;

DROP TABLE before;

CREATE TABLE before (parent, child, kind);

INSERT INTO before SELECT parent, child, kind FROM lineage;

DROP TABLE lineage;

CREATE TABLE lineage (
    parent  BLOB NOT NULL,
    child   BLOB NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('split', 'summary', 'correction', 'reversal', 'replay', 'repeat', 'answer')),
    PRIMARY KEY (parent, child, kind)
) WITHOUT ROWID;

INSERT INTO lineage SELECT * FROM before;

DROP TABLE before;

CREATE INDEX lineage_of_child ON lineage (child);
