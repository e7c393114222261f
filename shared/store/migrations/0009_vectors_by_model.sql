-- Vectors of two models lie side by side, so that a change of model can be prepared beside the old one.
-- Filters know the author, whether a post has links, and languages without their regions ("pt-BR" as "pt").
ALTER TABLE post_vector
  ADD COLUMN spoken text[] NOT NULL DEFAULT '{}',
  ADD COLUMN author bigint NOT NULL DEFAULT 0,
  ADD COLUMN linked boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT post_vector_pkey,
  ADD PRIMARY KEY (model, post);
CREATE INDEX post_vector_post ON post_vector (post);

-- Writes each vector once, which may take longer than a statement usually may.
SET LOCAL statement_timeout = 0;
UPDATE post_vector v
   SET author = p.author_hash, linked = cardinality(p.links) > 0,
       spoken = ARRAY(SELECT DISTINCT key FROM unnest(v.languages) AS tag,
                      LATERAL (VALUES (lower(tag)), (split_part(lower(tag), '-', 1))) AS keys (key))
  FROM post p WHERE p.id = v.post;

-- Posts whose vectors must leave the index, whichever it is: written with what removes the post.
CREATE TABLE vector_removal (
  post     uuid PRIMARY KEY,
  added_at timestamptz NOT NULL DEFAULT now()
);
