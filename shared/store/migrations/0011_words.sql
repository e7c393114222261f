-- What a post is found by (decision 0023): its words, whatever their letter case and accents and whatever the
-- database's locale; and of emoji and of scripts that part no words, each pair of neighbours. The classes of
-- characters are those of shared/features/scripts.py. Names are qualified: a restore has an empty search path.

CREATE EXTENSION IF NOT EXISTS unaccent;

CREATE TEXT SEARCH CONFIGURATION groundswell (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION groundswell
  ALTER MAPPING FOR word, hword, hword_part, numword, numhword WITH unaccent, simple;

-- The last character of a run stands alone too, so that any single one is the beginning of something.
CREATE FUNCTION post_pairs(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_to_tsvector(coalesce(array_agg(DISTINCT substr(found[1], place, 2)), '{}'))
    FROM regexp_matches(said, '[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u2190-\u2bff\U0001f000-\U0001faff\uac00-\ud7a3]+', 'g') AS found, generate_series(1, length(found[1])) AS place
$$;

-- Hashtags, of the text and of the post's own list, with their sign.
CREATE FUNCTION post_tags(said text, tags text[]) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_to_tsvector(coalesce(array_agg(DISTINCT '#' || public.unaccent('public.unaccent',
           left(lower(ltrim(tag, '#＃') COLLATE "pg_c_utf8"), 64))) FILTER (WHERE ltrim(tag, '#＃') <> ''), '{}'))
    FROM (SELECT unnest(tags) UNION ALL
          SELECT found[1] FROM regexp_matches(said COLLATE "pg_c_utf8", '[#＃]([\w\u0300-\u036f\u0900-\u0eff\u200d]+)', 'g') AS found) AS all_of (tag)
$$;

-- To PostgreSQL's parser, whatever is not ASCII may be a letter: the rest is cut out before it sees it.
CREATE FUNCTION post_words(said text, tags text[]) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN octet_length(said) = length(said) THEN to_tsvector('public.groundswell', said)
    ELSE to_tsvector('public.groundswell', regexp_replace(lower(said COLLATE "pg_c_utf8"), '[\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u2000-\u200c\u200e-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u303f\ufe00-\ufe0f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+', ' ', 'g'))
         || CASE WHEN said ~ '[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u2190-\u2bff\U0001f000-\U0001faff\uac00-\ud7a3]' THEN public.post_pairs(said) ELSE ''::tsvector END END
    || CASE WHEN tags <> '{}' OR said ~ '[#＃]' THEN public.post_tags(said, tags) ELSE ''::tsvector END
$$;

-- Every post, hot or cold, is read once more, which may take longer than a statement usually may.
SET LOCAL statement_timeout = 0;
DROP VIEW every_post;
ALTER TABLE post ALTER COLUMN words SET EXPRESSION AS (public.post_words(text, tags));
-- A person's posts, newest first.
CREATE INDEX post_author ON post (author_hash, event_time DESC) WHERE deleted_at IS NULL;
DROP INDEX post_archive_words;
CREATE INDEX post_archive_words ON post_archive USING gin (post_words(text, tags));
CREATE VIEW every_post AS
SELECT id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags, links, terms,
       fingerprint, reply_to, likes, reposts, deleted_at, words
  FROM post
 UNION ALL
SELECT a.id, a.seq, a.feed, a.uri, a.author, a.author_hash, a.event_time, a.claimed_time, a.text, a.languages,
       a.tags, a.links, a.terms, a.fingerprint, a.reply_to,
       (SELECT count(*)::integer FROM reaction r WHERE r.subject = a.id AND r.kind = 1 AND NOT r.deleted),
       (SELECT count(*)::integer FROM reaction r WHERE r.subject = a.id AND r.kind = 2 AND NOT r.deleted),
       NULL::timestamptz, post_words(a.text, a.tags)
  FROM post_archive a;
