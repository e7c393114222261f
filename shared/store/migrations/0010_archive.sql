-- Hot and cold (decision 0022). `post` holds the hot window, every tombstone, and what was never moved; older
-- posts lie here by day (UTC), without their words, which the index is made of, and without counters: reactions
-- are counted where a post is shown. The mover makes the days (shared/store/archive.py), the retention drops them.
CREATE TABLE post_archive (
  event_time   timestamptz NOT NULL,
  claimed_time timestamptz,
  seq          bigint NOT NULL,
  author_hash  bigint NOT NULL,
  fingerprint  bigint NOT NULL,
  id           uuid NOT NULL,
  reply_to     uuid,
  feed         text NOT NULL,
  uri          text NOT NULL,
  author       text NOT NULL,
  text         text NOT NULL,
  languages    text[] NOT NULL,
  tags         text[] NOT NULL,
  links        text[] NOT NULL,
  terms        text[] NOT NULL,
  PRIMARY KEY (id, event_time)
) PARTITION BY RANGE (event_time);
CREATE INDEX post_archive_time ON post_archive (event_time DESC, id DESC);
CREATE INDEX post_archive_author ON post_archive (author_hash);
CREATE INDEX post_archive_feed ON post_archive (feed, seq);
CREATE INDEX post_archive_words ON post_archive USING gin (to_tsvector('simple', text));

-- Every cold post once, whatever its day: ingestion asks this one index whether a post is known, and a post
-- cannot lie in two days.
CREATE TABLE post_archive_key (
  id         uuid PRIMARY KEY,
  event_time timestamptz NOT NULL
);

-- The highest seq of each feed that was moved: who follows the record beyond it need not look here.
CREATE TABLE post_archive_reach (
  feed text PRIMARY KEY REFERENCES feed ON DELETE CASCADE,
  seq  bigint NOT NULL
);

-- A post is in one of the two. Each column is what it is in `post`.
CREATE VIEW every_post AS
SELECT id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags, links, terms,
       fingerprint, reply_to, likes, reposts, deleted_at, words
  FROM post
 UNION ALL
SELECT a.id, a.seq, a.feed, a.uri, a.author, a.author_hash, a.event_time, a.claimed_time, a.text, a.languages,
       a.tags, a.links, a.terms, a.fingerprint, a.reply_to,
       (SELECT count(*)::integer FROM reaction r WHERE r.subject = a.id AND r.kind = 1 AND NOT r.deleted),
       (SELECT count(*)::integer FROM reaction r WHERE r.subject = a.id AND r.kind = 2 AND NOT r.deleted),
       NULL::timestamptz, to_tsvector('simple', a.text)
  FROM post_archive a;
