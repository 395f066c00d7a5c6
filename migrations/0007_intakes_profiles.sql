-- Intakes: what came in together, so that it can be found and taken back; what producers got accepted themselves; how far files
-- were read that grow.

CREATE TABLE intakes (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  operator  TEXT NOT NULL,
  uid       INTEGER NOT NULL,
  host      TEXT NOT NULL,
  began_at  INTEGER NOT NULL,
  ended_at  INTEGER,                   -- NULL: under way, or its process died
  undone_at INTEGER                    -- when it began to be taken back
) STRICT;

ALTER TABLE writes ADD COLUMN intake_id INTEGER;   -- the intake that it came in with; NULL: an older version's, or a part of a batch
CREATE INDEX writes_by_intake ON writes (intake_id) WHERE intake_id IS NOT NULL;

-- What an intake changed of writes that were there: a JSON array of the columns before and after.
CREATE TABLE intake_changes (
  intake_id INTEGER NOT NULL REFERENCES intakes (id),
  write_id  INTEGER NOT NULL REFERENCES writes (id) ON DELETE CASCADE,
  before    TEXT NOT NULL CHECK (json_valid(before)),
  after     TEXT NOT NULL CHECK (json_valid(after)),
  is_repeat INTEGER NOT NULL,          -- the intake brought that write, too, or settled it
  nth       INTEGER NOT NULL,          -- the order of the last changes of the write's intakes
  was_moved INTEGER NOT NULL DEFAULT 0,   -- something else changed it between two changes of the intake: it stays as it is
  PRIMARY KEY (intake_id, write_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX intake_changes_by_write ON intake_changes (write_id);

-- Writes that the API accepted from their producers, for the order of their lanes.
CREATE TABLE successes (
  id        INTEGER PRIMARY KEY,
  identity  BLOB NOT NULL UNIQUE CHECK (length(identity) = 16),
  at        INTEGER NOT NULL,          -- when the API accepted it
  key       TEXT NOT NULL,
  write_id  INTEGER                    -- the write that it settled; may have been purged since
) STRICT;

CREATE INDEX successes_by_write ON successes (write_id) WHERE write_id IS NOT NULL;

-- The intakes that told of it: it goes with the last of them.
CREATE TABLE success_intakes (
  intake_id  INTEGER NOT NULL REFERENCES intakes (id),
  success_id INTEGER NOT NULL REFERENCES successes (id) ON DELETE CASCADE,
  PRIMARY KEY (intake_id, success_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX success_intakes_by_success ON success_intakes (success_id);

CREATE TABLE success_lanes (
  hash       INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  success_id INTEGER NOT NULL REFERENCES successes (id) ON DELETE CASCADE,
  PRIMARY KEY (hash, at, success_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX success_lanes_by_success ON success_lanes (success_id);

-- How far a file that grows was read, at the end of each intake that followed it. The row of the newest intake counts.
CREATE TABLE followed (
  path      TEXT NOT NULL,             -- absolute
  intake_id INTEGER NOT NULL REFERENCES intakes (id),
  dev       INTEGER NOT NULL,
  ino       INTEGER NOT NULL,
  offset    INTEGER NOT NULL,          -- bytes from the start of the file
  lines     INTEGER NOT NULL,          -- lines before that
  head      BLOB NOT NULL CHECK (length(head) = 32),   -- SHA-256 of its beginning: at most 4 KiB, and not more than `offset`
  tail      BLOB NOT NULL CHECK (length(tail) = 32),   -- the same of the bytes before `offset`
  PRIMARY KEY (path, intake_id)
) STRICT, WITHOUT ROWID;

-- Target profiles: each verdict remembers the profile that gave it, and a write what its profile calls its operation.

ALTER TABLE writes ADD COLUMN profile TEXT;      -- name@hash of the profile that read the captured failure; NULL: an older version's
ALTER TABLE writes ADD COLUMN lane_from TEXT;    -- where its lane comes from: 'path', 'segment:N', a JSON pointer, 'none'; NULL: the match key
ALTER TABLE attempts ADD COLUMN profile TEXT;    -- of the profile that judged the answer

-- A key counts as sent only under the header that it went in.
ALTER TABLE targets ADD COLUMN key_header TEXT;          -- of the newest intake or run; '': it has no keys; NULL: an older version's
ALTER TABLE targets ADD COLUMN key_header_since INTEGER;   -- when it was first seen to be another one than before

-- Deleting twice leaves the same, as upserts do.
DROP INDEX writes_in_window;
CREATE INDEX writes_in_window ON writes (target_id, ambiguous_since)
  WHERE ambiguous_since IS NOT NULL AND settled_at IS NULL AND operation <> 'upsert' AND operation <> 'upsert-batch'
    AND operation <> 'delete';
