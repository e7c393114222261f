-- People who sign in through an identity provider, and the sessions of browsers (decision 0036).

-- Who they are is the provider's word; `role` is what the settings made of it at the last sign-in.
CREATE TABLE person (
  id           uuid PRIMARY KEY DEFAULT uuidv7(),
  issuer       text NOT NULL,
  subject      text NOT NULL,
  name         text NOT NULL, -- as the audit log knows them
  email        text,
  role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  signed_in_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (issuer, subject)
);

-- Of a person, or of whoever gave the owner's token (then `owner` is that token's digest, so that another token ends it).
-- The cookie's secret changes while it is used; `earlier` is the one before, until the new one was seen and a minute more.
CREATE TABLE browser_session (
  id            uuid PRIMARY KEY DEFAULT uuidv7(),
  person        uuid REFERENCES person ON DELETE CASCADE,
  owner         bytea,
  digest        bytea NOT NULL UNIQUE,
  earlier       bytea UNIQUE,
  earlier_until timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  changed_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  CHECK ((person IS NULL) <> (owner IS NULL))
);
CREATE INDEX browser_session_expires ON browser_session (expires_at);
CREATE INDEX browser_session_person ON browser_session (person);

-- Between leaving for the provider and coming back; each is used once. `browser` is the digest of a cookie.
CREATE TABLE sign_in (
  browser    bytea PRIMARY KEY,
  state      text NOT NULL,
  nonce      text NOT NULL,
  verifier   text NOT NULL,
  back_to    text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_expires ON sign_in (expires_at);

-- What `groundswell up` prints for the owner's browser when the token is asked for: used once.
CREATE TABLE owner_ticket (
  digest     bytea PRIMARY KEY,
  owner      bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
