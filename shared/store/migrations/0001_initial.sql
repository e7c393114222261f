-- The record. Ids of posts and reactions are deterministic hashes (see shared/contracts/ids.py), so a
-- replay meets its own rows. Times are event times unless the name says otherwise.

CREATE EXTENSION IF NOT EXISTS vector;

-- PostgreSQL 18 has it. For older ones: a random id (RFC 9562) whose first 48 bits are the milliseconds since 1970.
DO $older$
BEGIN
  IF to_regprocedure('pg_catalog.uuidv7()') IS NULL THEN
    CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $body$
      SELECT encode(set_byte(overlay(
               uuid_send(gen_random_uuid())
               PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
             6, 112 | (get_byte(uuid_send(gen_random_uuid()), 6) & 15)), 'hex')::uuid
    $body$;
  END IF;
END $older$;

CREATE TABLE feed (
  id               text PRIMARY KEY,
  kind             text NOT NULL,
  url              text NOT NULL,
  enabled          boolean NOT NULL DEFAULT true,
  backfill_minutes integer NOT NULL DEFAULT 0,
  created_at       timestamptz NOT NULL DEFAULT now()
);

-- One row a feed, moved in the same transaction as the rows it covers (invariant 1).
CREATE TABLE feed_cursor (
  feed        text PRIMARY KEY REFERENCES feed ON DELETE CASCADE,
  wire        text NOT NULL,
  host        text NOT NULL,
  position    bigint NOT NULL,
  event_time  timestamptz NOT NULL,
  events      bigint NOT NULL DEFAULT 0,
  posts       bigint NOT NULL DEFAULT 0,
  likes       bigint NOT NULL DEFAULT 0,
  reposts     bigint NOT NULL DEFAULT 0,
  deletes     bigint NOT NULL DEFAULT 0,
  duplicates  bigint NOT NULL DEFAULT 0,
  quarantined bigint NOT NULL DEFAULT 0,
  updated_at  timestamptz NOT NULL DEFAULT now()
);

-- What the relay last said of a feed; nothing of record.
CREATE TABLE feed_report (
  feed        text PRIMARY KEY REFERENCES feed ON DELETE CASCADE,
  status      text NOT NULL,
  reason      text,
  since       timestamptz NOT NULL DEFAULT now(),
  rate        double precision NOT NULL DEFAULT 0,
  reported_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE feed_gap (
  id         uuid PRIMARY KEY DEFAULT uuidv7(),
  feed       text NOT NULL REFERENCES feed ON DELETE CASCADE,
  start_time timestamptz NOT NULL,
  end_time   timestamptz NOT NULL,
  cause      text NOT NULL,
  evidence   jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (end_time > start_time),
  UNIQUE (feed, start_time, end_time)
);
CREATE INDEX feed_gap_end ON feed_gap (end_time);

CREATE TABLE feed_minute (
  feed    text NOT NULL REFERENCES feed ON DELETE CASCADE,
  minute  timestamptz NOT NULL,
  posts   integer NOT NULL DEFAULT 0,
  likes   integer NOT NULL DEFAULT 0,
  reposts integer NOT NULL DEFAULT 0,
  deletes integer NOT NULL DEFAULT 0,
  PRIMARY KEY (feed, minute)
);

-- Frames we could not read, with their bytes (cut to 64 KiB; size is the full length).
CREATE TABLE quarantine (
  id          uuid PRIMARY KEY,
  feed        text NOT NULL REFERENCES feed ON DELETE CASCADE,
  reason      text NOT NULL,
  detail      text NOT NULL DEFAULT '',
  size        integer NOT NULL,
  raw         bytea NOT NULL,
  times       integer NOT NULL DEFAULT 1,
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX quarantine_received ON quarantine (received_at);

-- A deleted post keeps its row as a tombstone without content, so that a replayed create stays deleted.
CREATE TABLE post (
  id           uuid PRIMARY KEY,
  seq          bigint GENERATED ALWAYS AS IDENTITY,
  feed         text NOT NULL REFERENCES feed ON DELETE CASCADE,
  uri          text NOT NULL,
  author       text NOT NULL,
  author_hash  bigint NOT NULL,
  event_time   timestamptz NOT NULL,
  claimed_time timestamptz,
  text         text NOT NULL,
  languages    text[] NOT NULL DEFAULT '{}',
  tags         text[] NOT NULL DEFAULT '{}',
  links        text[] NOT NULL DEFAULT '{}',
  terms        text[] NOT NULL DEFAULT '{}',
  fingerprint  bigint NOT NULL DEFAULT 0,
  reply_to     uuid,
  likes        integer NOT NULL DEFAULT 0,
  reposts      integer NOT NULL DEFAULT 0,
  deleted_at   timestamptz,
  ingested_at  timestamptz NOT NULL DEFAULT now(),
  words        tsvector GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED
);
CREATE UNIQUE INDEX post_feed_seq ON post (feed, seq);
CREATE INDEX post_event_time ON post (event_time DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX post_words ON post USING gin (words) WITH (fastupdate = on);

-- Likes (kind 1) and reposts (kind 2), one row each, so that replays count once and undoing works.
CREATE TABLE reaction (
  id         uuid PRIMARY KEY,
  subject    uuid,
  kind       smallint NOT NULL CHECK (kind IN (1, 2)),
  event_time timestamptz NOT NULL,
  deleted    boolean NOT NULL DEFAULT false
);
CREATE INDEX reaction_subject ON reaction (subject) WHERE NOT deleted;
CREATE INDEX reaction_event_time ON reaction USING brin (event_time);

-- Deletions in the order they were stored, for those who follow the record (momentum).
CREATE TABLE post_deletion (
  seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  feed       text NOT NULL,
  post       uuid NOT NULL,
  event_time timestamptz NOT NULL
);
CREATE INDEX post_deletion_feed ON post_deletion (feed, seq);

-- Posts that still want a vector: filled with the post, emptied with the vector.
CREATE TABLE embedding_pending (
  post uuid PRIMARY KEY,
  seq  bigint NOT NULL
);
CREATE INDEX embedding_pending_seq ON embedding_pending (seq DESC);

-- pgvector's home for vectors. No approximate index yet: scans are exact (decision 0004).
CREATE TABLE post_vector (
  post       uuid PRIMARY KEY,
  model      text NOT NULL,
  feed       text NOT NULL,
  event_time timestamptz NOT NULL,
  languages  text[] NOT NULL DEFAULT '{}',
  embedding  halfvec(384) NOT NULL
);
CREATE INDEX post_vector_time ON post_vector (event_time DESC);

CREATE TABLE topic (
  id              text PRIMARY KEY,
  label           text NOT NULL,
  terms           text[] NOT NULL,
  status          text NOT NULL,
  score           double precision NOT NULL,
  posts_hour      integer NOT NULL,
  authors_hour    integer NOT NULL,
  usual_hour      double precision NOT NULL,
  ratio           double precision NOT NULL,
  provisional     boolean NOT NULL,
  began_at        timestamptz NOT NULL,
  detected_at     timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  languages       text[] NOT NULL DEFAULT '{}',
  why             text NOT NULL,
  representatives uuid[] NOT NULL DEFAULT '{}'
);
CREATE INDEX topic_live ON topic (score DESC) WHERE status <> 'ended';
CREATE INDEX topic_updated ON topic (updated_at);

CREATE TABLE topic_minute (
  topic   text NOT NULL REFERENCES topic ON DELETE CASCADE,
  minute  timestamptz NOT NULL,
  posts   integer NOT NULL,
  authors integer NOT NULL,
  usual   double precision NOT NULL,
  PRIMARY KEY (topic, minute)
);

CREATE TABLE topic_post (
  topic      text NOT NULL REFERENCES topic ON DELETE CASCADE,
  post       uuid NOT NULL,
  event_time timestamptz NOT NULL,
  PRIMARY KEY (topic, post)
);
CREATE INDEX topic_post_post ON topic_post (post);
CREATE INDEX topic_post_time ON topic_post (topic, event_time DESC);

-- The momentum engine's checkpoint and exactly what it covers, one row.
CREATE TABLE momentum_state (
  one              boolean PRIMARY KEY DEFAULT true CHECK (one),
  positions        jsonb NOT NULL,
  snapshot         bytea NOT NULL,
  as_of            timestamptz,
  baseline_from    timestamptz,
  updated_at       timestamptz NOT NULL DEFAULT now()
);

-- Who leads a scheduled job; time is the database's (invariant 4).
CREATE TABLE lease (
  name       text PRIMARY KEY,
  holder     text NOT NULL,
  epoch      bigint NOT NULL DEFAULT 1,
  expires_at timestamptz NOT NULL
);

-- What each unit last said of itself and of what it uses.
CREATE TABLE unit_report (
  unit        text NOT NULL,
  instance    text NOT NULL,
  component   text NOT NULL,
  state       text NOT NULL,
  reason      text,
  since       timestamptz NOT NULL DEFAULT now(),
  reported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (unit, instance, component)
);

CREATE TABLE run (
  id               uuid PRIMARY KEY DEFAULT uuidv7(),
  kind             text NOT NULL,
  topic            text NOT NULL,
  title            text NOT NULL,
  status           text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
  error            text,
  attempts         integer NOT NULL DEFAULT 0,
  epoch            bigint NOT NULL DEFAULT 0,
  lease_expires_at timestamptz,
  report           uuid,
  spend_nano_usd   bigint NOT NULL DEFAULT 0 CHECK (spend_nano_usd >= 0),
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX run_created ON run (created_at DESC);
CREATE INDEX run_unfinished ON run (lease_expires_at) WHERE status IN ('queued', 'running');

CREATE TABLE run_step (
  run         uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  seq         smallint NOT NULL,
  name        text NOT NULL,
  title       text NOT NULL,
  status      text NOT NULL DEFAULT 'pending',
  result      jsonb,
  detail      text,
  started_at  timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (run, seq),
  UNIQUE (run, name)
);

-- Jobs wait here until they are handed to the broker: written with the run they belong to.
CREATE TABLE outbox (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  actor      text NOT NULL,
  queue      text NOT NULL,
  args       jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE report (
  id         uuid PRIMARY KEY,
  run        uuid NOT NULL UNIQUE REFERENCES run ON DELETE CASCADE,
  topic      text NOT NULL,
  title      text NOT NULL,
  body       jsonb NOT NULL,
  markdown   text NOT NULL,
  pdf        bytea,
  pdf_reason text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX report_created ON report (created_at DESC);
