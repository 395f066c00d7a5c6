-- What is needed to tell the truth: seals of what will be sent, a floor under the clock, answers that are told apart.

-- Over all that makes a write's request, and over that with where it stands: domain/seal.rs. Filled in by the program.
ALTER TABLE writes ADD COLUMN request_seal BLOB CHECK (length(request_seal) = 16);
ALTER TABLE writes ADD COLUMN seal BLOB CHECK (length(seal) = 16);
ALTER TABLE targets ADD COLUMN seal BLOB CHECK (length(seal) = 16);

-- The identity of the batch that an imported part came from, for as long as that batch is not in this file.
ALTER TABLE writes ADD COLUMN parent_identity BLOB CHECK (length(parent_identity) = 16);
CREATE INDEX writes_by_parent_identity ON writes (parent_identity) WHERE parent_identity IS NOT NULL;

ALTER TABLE attempts ADD COLUMN answer_sha256 BLOB CHECK (length(answer_sha256) = 32);
ALTER TABLE attempts ADD COLUMN rejected_records TEXT;   -- JSON: the indexes of a batch's records that a partial answer names

-- Whether another write's answer carried a correlation ID.
CREATE INDEX attempts_by_correlation ON attempts (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX writes_by_correlation ON writes (correlation_id) WHERE correlation_id IS NOT NULL;

-- For how long the API asked that nothing be sent, from when it said so until `opens_at`.
ALTER TABLE targets ADD COLUMN closed_ms INTEGER;

-- The lock file that a run holds, and since when a run whose lock file was taken away waits for what it had in flight.
ALTER TABLE runs ADD COLUMN lock_dev INTEGER;
ALTER TABLE runs ADD COLUMN lock_ino INTEGER;
ALTER TABLE runs ADD COLUMN lock_lost_at INTEGER;

-- The newest time that dlq itself took from its clock.
CREATE TABLE clock (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  newest INTEGER NOT NULL
) STRICT;

INSERT INTO clock (id, newest) VALUES (1, max(
  coalesce((SELECT max(captured_at) FROM writes), 0),
  coalesce((SELECT max(max(started_at, coalesce(ended_at, 0))) FROM attempts), 0),
  coalesce((SELECT max(max(started_at, coalesce(ended_at, 0))) FROM runs), 0)));
