-- Answers of language models that may be given again (decision 28). Losing this loses money, never a result.
CREATE TABLE llm_cache (
  key           bytea PRIMARY KEY, -- of all that the answer depends on
  kind          text NOT NULL CHECK (kind IN ('exact', 'template')),
  agent         text NOT NULL,
  tier          text NOT NULL,
  model         text NOT NULL,
  question      text NOT NULL, -- how the last message begins, for people
  reply         jsonb NOT NULL,
  cost_nano_usd bigint NOT NULL CHECK (cost_nano_usd >= 0),
  hits          bigint NOT NULL DEFAULT 0,
  made_at       timestamptz NOT NULL DEFAULT now(),
  used_at       timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX llm_cache_expires ON llm_cache (expires_at);
CREATE INDEX llm_cache_used ON llm_cache (used_at);

-- How often that happened, and what it saved, by UTC day.
CREATE TABLE llm_cache_day (
  day            date NOT NULL,
  kind           text NOT NULL CHECK (kind IN ('exact', 'template')),
  hits           bigint NOT NULL DEFAULT 0,
  misses         bigint NOT NULL DEFAULT 0,
  saved_nano_usd bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (day, kind)
);
