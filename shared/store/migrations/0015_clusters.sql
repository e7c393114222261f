-- What the last hour talks about. Made anew every minute by one API process and read by all; the snapshot lets
-- whoever comes next go on with the same ids, names and places.
CREATE TABLE cluster_state (
  one           boolean PRIMARY KEY DEFAULT true CHECK (one),
  model         text NOT NULL DEFAULT '',
  snapshot      bytea,
  as_of         timestamptz,
  posts         integer NOT NULL DEFAULT 0,
  sampled       integer NOT NULL DEFAULT 0,
  compared      integer NOT NULL DEFAULT 0,
  scattered     integer NOT NULL DEFAULT 0,
  state         text NOT NULL,
  reason        text,
  updated_at    timestamptz NOT NULL DEFAULT now()
);

-- ``posts`` are those of the sample that belong to it, newest first; what is told of it is figures and ids only.
CREATE TABLE cluster (
  id    text PRIMARY KEY,
  told  jsonb NOT NULL,
  posts uuid[] NOT NULL
);
