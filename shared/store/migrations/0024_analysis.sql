-- What may be asked of the record in SQL (decision 0030): views in a schema of their own, and nothing else. The role
-- that reads them is made when the API starts (shared/store/analysis_role.py), since roles belong to the server and
-- not to this database. No tokens, destinations, settings, audit, budgets or prompts: who adds a view or a column
-- here shows it to whoever holds the scope analysis:read, and to every agent that queries.
-- The comments are what query_tables tells.

CREATE SCHEMA analysis;
COMMENT ON SCHEMA analysis IS 'Views for queries; see docs/analysis.md.';

CREATE VIEW analysis.posts AS
SELECT id, feed, uri, author, event_time AS time, text, languages, tags, links, reply_to, likes, reposts, words
  FROM public.every_post
 WHERE deleted_at IS NULL;
COMMENT ON VIEW analysis.posts IS 'Every stored post that its author has not deleted, hot and archived.';
COMMENT ON COLUMN analysis.posts.feed IS 'Id of the feed that brought it.';
COMMENT ON COLUMN analysis.posts.author IS 'The account, as the network names it (a DID, a public key).';
COMMENT ON COLUMN analysis.posts.time IS 'When it was posted (event time, UTC). Name a stretch of it: there are indexes.';
COMMENT ON COLUMN analysis.posts.languages IS 'As its author said; may be empty.';
COMMENT ON COLUMN analysis.posts.reply_to IS 'Id of the post that it answers.';
COMMENT ON COLUMN analysis.posts.words IS
  'For quick search: words @@ plainto_tsquery(''public.groundswell'', ''bridge closed''). Do not select it.';

CREATE VIEW analysis.reactions AS
SELECT subject AS post, CASE kind WHEN 1 THEN 'like' ELSE 'repost' END AS kind, event_time AS time
  FROM public.reaction
 WHERE NOT deleted AND subject IS NOT NULL;
COMMENT ON VIEW analysis.reactions IS 'Likes and reposts that were not taken back, one row each.';
COMMENT ON COLUMN analysis.reactions.kind IS 'like or repost.';

CREATE VIEW analysis.topics AS
SELECT id, label, terms, status, score, posts_hour, authors_hour, usual_hour, ratio, provisional, began_at,
       detected_at, updated_at, languages, why, peak_at, peak_posts, decay
  FROM public.topic;
COMMENT ON VIEW analysis.topics IS 'What gains or gained momentum, live and ended.';
COMMENT ON COLUMN analysis.topics.status IS 'emerging, rising, peaking, fading or ended.';
COMMENT ON COLUMN analysis.topics.usual_hour IS 'Posts that are usual in such an hour.';
COMMENT ON COLUMN analysis.topics.ratio IS 'posts_hour as a multiple of usual_hour.';
COMMENT ON COLUMN analysis.topics.provisional IS 'Whether the baseline is still young.';

CREATE VIEW analysis.topic_minutes AS
SELECT topic, minute, posts, authors, usual FROM public.topic_minute;
COMMENT ON VIEW analysis.topic_minutes IS 'Posts and accounts of a topic by minute of event time, with what is usual.';

CREATE VIEW analysis.topic_posts AS
SELECT topic, post, event_time AS time FROM public.topic_post;
COMMENT ON VIEW analysis.topic_posts IS 'Which posts belong to which topic.';

CREATE VIEW analysis.feeds AS
SELECT id, kind, created_at FROM public.feed;
COMMENT ON VIEW analysis.feeds IS 'Where posts come from. Addresses and keys are not told.';

CREATE VIEW analysis.feed_minutes AS
SELECT feed, minute, posts, likes, reposts, deletes FROM public.feed_minute;
COMMENT ON VIEW analysis.feed_minutes IS 'What each feed brought by minute of event time.';

CREATE VIEW analysis.gaps AS
SELECT feed, start_time, end_time, cause FROM public.feed_gap;
COMMENT ON VIEW analysis.gaps IS 'Stretches that a feed could not give back: counts there are too low.';

REVOKE ALL ON SCHEMA analysis FROM PUBLIC;
