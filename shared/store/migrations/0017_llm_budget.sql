-- What language models may cost and have cost, in whole nano-dollars (invariant 9). `committed` is what was spent and
-- the bounds of calls whose cost is not known yet. A reservation adds to it only where that stays within `cap`;
-- the CHECK refuses more a second time, whatever a statement says.

-- The month that pays, by the database's clock. A function, so that there is one answer and tests can move it.
CREATE FUNCTION budget_month() RETURNS text LANGUAGE sql STABLE
  RETURN to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM');

-- One row a month, one an agent and month, one a run; `id` is 'month:2026-11', 'agent:2026-11:scout', 'run:<uuid>'.
CREATE TABLE budget (
  id         text PRIMARY KEY,
  scope      text NOT NULL CHECK (scope IN ('month', 'agent', 'run')),
  month      text NOT NULL, -- of a run: the month of its first call
  name       text NOT NULL,
  cap        bigint NOT NULL CHECK (cap >= 0),
  committed  bigint NOT NULL DEFAULT 0,
  spent      bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
  -- What providers billed beyond the bounds that were reserved, which cannot be refused any more.
  excess     bigint NOT NULL DEFAULT 0 CHECK (excess >= 0),
  -- The cap, or what was committed already when the cap was lowered below it.
  ceiling    bigint NOT NULL CHECK (ceiling >= cap),
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (spent <= committed),
  CONSTRAINT budget_never_passed CHECK (committed <= ceiling + excess)
) WITH (fillfactor = 50);

-- One row an attempt that may reach a provider. No reference to the run: calls outlive it, they are the bill.
CREATE TABLE llm_call (
  id                 uuid PRIMARY KEY DEFAULT uuidv7(),
  request            uuid NOT NULL,
  month              text NOT NULL,
  agent              text NOT NULL,
  run                uuid,
  priority           text NOT NULL,
  kind               text NOT NULL,
  tier               text NOT NULL,
  model              text NOT NULL,
  reason             text NOT NULL,
  state              text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'dispatched', 'settled', 'released')),
  bound_nano_usd     bigint NOT NULL CHECK (bound_nano_usd >= 0),
  cost_nano_usd      bigint CHECK (cost_nano_usd >= 0),
  -- 'usage': what the provider reported. 'bound': it did not say, so the whole bound is charged.
  basis              text CHECK (basis IN ('usage', 'bound')),
  max_tokens         integer NOT NULL,
  input_tokens       bigint,
  cache_read_tokens  bigint,
  cache_write_tokens bigint,
  output_tokens      bigint,
  error              text,
  created_at         timestamptz NOT NULL DEFAULT now(),
  dispatched_at      timestamptz,
  ended_at           timestamptz,
  CHECK ((state = 'settled') = (cost_nano_usd IS NOT NULL)),
  CHECK ((state = 'settled') = (basis IS NOT NULL)),
  CHECK ((state IN ('settled', 'released')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX llm_call_open ON llm_call (created_at) WHERE state IN ('reserved', 'dispatched');
CREATE INDEX llm_call_created ON llm_call (created_at DESC);
CREATE INDEX llm_call_run ON llm_call (run, created_at) WHERE run IS NOT NULL;

-- Models that may not be asked any more: they billed above the bound, so our prices for them are wrong.
CREATE TABLE llm_model_off (
  model  text PRIMARY KEY,
  reason text NOT NULL,
  since  timestamptz NOT NULL DEFAULT now()
);

-- Written in the transaction that passes the mark, told afterwards: once each, whatever dies in between.
CREATE TABLE budget_alert (
  id         text PRIMARY KEY, -- 'month:2026-11:80', 'overrun:<call>'
  kind       text NOT NULL CHECK (kind IN ('share', 'overrun')),
  percent    smallint,
  said       text NOT NULL,
  raised_at  timestamptz NOT NULL DEFAULT now(),
  told_at    timestamptz
);
CREATE INDEX budget_alert_untold ON budget_alert (raised_at) WHERE told_at IS NULL;
