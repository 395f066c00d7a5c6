-- Evidence: the failure as it came in, kept for ever, and each answer as it came. Reasons as codes with data.

-- The failure that a write came in with, once a later answer has taken its place in `writes`.
CREATE TABLE captured_failures (
  write_id       INTEGER PRIMARY KEY REFERENCES writes (id) ON DELETE CASCADE,
  failure_type   TEXT CHECK (failure_type IN ('transient', 'schema', 'bad_data', 'auth')), -- NULL: an older version overwrote it
  status         INTEGER CHECK (status BETWEEN 0 AND 65535),
  error_code     TEXT,
  error_message  TEXT,
  error_details  TEXT,
  correlation_id TEXT
) STRICT;

CREATE INDEX captured_failures_by_correlation ON captured_failures (correlation_id) WHERE correlation_id IS NOT NULL;

CREATE TRIGGER captured_failure_never_changes BEFORE UPDATE ON captured_failures
BEGIN
  SELECT RAISE (ABORT, 'the captured failure never changes');
END;

-- Older versions overwrote the failure with each answer that judged the data. What it was, nobody knows.
INSERT INTO captured_failures (write_id)
  SELECT DISTINCT write_id FROM attempts WHERE outcome = 'refused' AND status IN (400, 404, 413, 422)
    AND write_id IN (SELECT id FROM writes);

CREATE TRIGGER captured_failure_is_kept
  BEFORE UPDATE OF failure_type, status, error_code, error_message, error_details, correlation_id ON writes
  WHEN NOT EXISTS (SELECT 1 FROM captured_failures WHERE write_id = OLD.id)
BEGIN
  SELECT RAISE (ABORT, 'the captured failure was not kept');
END;

-- Answers as they came. One row an attempt that was answered, or that the network lost.
CREATE TABLE answers (
  write_id INTEGER NOT NULL REFERENCES writes (id) ON DELETE CASCADE,
  n        INTEGER NOT NULL,                            -- the attempt's number
  body_id  INTEGER,                                     -- in answer_bodies; NULL without an answer
  headers  TEXT,                                        -- a line each, `name:value`, without secret ones
  phase    TEXT CHECK (phase IN ('resolve', 'connect', 'tls', 'send', 'wait', 'read')),  -- where the network lost it
  error    TEXT CHECK (phase IS NOT NULL OR error IS NULL),
  PRIMARY KEY (write_id, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_body ON answers (body_id) WHERE body_id IS NOT NULL;

-- Their bodies: the same one is stored once, and goes with the last answer that it belongs to.
CREATE TABLE answer_bodies (
  id     INTEGER PRIMARY KEY,
  hash   INTEGER NOT NULL,                              -- the first 8 bytes of the SHA-256, to find it by
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),     -- of all that came
  length INTEGER CHECK (length >= 0),                   -- of the whole body; NULL if it broke off
  kept   BLOB NOT NULL                                  -- the first 16 KiB, without secrets
) STRICT;

CREATE INDEX answer_bodies_by_hash ON answer_bodies (hash);

-- What each run was asked to send; NULL where an older version kept only the text of it, which can mean two things.
ALTER TABLE runs ADD COLUMN selection TEXT CHECK (selection IS NULL OR json_valid(selection));
UPDATE runs SET selection = json_object('words', query, 'ids', json_array(), 'all', json('false'))
  WHERE query <> 'all' AND instr(query, ' (rest of run ') = 0;

-- Reasons are codes with data. What older versions recorded as a sentence is kept as `words`.
ALTER TABLE runs ADD COLUMN stopped_data TEXT CHECK (stopped_data IS NULL OR json_valid(stopped_data));
UPDATE runs SET stopped_data = json_object('words', stopped), stopped = 'worded' WHERE stopped IS NOT NULL;

ALTER TABLE run_items ADD COLUMN reason_data TEXT CHECK (reason_data IS NULL OR json_valid(reason_data));
UPDATE run_items SET
  reason_data = CASE instr(reason, '; maybe-cached until ')
    WHEN 0 THEN json_object('words', reason)
    ELSE json_object('words', reason,
      'maybe_cached_until', substr(reason, instr(reason, '; maybe-cached until ') + length('; maybe-cached until '), 24))
    END,
  reason = CASE outcome
    WHEN 'held' THEN 'lane-failed'
    WHEN 'skipped' THEN 'changed-since-plan'
    WHEN 'unsent' THEN 'run-stopped'
    ELSE CASE (SELECT a.outcome FROM attempts a WHERE a.write_id = run_items.write_id AND a.run_id = run_items.run_id
               ORDER BY a.n DESC LIMIT 1)
      WHEN 'refused' THEN 'api-refused'
      WHEN 'partial' THEN 'partial'
      WHEN 'unclear' THEN 'unclear'
      WHEN 'not_sent' THEN 'not-sent'
      ELSE 'no-answer'
    END
  END
  WHERE reason <> '' AND outcome NOT IN ('accepted', 'refused');
UPDATE run_items SET reason = NULL WHERE outcome = 'accepted';

ALTER TABLE operator_log ADD COLUMN data TEXT CHECK (data IS NULL OR json_valid(data));  -- NULL: `detail` is what an older version recorded
