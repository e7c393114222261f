"""What becomes of posts that are taken back, whoever takes them: parts of the statements that do it."""

from __future__ import annotations

#: What an ``UPDATE post`` sets: nothing of the content is left, and nobody counts it any more.
SET_GONE = """text = '', languages = '{}', tags = '{}', links = '{}', terms = '{}', fingerprint = 0,
                claimed_time = NULL, reply_to = NULL, likes = 0, reposts = 0, deleted_at = now()"""

#: After ``gone`` (id, feed, event_time of those posts): whoever follows the record is told, and what hangs
#: on a post goes with it.
ALONG = """noted AS (
         INSERT INTO post_deletion (feed, post, event_time)
         SELECT feed, id, event_time FROM gone ORDER BY event_time, id),
       unwanted AS (DELETE FROM embedding_pending e USING gone WHERE e.post = gone.id),
       unplaced AS (INSERT INTO vector_removal (post) SELECT id FROM gone ON CONFLICT DO NOTHING),
       untold AS (DELETE FROM topic_post t USING gone WHERE t.post = gone.id)"""
