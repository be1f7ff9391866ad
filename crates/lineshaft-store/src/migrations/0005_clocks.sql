-- `doubt_since`: when the first attempt of this revision began of which nobody knows whether it took effect. The time for
-- which a target remembers our key counts from it. Of what was attempted before this version the longest is assumed.
ALTER TABLE deliveries ADD COLUMN doubt_since INTEGER;
UPDATE deliveries SET doubt_since = first_attempt WHERE settled_at IS NULL AND attempts > 0;

-- How far retention has come: it follows the wall clock no faster than time is lived through.
ALTER TABLE node ADD COLUMN aged_to INTEGER NOT NULL DEFAULT 0;
UPDATE node SET aged_to = (SELECT coalesce(max(at), 0) FROM audit);
