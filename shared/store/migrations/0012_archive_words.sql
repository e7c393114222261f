-- Cold posts keep their words (decision 0022): made anew they take longer than all the rest of a search, both where
-- posts are ranked and where the newest of many are looked through by time. Writes the archive anew.
SET LOCAL statement_timeout = 0;
DROP VIEW every_post;
DROP INDEX post_archive_words;
ALTER TABLE post_archive ADD COLUMN words tsvector GENERATED ALWAYS AS (public.post_words(text, tags)) STORED;
CREATE INDEX post_archive_words ON post_archive USING gin (words);
CREATE VIEW every_post AS
SELECT id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags, links, terms,
       fingerprint, reply_to, likes, reposts, deleted_at, words
  FROM post
 UNION ALL
SELECT a.id, a.seq, a.feed, a.uri, a.author, a.author_hash, a.event_time, a.claimed_time, a.text, a.languages,
       a.tags, a.links, a.terms, a.fingerprint, a.reply_to,
       (SELECT count(*)::integer FROM reaction r WHERE r.subject = a.id AND r.kind = 1 AND NOT r.deleted),
       (SELECT count(*)::integer FROM reaction r WHERE r.subject = a.id AND r.kind = 2 AND NOT r.deleted),
       NULL::timestamptz, a.words
  FROM post_archive a;
