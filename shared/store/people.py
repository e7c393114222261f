"""People, sessions of browsers, and sign-ins under way. Of cookies only digests are stored."""

from __future__ import annotations

from shared.schemas.access import KnownPerson, Role
from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class Admitted(Schema, frozen=True, kw_only=True):
    """Whom a session lets in; without ``name`` the owner. ``due``: its secret is to be changed."""

    id: str
    name: str | None
    role: Role | None
    due: bool


class Ended(Schema, frozen=True, kw_only=True):
    """Whose session it was; without ``name`` the owner's."""

    name: str | None


class Pending(Schema, frozen=True, kw_only=True):
    """A sign-in under way."""

    state: str
    nonce: str
    verifier: str
    back_to: str


class Made(Schema, frozen=True, kw_only=True):
    """The id of what was made or changed."""

    id: str


#: A secret is changed after an hour of use; one that did not reach its browser, after a minute.
_DUE = """((s.digest = %(digest)s AND s.changed_at < now() - interval '1 hour')
           OR (s.earlier = %(digest)s AND s.earlier_until IS NULL AND s.changed_at < now() - interval '1 minute'))"""

#: The session of the cookie ``digest``. One of the owner holds only under the token it was made with.
ADMIT = Statement(
    f"""WITH found AS (
         SELECT s.id, s.person, s.digest, s.earlier, s.earlier_until, {_DUE} AS due
           FROM browser_session s
          WHERE (s.digest = %(digest)s
                 OR (s.earlier = %(digest)s AND (s.earlier_until IS NULL OR s.earlier_until > now())))
            AND s.expires_at > now() AND (s.owner IS NULL OR s.owner = %(owner)s)),
       arrived AS (
         UPDATE browser_session SET earlier_until = now() + interval '1 minute' FROM found
          WHERE browser_session.id = found.id AND found.digest = %(digest)s
            AND found.earlier IS NOT NULL AND found.earlier_until IS NULL)
       SELECT found.id::text, p.name, p.role, due FROM found LEFT JOIN person p ON p.id = found.person""",
    Admitted,
)
#: Gives ``fresh`` in the place of ``digest``. No row: another request has just done so.
CHANGE = Statement(
    f"""UPDATE browser_session s
          SET earlier = CASE WHEN s.digest = %(digest)s THEN s.digest ELSE s.earlier END,
              digest = %(fresh)s, earlier_until = NULL, changed_at = now()
        WHERE s.id = %(id)s::uuid AND {_DUE} RETURNING s.id::text""",
    Made,
)
BEGIN = Statement(
    """INSERT INTO browser_session (person, owner, digest, expires_at)
       VALUES (%(person)s::uuid, %(owner)s, %(digest)s, now() + make_interval(secs => %(seconds)s))
       RETURNING id::text""",
    Made,
)
END = Statement(
    """DELETE FROM browser_session s WHERE s.digest = %(digest)s OR s.earlier = %(digest)s
       RETURNING (SELECT name FROM person WHERE person.id = s.person) AS name""",
    Ended,
)
END_ALL_OF = Command("DELETE FROM browser_session WHERE person = %(person)s")
END_OLD = Command("DELETE FROM browser_session WHERE expires_at < now()")

#: Bounds what strangers can make by asking to sign in.
PENDING_MOST = 1_000
SIGN_IN = Statement(
    f"""INSERT INTO sign_in (browser, state, nonce, verifier, back_to, expires_at)
        SELECT %(browser)s, %(state)s, %(nonce)s, %(verifier)s, %(back_to)s, now() + make_interval(secs => %(seconds)s)
         WHERE (SELECT count(*) FROM sign_in WHERE expires_at > now()) < {PENDING_MOST}
        RETURNING state AS id""",
    Made,
)
#: Once, whatever comes of it.
COME_BACK = Statement(
    """DELETE FROM sign_in WHERE browser = %(browser)s AND expires_at > now()
       RETURNING state, nonce, verifier, back_to""",
    Pending,
)
TICKET_MINUTES = 15
#: Only the newest is good: whoever starts anew reads the new one.
TICKET = Command(
    f"""WITH earlier AS (DELETE FROM owner_ticket)
       INSERT INTO owner_ticket (digest, owner, expires_at)
       VALUES (%(digest)s, %(owner)s, now() + interval '{TICKET_MINUTES} minutes')"""
)
#: Once, and under the token it was made with.
USE_TICKET = Statement(
    """DELETE FROM owner_ticket WHERE digest = %(digest)s AND owner = %(owner)s AND expires_at > now()
       RETURNING 'owner' AS id""",
    Made,
)
FORGET_SIGN_INS = Command("DELETE FROM sign_in WHERE expires_at < now()")

KNOW = Statement(
    """INSERT INTO person (issuer, subject, name, email, role)
       VALUES (%(issuer)s, %(subject)s, %(name)s, %(email)s, %(role)s)
       ON CONFLICT (issuer, subject) DO UPDATE
         SET name = excluded.name, email = excluded.email, role = excluded.role, signed_in_at = now()
       RETURNING id::text""",
    Made,
)
#: Whoever signs in without a role any more loses what sessions there are.
UNKNOW = Command("DELETE FROM person WHERE issuer = %(issuer)s AND subject = %(subject)s")

_PERSON = """person.id::text, person.name, person.email, person.role, person.created_at, person.signed_in_at,
             (SELECT count(*) FROM browser_session s WHERE s.person = person.id AND s.expires_at > now()) AS sessions"""
#: Last signed in first.
ALL = Statement(f"SELECT {_PERSON} FROM person ORDER BY signed_in_at DESC, person.id DESC LIMIT 500", KnownPerson)
ONE = Statement(f"SELECT {_PERSON} FROM person WHERE person.id = %(person)s", KnownPerson)
