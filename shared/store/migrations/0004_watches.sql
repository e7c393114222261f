-- Watches, the alerts they raise, and how each alert was sent.

CREATE TABLE destination (
  id         uuid PRIMARY KEY DEFAULT uuidv7(),
  name       text NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('slack', 'apprise')),
  url        text NOT NULL, -- a secret: read by the worker only
  created_at timestamptz NOT NULL DEFAULT now()
);

-- evaluated_to, state, told_topics and degraded belong to the job that judges; revision rises with each new rule, so
-- that what was judged by the old one is never written. Positions are event times.
CREATE TABLE watch (
  id            uuid PRIMARY KEY DEFAULT uuidv7(),
  name          text NOT NULL,
  rule          jsonb NOT NULL,
  destinations  uuid[] NOT NULL DEFAULT '{}',
  paused        boolean NOT NULL DEFAULT false,
  snoozed_until timestamptz,
  revision      integer NOT NULL DEFAULT 1,
  armed_at      timestamptz NOT NULL,
  evaluated_to  timestamptz,
  state         jsonb NOT NULL DEFAULT '{}',
  told_topics   jsonb NOT NULL DEFAULT '{}',
  degraded      text,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);

-- Matching posts by minute as they were judged; minutes without any have no row. What is usual rests on it.
CREATE TABLE watch_minute (
  watch  uuid NOT NULL REFERENCES watch ON DELETE CASCADE,
  minute timestamptz NOT NULL,
  posts  integer NOT NULL,
  PRIMARY KEY (watch, minute)
);
CREATE INDEX watch_minute_minute ON watch_minute (minute);

-- The id is a hash of watch, revision, what it is about and level: the same alert cannot be raised twice.
CREATE TABLE alert (
  id              uuid PRIMARY KEY,
  seq             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  watch           uuid NOT NULL REFERENCES watch ON DELETE CASCADE,
  kind            text NOT NULL CHECK (kind IN ('threshold', 'topic')),
  level           integer NOT NULL,
  began_at        timestamptz NOT NULL,
  at              timestamptz NOT NULL,
  raised_at       timestamptz NOT NULL DEFAULT now(),
  minutes         integer NOT NULL,
  posts           integer NOT NULL,
  authors         integer NOT NULL,
  usual           double precision,
  ratio           double precision,
  provisional     boolean NOT NULL,
  matched         jsonb NOT NULL,
  languages       text[] NOT NULL,
  samples         uuid[] NOT NULL,
  topics          text[] NOT NULL,
  reason          text NOT NULL,
  acknowledged_at timestamptz
);
CREATE INDEX alert_watch ON alert (watch, seq DESC);
CREATE INDEX alert_unread ON alert (seq) WHERE acknowledged_at IS NULL;
CREATE INDEX alert_raised ON alert (raised_at);

-- Without an alert it is a test.
CREATE TABLE delivery (
  id          uuid PRIMARY KEY DEFAULT uuidv7(),
  alert       uuid REFERENCES alert ON DELETE CASCADE,
  destination uuid NOT NULL REFERENCES destination ON DELETE CASCADE,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
  attempts    integer NOT NULL DEFAULT 0,
  reason      text,
  next_at     timestamptz NOT NULL DEFAULT now(),
  claimed_to  timestamptz,
  sent_at     timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (alert, destination)
);
CREATE INDEX delivery_destination ON delivery (destination, created_at DESC);
CREATE INDEX delivery_pending ON delivery (next_at) WHERE state = 'pending';
CREATE INDEX delivery_created ON delivery (created_at);
