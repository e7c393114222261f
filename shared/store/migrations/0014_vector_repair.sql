-- How far the comparison of record and index has come, by post id; a pass that was cut off goes on from there.
CREATE TABLE vector_repair (
  model      text PRIMARY KEY,
  after      uuid,
  missing    bigint NOT NULL DEFAULT 0,
  extra      bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at   timestamptz
);
