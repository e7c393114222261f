-- Stretches of a feed that are to be read again on a connection of their own, in microseconds of event
-- time (decision 0015). An open one (no end) follows a connection that has not caught up yet. Those done
-- stay a week as evidence: how many events were read again, and how many of them had been missing.
CREATE TABLE feed_recheck (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed      text NOT NULL REFERENCES feed ON DELETE CASCADE,
  cause     text NOT NULL CHECK (cause IN ('cutover', 'gap', 'future')),
  host      text NOT NULL,
  start_us  bigint NOT NULL,
  end_us    bigint,
  opened_us bigint NOT NULL,
  attempts  integer NOT NULL DEFAULT 0,
  try_after timestamptz NOT NULL DEFAULT now(),
  events    bigint NOT NULL DEFAULT 0,
  found     bigint NOT NULL DEFAULT 0,
  done_at   timestamptz
);
CREATE INDEX feed_recheck_due ON feed_recheck (feed, start_us) WHERE done_at IS NULL;
