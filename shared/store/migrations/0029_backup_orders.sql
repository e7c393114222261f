-- Backups as the worker that takes them sees them: the API has no access to their folder (docs/backup.md).
CREATE TABLE backup (
  name        text PRIMARY KEY,
  taken_at    timestamptz NOT NULL,
  version     text NOT NULL,
  revision    integer NOT NULL,
  rows        bigint NOT NULL,
  bytes       bigint NOT NULL,
  seconds     double precision NOT NULL,
  verified_at timestamptz,
  problem     text -- why the last proof failed
);

-- What people asked a worker to do with backups. One that is under way for long was left by a worker that died.
CREATE TABLE backup_order (
  id       uuid PRIMARY KEY DEFAULT uuidv7(),
  what     text NOT NULL CHECK (what IN ('take', 'verify')),
  backup   text NOT NULL DEFAULT '',
  status   text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'running', 'done', 'failed')),
  said     text NOT NULL DEFAULT '',
  asked_at timestamptz NOT NULL DEFAULT now(),
  begun_at timestamptz,
  ended_at timestamptz
);
CREATE UNIQUE INDEX backup_order_open ON backup_order (what, backup) WHERE status IN ('waiting', 'running');
