-- Who may call operations, what was done, and what waits for a yes (decision 0026).

-- Tokens beside the operator's own, which is a setting. Only the digest is kept: a token is shown once.
-- `agent` acts for a language model: what it read taints it for good, and its effects then need an approval.
CREATE TABLE access_token (
  id         uuid PRIMARY KEY DEFAULT uuidv7(),
  name       text NOT NULL UNIQUE, -- what others know it by, so it is never given twice
  kind       text NOT NULL CHECK (kind IN ('script', 'agent')),
  scopes     text[] NOT NULL,
  digest     bytea NOT NULL UNIQUE,
  run        uuid,
  tainted_at timestamptz,
  tainted_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  used_at    timestamptz,
  revoked_at timestamptz
);

CREATE INDEX access_token_over ON access_token (least(expires_at, revoked_at));
CREATE INDEX access_token_run ON access_token (run) WHERE run IS NOT NULL;

-- One row an effect, written before it is tried: `begun` for ever means that nobody knows how it ended.
-- `call` is the hash of operation and arguments; `key` makes one call of many tries (Idempotency-Key).
CREATE TABLE audit (
  id         uuid PRIMARY KEY DEFAULT uuidv7(),
  at         timestamptz NOT NULL DEFAULT now(),
  actor      text NOT NULL,
  kind       text NOT NULL,
  token      uuid,
  tainted    boolean NOT NULL,
  door       text NOT NULL,
  operation  text NOT NULL,
  effect     text NOT NULL,
  call       bytea NOT NULL,
  arguments  text NOT NULL,
  request    text NOT NULL,
  approval   uuid,
  outcome    text NOT NULL CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
  detail     text NOT NULL DEFAULT '',
  ended_at   timestamptz,
  key        text,
  answer     bytea
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_operation ON audit (operation, id DESC);
CREATE UNIQUE INDEX audit_key ON audit (actor, key) WHERE key IS NOT NULL;

-- A yes is for this very call, by this actor, once.
CREATE TABLE approval (
  id         uuid PRIMARY KEY DEFAULT uuidv7(),
  actor      text NOT NULL,
  token      uuid REFERENCES access_token ON DELETE CASCADE,
  operation  text NOT NULL,
  effect     text NOT NULL,
  call       bytea NOT NULL,
  arguments  text NOT NULL,
  reason     text NOT NULL,
  state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'granted', 'denied', 'used', 'expired')),
  created_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  expires_at timestamptz NOT NULL
);
CREATE INDEX approval_created ON approval (created_at);
CREATE UNIQUE INDEX approval_open ON approval (actor, call) WHERE state IN ('waiting', 'granted');

-- Somebody has looked at a gap.
ALTER TABLE feed_gap ADD COLUMN acknowledged_at timestamptz;
CREATE INDEX feed_gap_newest ON feed_gap (end_time DESC, id DESC);
