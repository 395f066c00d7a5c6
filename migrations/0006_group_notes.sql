-- What operators say of a group: a note for whoever looks next, and how long it stays out of the list of what needs attention.

ALTER TABLE groups ADD COLUMN note TEXT;             -- NULL for none
ALTER TABLE groups ADD COLUMN parked_until INTEGER;  -- it is parked until this time
ALTER TABLE groups ADD COLUMN parked_count INTEGER;  -- it is parked until it has more writes than this

CREATE INDEX groups_parked ON groups (id) WHERE parked_until IS NOT NULL OR parked_count IS NOT NULL;

-- A write that leaves a group makes room for none: the next one that comes in is growth.
CREATE TRIGGER parked_delete AFTER DELETE ON writes
BEGIN
  UPDATE groups SET parked_count = parked_count - 1 WHERE id = OLD.group_id AND parked_count IS NOT NULL;
END;

CREATE TRIGGER parked_update AFTER UPDATE OF group_id ON writes WHEN OLD.group_id IS NOT NEW.group_id
BEGIN
  UPDATE groups SET parked_count = parked_count - 1 WHERE id = OLD.group_id AND parked_count IS NOT NULL;
END;
