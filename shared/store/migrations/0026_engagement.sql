-- Whether reports are of use: that somebody opened one, once a day and door, and whether it was called helpful. Nothing
-- says who. Both go with their report.
CREATE TABLE report_opened (
  report uuid NOT NULL REFERENCES report ON DELETE CASCADE,
  day    date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
  door   text NOT NULL,
  PRIMARY KEY (report, day, door)
);

CREATE TABLE report_vote (
  report   uuid PRIMARY KEY REFERENCES report ON DELETE CASCADE,
  helpful  boolean NOT NULL,
  voted_at timestamptz NOT NULL DEFAULT now()
);
