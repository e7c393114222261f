-- Accounts that are gone for good, or are there again, by the newest that was said of each (decision 0017).
-- swept_at: when everything the author had posted until then was gone. Who came back is kept for days only, so
-- that an older word that comes late does not count.
CREATE TABLE account_departure (
  author      text PRIMARY KEY,
  author_hash bigint NOT NULL,
  gone        boolean NOT NULL,
  event_time  timestamptz NOT NULL,
  noted_at    timestamptz NOT NULL DEFAULT now(),
  swept_at    timestamptz
);
CREATE INDEX account_departure_open ON account_departure (gone, noted_at) WHERE swept_at IS NULL;

-- Posts of departed authors are looked for in this index alone, without reading the posts. Building it anew may
-- take longer than a statement usually may.
SET LOCAL statement_timeout = 0;
DROP INDEX post_event_time;
CREATE INDEX post_event_time ON post (event_time DESC, id DESC) INCLUDE (author_hash) WHERE deleted_at IS NULL;
