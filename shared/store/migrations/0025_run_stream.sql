-- What changed in a run, in the order of commits, for whoever follows it (decision 0032). The trigger holds the run's
-- row until the transaction ends, so that number 5 is never seen before number 4.

ALTER TABLE run ADD COLUMN changes integer NOT NULL DEFAULT 0;

CREATE TABLE run_change (
  run uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  n   integer NOT NULL,
  seq smallint NOT NULL, -- of the step that came, changed or went
  PRIMARY KEY (run, n)
);

CREATE FUNCTION note_run_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  step   run_step := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  number integer;
BEGIN
  UPDATE run SET changes = changes + 1 WHERE id = step.run RETURNING changes INTO number;
  IF number IS NOT NULL THEN -- else the run itself is being removed
    INSERT INTO run_change (run, n, seq) VALUES (step.run, number, step.seq);
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER run_step_changed AFTER INSERT OR UPDATE OR DELETE ON run_step
  FOR EACH ROW EXECUTE FUNCTION note_run_change();

INSERT INTO run_change (run, n, seq) SELECT run, row_number() OVER (PARTITION BY run ORDER BY seq), seq FROM run_step;
UPDATE run SET changes = (SELECT count(*) FROM run_change WHERE run_change.run = run.id);
