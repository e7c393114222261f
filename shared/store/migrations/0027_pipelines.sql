-- Pipelines as data (decision 0031): runs of chains of stages, and when they are made by themselves.

-- What the workers can do, as they said when they started: the API reads it here.
CREATE TABLE pipeline (
  name    text PRIMARY KEY,
  about   jsonb NOT NULL,
  told_at timestamptz NOT NULL DEFAULT now()
);

-- A rule in local time, and the next moment that it names. `due_at` is NULL while it is off.
CREATE TABLE schedule (
  id         uuid PRIMARY KEY DEFAULT uuidv7(),
  pipeline   text NOT NULL,
  parameters jsonb NOT NULL,
  at         time NOT NULL,
  weekdays   text[] NOT NULL DEFAULT '{}', -- mon to sun; none: every day
  zone       text NOT NULL,
  enabled    boolean NOT NULL DEFAULT true,
  tainted    boolean NOT NULL DEFAULT false, -- who made it had read strangers' text
  due_at     timestamptz CHECK (enabled OR due_at IS NULL),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX schedule_due ON schedule (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE run ADD COLUMN pipeline text;
ALTER TABLE run ADD COLUMN parameters jsonb;
ALTER TABLE run ADD COLUMN schedule uuid REFERENCES schedule ON DELETE SET NULL;
ALTER TABLE run ADD COLUMN due_at timestamptz;
-- A due time makes one run, however many workers there are.
CREATE UNIQUE INDEX run_schedule_due ON run (schedule, due_at) WHERE schedule IS NOT NULL;
CREATE INDEX run_pipeline ON run (pipeline, created_at DESC) WHERE pipeline IS NOT NULL;
