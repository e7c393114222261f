-- Feeds are rows (decision 0014). "settings": the feed that GROUNDSWELL_FEED_URL names; "operator": added
-- through the API; "replay": a recording, which the relay never opens. NULL limits are the settings'.
ALTER TABLE feed
  ADD COLUMN managed      text NOT NULL DEFAULT 'operator' CHECK (managed IN ('settings', 'operator', 'replay')),
  ADD COLUMN options      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
  ADD COLUMN queue_events integer CHECK (queue_events > 0),
  ADD COLUMN queue_bytes  integer CHECK (queue_bytes > 0),
  ADD COLUMN removing     boolean NOT NULL DEFAULT false;

-- Until now the relay opened no feed but the settings'.
UPDATE feed SET managed = CASE WHEN kind = 'file' THEN 'replay' ELSE 'settings' END;

ALTER TABLE feed_report
  ADD COLUMN behind_seconds   double precision,
  ADD COLUMN catch_up_seconds double precision;

-- Connections that ended, and how long it took to have the next one. One row an outage: attempts counts
-- the connections refused meanwhile. The newest are kept (see shared/store/drops.py).
CREATE TABLE feed_drop (
  id             uuid PRIMARY KEY,
  feed           text NOT NULL REFERENCES feed ON DELETE CASCADE,
  cause          text NOT NULL,
  code           integer,
  detail         text NOT NULL DEFAULT '',
  evidence       jsonb NOT NULL DEFAULT '{}',
  position       bigint,
  connected_at   timestamptz,
  ended_at       timestamptz NOT NULL,
  reconnected_at timestamptz,
  attempts       integer NOT NULL DEFAULT 0
);
CREATE INDEX feed_drop_feed ON feed_drop (feed, ended_at DESC, id DESC);
CREATE INDEX feed_drop_ended ON feed_drop (ended_at);
