-- The first schema. Times are milliseconds since 1970 (UTC); hashes and bodies are BLOBs; names of states and the
-- like are those of the README's table of words.

CREATE TABLE targets (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  base_url   TEXT                      -- NULL until the first use that names one
) STRICT;

-- Writes with the same cause.
CREATE TABLE groups (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  target_id     INTEGER NOT NULL REFERENCES targets (id),
  object        TEXT NOT NULL,
  failure_type  TEXT NOT NULL,
  error_code    TEXT NOT NULL,         -- '' for none
  message       TEXT NOT NULL,         -- the fingerprint
  first_seen    INTEGER NOT NULL,
  last_seen     INTEGER NOT NULL,
  last_replayed INTEGER,
  UNIQUE (target_id, failure_type, object, error_code, message)
) STRICT;

-- How many writes of a group are in which state. Kept by the triggers below, so that no screen counts rows.
CREATE TABLE group_counts (
  group_id INTEGER NOT NULL REFERENCES groups (id),
  state    TEXT NOT NULL,
  n        INTEGER NOT NULL,
  PRIMARY KEY (group_id, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,   -- also the fencing token
  target_id      INTEGER NOT NULL REFERENCES targets (id),
  state          TEXT NOT NULL CHECK (state IN ('running', 'finished', 'stopped', 'died')),
  operator       TEXT NOT NULL,
  uid            INTEGER NOT NULL,
  host           TEXT NOT NULL,
  reason         TEXT,
  query          TEXT NOT NULL,
  options        TEXT NOT NULL,                       -- JSON
  started_at     INTEGER NOT NULL,
  ended_at       INTEGER,
  new_since_plan INTEGER NOT NULL DEFAULT 0,
  stopped        TEXT                                 -- why, when it was
) STRICT;

-- One row a write. Its bodies are in `revisions`, so that a list never reads them.
CREATE TABLE writes (
  id                 INTEGER PRIMARY KEY AUTOINCREMENT,
  target_id          INTEGER NOT NULL REFERENCES targets (id),
  group_id           INTEGER NOT NULL REFERENCES groups (id),
  state              TEXT NOT NULL CHECK (state IN ('pending', 'replaying', 'unknown', 'replayed', 'resolved', 'discarded')),
  was                TEXT CHECK (was IN ('pending', 'unknown')),           -- where it waited, unless it waits or is replayed
  resolution         TEXT CHECK (resolution IN ('by_hand', 'split', 'producer')),
  run_id             INTEGER REFERENCES runs (id),                         -- the claim
  ambiguous_since    INTEGER,
  captured_ambiguous INTEGER NOT NULL,
  not_applied_at     INTEGER,                                              -- the last `resolve --not-applied`
  order_at           INTEGER NOT NULL,                                     -- its place in its lane and in a plan
  first_attempt_at   INTEGER,
  failed_at          INTEGER,
  last_failed_at     INTEGER,                                              -- the newest that was seen of it
  captured_at        INTEGER NOT NULL,
  settled_at         INTEGER,
  failure_type       TEXT NOT NULL CHECK (failure_type IN ('transient', 'schema', 'bad_data', 'auth')),
  status             INTEGER,
  error_code         TEXT,
  error_message      TEXT,
  error_details      TEXT,
  correlation_id     TEXT,
  method             TEXT NOT NULL,
  path               TEXT NOT NULL,
  endpoint_origin    TEXT NOT NULL,
  object             TEXT NOT NULL,
  operation          TEXT NOT NULL,
  headers            TEXT,                                                 -- JSON pairs
  key                TEXT NOT NULL,
  parent_key         TEXT,                                                 -- the captured one, where another is sent
  key_origin         TEXT NOT NULL,
  key_reused         INTEGER NOT NULL DEFAULT 0,
  identity_hash      INTEGER NOT NULL,                                     -- upper half: the captured key
  content_hash       BLOB NOT NULL,                                        -- of the captured body, canonical
  revision           INTEGER NOT NULL DEFAULT 0,
  body_sha256        BLOB NOT NULL,                                        -- of the current body
  body_len           INTEGER NOT NULL,
  body_origin        TEXT NOT NULL,
  lane               TEXT,
  occurrences        INTEGER NOT NULL DEFAULT 1,
  attempts           INTEGER NOT NULL DEFAULT 0,
  source             TEXT
) STRICT;

CREATE INDEX writes_by_identity ON writes (identity_hash);
CREATE INDEX writes_by_group ON writes (group_id, id);
CREATE INDEX writes_by_time ON writes (order_at, id);
CREATE INDEX writes_claimed ON writes (run_id) WHERE run_id IS NOT NULL;

-- The versions of a body; number 0 is the captured one and never changes.
CREATE TABLE revisions (
  id       INTEGER PRIMARY KEY,
  write_id INTEGER NOT NULL REFERENCES writes (id) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  body     BLOB,                      -- NULL when only evidence was captured
  evidence BLOB,                      -- the event, where that is all there is
  made_at  INTEGER,                   -- NULL for the captured one
  operator TEXT,
  reason   TEXT,
  UNIQUE (write_id, revision)
) STRICT;

CREATE TRIGGER revision_0_never_changes BEFORE UPDATE ON revisions WHEN OLD.revision = 0
BEGIN
  SELECT RAISE (ABORT, 'the captured body never changes');
END;

-- The lanes of a write; several for a batch, none for a lane of its own.
CREATE TABLE lanes (
  write_id INTEGER NOT NULL REFERENCES writes (id) ON DELETE CASCADE,
  hash     INTEGER NOT NULL,
  PRIMARY KEY (write_id, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX lanes_by_hash ON lanes (hash, write_id);

-- One row an HTTP request, committed before it leaves.
CREATE TABLE attempts (
  id             INTEGER PRIMARY KEY,
  write_id       INTEGER NOT NULL REFERENCES writes (id) ON DELETE CASCADE,
  n              INTEGER NOT NULL,
  run_id         INTEGER NOT NULL REFERENCES runs (id),
  revision       INTEGER NOT NULL,
  started_at     INTEGER NOT NULL,
  ended_at       INTEGER,             -- NULL: under way, or its run died
  outcome        TEXT,
  status         INTEGER,
  error_code     TEXT,
  error_message  TEXT,
  correlation_id TEXT,
  cached         INTEGER NOT NULL DEFAULT 0,
  latency_ms     INTEGER,
  UNIQUE (write_id, n)
) STRICT;

CREATE INDEX attempts_open ON attempts (run_id) WHERE ended_at IS NULL;

-- The frozen plan of a run, and how each of its writes ended.
CREATE TABLE run_items (
  run_id  INTEGER NOT NULL REFERENCES runs (id),
  seq     INTEGER NOT NULL,
  write_id INTEGER NOT NULL,          -- may have been purged since
  content BLOB NOT NULL,              -- the SHA-256 of the body that was shown
  outcome TEXT,                       -- NULL: not yet, or never
  reason  TEXT,
  PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_items_by_write ON run_items (write_id);

-- Who did what, when and why.
CREATE TABLE operator_log (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  operator TEXT NOT NULL,
  uid      INTEGER NOT NULL,
  host     TEXT NOT NULL,
  action   TEXT NOT NULL,
  write_id INTEGER,
  detail   TEXT NOT NULL,
  reason   TEXT
) STRICT;

CREATE INDEX operator_log_by_write ON operator_log (write_id) WHERE write_id IS NOT NULL;

-- What is left of purged writes, so that they are known when they come again.
CREATE TABLE tombstones (
  identity BLOB PRIMARY KEY,          -- 16 bytes
  purged_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The names of record fields that were seen, so that a query can tell `email:` from a misspelt `state:`.
CREATE TABLE record_fields (
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER count_insert AFTER INSERT ON writes
BEGIN
  INSERT INTO group_counts (group_id, state, n) VALUES (NEW.group_id, NEW.state, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
  UPDATE groups SET first_seen = min(first_seen, coalesce(NEW.failed_at, NEW.captured_at)),
                    last_seen = max(last_seen, coalesce(NEW.failed_at, NEW.captured_at))
    WHERE id = NEW.group_id AND NOT coalesce(NEW.failed_at, NEW.captured_at) BETWEEN first_seen AND last_seen;
END;

CREATE TRIGGER count_delete AFTER DELETE ON writes
BEGIN
  UPDATE group_counts SET n = n - 1 WHERE group_id = OLD.group_id AND state = OLD.state;
END;

CREATE TRIGGER count_update AFTER UPDATE OF state, group_id ON writes
  WHEN OLD.state IS NOT NEW.state OR OLD.group_id IS NOT NEW.group_id
BEGIN
  UPDATE group_counts SET n = n - 1 WHERE group_id = OLD.group_id AND state = OLD.state;
  INSERT INTO group_counts (group_id, state, n) VALUES (NEW.group_id, NEW.state, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
