-- A topic's peak and how far it has come down from it. Topics stored before say nothing of their peak.
ALTER TABLE topic
  ADD COLUMN peak_at    timestamptz,
  ADD COLUMN peak_posts integer NOT NULL DEFAULT 0,
  ADD COLUMN decay      double precision NOT NULL DEFAULT 0;
