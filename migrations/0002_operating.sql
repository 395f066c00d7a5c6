-- Operating a replay: a pace that is the target's, wishes for runs under way, keys derived anew, batches that were split.

ALTER TABLE targets ADD COLUMN opens_at INTEGER;   -- the API asked that nothing be sent before then
ALTER TABLE targets ADD COLUMN next_at INTEGER;    -- microseconds since 1970: the next token of `--rate`

ALTER TABLE writes ADD COLUMN key_since INTEGER;   -- when `--new-key` derived the key that is sent now
ALTER TABLE writes ADD COLUMN parent_id INTEGER;   -- the batch that it was split from; may have been purged since
ALTER TABLE writes ADD COLUMN parts INTEGER;       -- into how many writes it was split

CREATE INDEX writes_rekeyed ON writes (key) WHERE parent_key IS NOT NULL;
CREATE INDEX writes_split ON writes (parent_id) WHERE parent_id IS NOT NULL;

-- What a run has in hand is found through its plan: these two cost each request four changes of an index.
DROP INDEX writes_claimed;
DROP INDEX attempts_open;

-- Whose key window matters: open writes that may have been applied, and would be applied twice. (No IN here: each change of
-- a write would build a table for it.)
CREATE INDEX writes_in_window ON writes (target_id, ambiguous_since)
  WHERE ambiguous_since IS NOT NULL AND settled_at IS NULL AND operation <> 'upsert' AND operation <> 'upsert-batch';

-- What someone wants of a run that is under way; it looks here a few times a second.
CREATE TABLE run_wishes (
  run_id      INTEGER PRIMARY KEY REFERENCES runs (id),
  wanted      TEXT NOT NULL CHECK (wanted IN ('go', 'pause', 'stop')),
  rate        REAL,                                -- NULL: as it was started, 0: without a limit
  concurrency INTEGER,                             -- NULL: as it was started
  operator    TEXT NOT NULL                        -- who said so last
) STRICT;
