-- What the terminal UI needs: when failures came, so that no histogram counts rows, and edits that can be taken back.

-- How many writes of a group failed in which hour.

CREATE TABLE arrivals (
  hour     INTEGER NOT NULL,           -- hours since 1970 (UTC)
  group_id INTEGER NOT NULL REFERENCES groups (id),
  n        INTEGER NOT NULL,
  PRIMARY KEY (hour, group_id)
) STRICT, WITHOUT ROWID;

INSERT INTO arrivals (hour, group_id, n)
  SELECT coalesce(failed_at, captured_at) / 3600000, group_id, count(*) FROM writes GROUP BY 1, 2;

CREATE TRIGGER arrival_insert AFTER INSERT ON writes
BEGIN
  INSERT INTO arrivals (hour, group_id, n) VALUES (coalesce(NEW.failed_at, NEW.captured_at) / 3600000, NEW.group_id, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER arrival_delete AFTER DELETE ON writes
BEGIN
  UPDATE arrivals SET n = n - 1
    WHERE hour = coalesce(OLD.failed_at, OLD.captured_at) / 3600000 AND group_id = OLD.group_id;
END;

CREATE TRIGGER arrival_update AFTER UPDATE OF group_id ON writes WHEN OLD.group_id IS NOT NEW.group_id
BEGIN
  UPDATE arrivals SET n = n - 1
    WHERE hour = coalesce(OLD.failed_at, OLD.captured_at) / 3600000 AND group_id = OLD.group_id;
  INSERT INTO arrivals (hour, group_id, n) VALUES (coalesce(NEW.failed_at, NEW.captured_at) / 3600000, NEW.group_id, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

ALTER TABLE writes ADD COLUMN edited_at INTEGER;     -- when an edit made the current body; NULL for the captured one
ALTER TABLE revisions ADD COLUMN based_on INTEGER;   -- the revision that was edited

ALTER TABLE writes ADD COLUMN order_id INTEGER;      -- a part of a batch stands where the batch stood; NULL: its own ID
UPDATE writes SET order_id = parent_id WHERE parent_id IS NOT NULL;
