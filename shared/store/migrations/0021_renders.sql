-- Reports as one HTML file. NULL in reports that are older than this form.
ALTER TABLE report ADD COLUMN html text;

-- How each render node did of late: one that failed is left alone until `rest_until`, by every worker.
CREATE TABLE render_node (
  address      text PRIMARY KEY,
  failures     integer NOT NULL DEFAULT 0,  -- in a row
  reason       text,
  failed_at    timestamptz,
  rest_until   timestamptz,
  rendered_at  timestamptz
);
