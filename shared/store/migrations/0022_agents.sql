-- Runs of agents (decision 0029): what they were asked, and a ledger of steps that nobody knew beforehand.

ALTER TABLE run DROP CONSTRAINT run_status_check;
ALTER TABLE run ADD CONSTRAINT run_status_check
  CHECK (status IN ('queued', 'running', 'needs_approval', 'needs_human', 'done', 'failed', 'cancelled'));
ALTER TABLE run ADD COLUMN agent text;
ALTER TABLE run ADD COLUMN question text;
-- Who asked had read strangers' text.
ALTER TABLE run ADD COLUMN tainted boolean NOT NULL DEFAULT false;
CREATE INDEX run_waiting ON run (id) WHERE status = 'needs_approval';

-- `work`: a step of a pipeline. `ask`: a question to a language model. `call`: an operation of the API.
-- A step that is `running` was intended: its worker may have died before, during or after it. `key` is what the API
-- knows it by, so that a second try is the same call.
ALTER TABLE run_step ADD COLUMN kind text NOT NULL DEFAULT 'work' CHECK (kind IN ('work', 'ask', 'call'));
ALTER TABLE run_step ADD COLUMN key text UNIQUE;
ALTER TABLE run_step ADD COLUMN request_hash bytea;
ALTER TABLE run_step ADD COLUMN request jsonb;
ALTER TABLE run_step ADD COLUMN cost_nano_usd bigint NOT NULL DEFAULT 0 CHECK (cost_nano_usd >= 0);
ALTER TABLE run_step ADD COLUMN approval uuid;

-- What the workers can do, as they said when they started: the API reads it here, since it loads none of it.
CREATE TABLE agent (
  name    text PRIMARY KEY,
  about   jsonb NOT NULL,
  told_at timestamptz NOT NULL DEFAULT now()
);
