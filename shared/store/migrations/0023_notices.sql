-- What the platform itself has to say to its operator: a mark of the budget, a call that waits for a yes. Told to the
-- destinations that want it, by the same deliveries as alerts.

CREATE TABLE notice (
  id        text PRIMARY KEY, -- 'budget:month:2026-11:80', 'approval:<id>', 'run:<id>:<step>'
  title     text NOT NULL,
  said      text NOT NULL,
  page      text NOT NULL, -- of the dashboard
  raised_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notice_raised ON notice (raised_at);

ALTER TABLE destination ADD COLUMN notices boolean NOT NULL DEFAULT false;
-- Without alert and notice it is a test.
ALTER TABLE delivery ADD COLUMN notice text REFERENCES notice ON DELETE CASCADE;
CREATE UNIQUE INDEX delivery_notice ON delivery (notice, destination) WHERE notice IS NOT NULL;
