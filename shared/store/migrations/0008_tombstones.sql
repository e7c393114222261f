-- A deletion that came before its post leaves a tombstone that nothing listed, so no retention could find
-- it without reading all posts. It is listed with the deletions now; `unseen` says that no post went, so
-- those who follow the record (momentum) pass it over.
ALTER TABLE post_deletion ADD COLUMN unseen boolean NOT NULL DEFAULT false;

-- Reads all posts once, which may take longer than a statement usually may.
SET LOCAL statement_timeout = 0;
INSERT INTO post_deletion (feed, post, event_time, unseen)
SELECT feed, id, event_time, true FROM post
 WHERE deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM post_deletion WHERE post_deletion.post = post.id)
 ORDER BY event_time;
