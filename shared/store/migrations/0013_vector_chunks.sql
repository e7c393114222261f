-- Vectors in chunks, filled one after another in the order they are made (decision 0021). The open one takes
-- what is new and has no approximate index; a full one is sealed and gets one; an emptied one is dropped.
-- `near` names its approximate indexes with their lists: one over all, and one for each common language and feed.
-- `rows` is exact; the times bound those of the chunk's posts, perhaps not closely.
CREATE TABLE vector_chunk (
  id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model      text NOT NULL,
  state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sealed', 'indexed')),
  rows       bigint NOT NULL DEFAULT 0,
  first_time timestamptz,
  last_time  timestamptz,
  near       jsonb NOT NULL DEFAULT '{}',
  made_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX vector_chunk_open ON vector_chunk (model) WHERE state = 'open';

ALTER TABLE post_vector RENAME TO post_vector_before;
ALTER INDEX post_vector_pkey RENAME TO post_vector_before_pkey;
DROP INDEX post_vector_time, post_vector_post;

-- A chunk holds one model. What filters read lies before the vector.
CREATE TABLE post_vector (
  post       uuid NOT NULL,
  author     bigint NOT NULL DEFAULT 0,
  event_time timestamptz NOT NULL,
  chunk      integer NOT NULL,
  linked     boolean NOT NULL DEFAULT false,
  feed       text NOT NULL,
  languages  text[] NOT NULL DEFAULT '{}',
  spoken     text[] NOT NULL DEFAULT '{}',
  embedding  halfvec(384) NOT NULL,
  PRIMARY KEY (post, chunk)
) PARTITION BY LIST (chunk);
CREATE INDEX post_vector_time ON post_vector (event_time);
CREATE INDEX post_vector_author ON post_vector (author);
CREATE INDEX post_vector_feed ON post_vector (feed);
CREATE INDEX post_vector_spoken ON post_vector USING gin (spoken);

SET LOCAL statement_timeout = 0;
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT model, count(*) AS rows, min(event_time) AS first_time, max(event_time) AS last_time
               FROM post_vector_before GROUP BY model LOOP
    INSERT INTO vector_chunk (model, rows, first_time, last_time)
    VALUES (one.model, one.rows, one.first_time, one.last_time);
  END LOOP;
  FOR one IN SELECT id, model FROM vector_chunk LOOP
    EXECUTE format('CREATE TABLE post_vector_%s PARTITION OF post_vector FOR VALUES IN (%s)', one.id, one.id);
    INSERT INTO post_vector (post, author, event_time, chunk, linked, feed, languages, spoken, embedding)
    SELECT post, author, event_time, one.id, linked, feed, languages, spoken, embedding
      FROM post_vector_before WHERE model = one.model;
  END LOOP;
END $$;
DROP TABLE post_vector_before;
