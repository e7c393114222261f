-- The feed's own cursor (a sequence number, say), valid on the row's wire and host only; position stays
-- the event time that holds everywhere.
ALTER TABLE feed_cursor ADD COLUMN token bigint;
