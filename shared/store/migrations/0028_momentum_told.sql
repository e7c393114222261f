-- What the momentum engine was told since its snapshot, in order, packed. It leaves with the next snapshot.
CREATE TABLE momentum_told (
  number  integer PRIMARY KEY,
  state   boolean NOT NULL DEFAULT true REFERENCES momentum_state (one) ON DELETE CASCADE,
  told    bytea NOT NULL
);

-- Both are packed already: PostgreSQL need not try again.
ALTER TABLE momentum_told ALTER COLUMN told SET STORAGE EXTERNAL;
ALTER TABLE momentum_state ALTER COLUMN snapshot SET STORAGE EXTERNAL;
