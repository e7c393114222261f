-- Whose vectors search may compare: one model is active; another may be building, until it has all vectors.
CREATE TABLE vector_model (
  model        text PRIMARY KEY,
  state        text NOT NULL CHECK (state IN ('building', 'active')),
  started_at   timestamptz NOT NULL DEFAULT now(),
  activated_at timestamptz,
  -- While not complete, posts with a greater id than `after` may lack this model's vector.
  complete     boolean NOT NULL,
  after        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  done         bigint NOT NULL DEFAULT 0,
  total        bigint NOT NULL DEFAULT 0,
  -- Nothing runs this model at present, so that new posts go without its vectors.
  lost         boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX vector_model_active ON vector_model (state) WHERE state = 'active';

INSERT INTO vector_model (model, state, activated_at, complete)
SELECT model, 'active', now(), true FROM vector_chunk GROUP BY model HAVING sum(rows) > 0
 ORDER BY sum(rows) DESC LIMIT 1;
