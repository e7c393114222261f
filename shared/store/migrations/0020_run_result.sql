-- Texts that a run's agent has read and that no longer stand in its context: kept whole, under a number (decision 28).
CREATE TABLE run_result (
  run     uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  number  integer NOT NULL,
  name    text NOT NULL,
  digest  bytea NOT NULL,
  content text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run, number),
  UNIQUE (run, name, digest)
);
