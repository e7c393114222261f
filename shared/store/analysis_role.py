"""The role that queries run as: made by the platform's own where that may make roles, and checked before it is used.

The boundary of ``analysis_reader`` is what this role may do. It owns nothing, belongs to nobody, and may read the views
of the schema ``analysis``. What PUBLIC may is narrowed where the platform's role is a superuser, as it is in solo.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from shared.config.settings import Settings
from shared.schemas.base import Schema

READER = "groundswell_reader"
#: All API processes together; each holds at most ``analysis_connections`` at a time.
ROLE_CONNECTIONS = 10
#: For those who come as this role by hand: the reader's own sessions set the same and more.
SESSION = {"default_transaction_read_only": "on", "lock_timeout": "1s", "work_mem": "16MB", "search_path": "analysis"}
#: Only a superuser may set it.
TEMP_FILES = "256MB"
#: What everybody may call, and a reader could do harm with: hold up who waits for a lock of ours, lift its own memory
#: limit, write into the server's log of changes, end other people's queries (they run as the same role). The roles
#: that are there keep them.
NOT_FOR_READERS = (
    "set_config",
    "pg_notify",
    "pg_logical_emit_message",
    "pg_terminate_backend",
    "pg_cancel_backend",
)
_LOCKS = "pg\\_%advisory%lock%"


class Held(Schema, frozen=True, kw_only=True):
    """What the role that we came as may do beyond its views."""

    user: str
    powerful: bool
    member: int
    reaches: str | None
    views: int


_MAY_MAKE = """SELECT rolsuper AS powerful, rolcreaterole AS makes, current_user AS name,
                      EXISTS (SELECT FROM pg_roles WHERE rolname = %(reader)s) AS there
                 FROM pg_roles WHERE rolname = current_user"""
_FUNCTIONS = """SELECT p.oid::regprocedure::text AS call FROM pg_proc p
                 WHERE p.pronamespace = 'pg_catalog'::regnamespace
                   AND (p.proname = ANY(%(names)s) OR p.proname LIKE %(locks)s)
                   AND has_function_privilege('public', p.oid, 'EXECUTE')"""
_OTHERS = "SELECT rolname AS name FROM pg_roles WHERE rolname <> %(reader)s AND rolname !~ '^pg_'"
_HELD = """
SELECT current_user AS user,
       (SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
          FROM pg_roles WHERE rolname = session_user) AS powerful,
       (SELECT count(*)::int FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
         WHERE r.rolname = session_user) AS member,
       (SELECT min(c.oid::regclass::text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$)'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
           AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
                OR n.nspname <> 'analysis'
                   AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT')))) AS reaches,
       (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'analysis' AND c.relkind = 'v' AND has_schema_privilege(n.oid, 'USAGE')
           AND has_table_privilege(c.oid, 'SELECT')) AS views
"""


async def ensure(settings: Settings) -> str | None:
    """Make the role ready; why that is impossible, or ``None``. Nothing is done where the settings name a reader.

    Raises psycopg's errors when PostgreSQL is away.
    """
    if settings.analysis_postgres_url:
        return None
    own = await AsyncConnection.connect(settings.postgres_url, connect_timeout=5, row_factory=dict_row)
    try:
        async with own:
            return await _ensure(own, settings)
    finally:
        await own.close()  # a cancellation in the middle of its commit leaves it open


async def _ensure(own: AsyncConnection[Any], settings: Settings) -> str | None:
    await own.execute("SET statement_timeout = '15s'; SET lock_timeout = '5s'")
    found = await (await own.execute(_MAY_MAKE, {"reader": READER})).fetchone()
    assert found is not None  # noqa: S101 - everybody is a role
    if not (found["powerful"] or found["makes"]):
        return (
            f"PostgreSQL's role {found['name']} may not make roles. docs/analysis.md has the four lines that make "
            "one by hand; then set GROUNDSWELL_ANALYSIS_POSTGRES_URL."
        )
    try:
        await _make(own, settings, there=found["there"])
        if found["powerful"]:
            await _narrow(own)
    except psycopg.errors.InsufficientPrivilege as error:
        return f"PostgreSQL let {found['name']} not make the role {READER}: {_line(error)}"
    return None


def address(settings: Settings) -> dict[str, Any]:
    """Where the reader connects, as keywords of libpq."""
    if settings.analysis_postgres_url:
        return dict(conninfo_to_dict(settings.analysis_postgres_url))
    parts: dict[str, Any] = {**conninfo_to_dict(settings.postgres_url), "user": READER}
    parts.pop("password", None)
    return parts | ({"password": secret} if (secret := _secret(settings)) else {})


async def held(reader: AsyncConnection[Any]) -> str | None:
    """Why what the role may do is too much or too little, or ``None``."""
    cursor = reader.cursor(row_factory=dict_row)
    row = await (await cursor.execute(_HELD)).fetchone()
    found = Held(**row)  # type: ignore[arg-type]
    if found.powerful:
        return f"The role {found.user} may do more than read: it is a superuser, or makes roles or databases."
    if found.member:
        return f"The role {found.user} is a member of other roles."
    if found.reaches:
        return f"The role {found.user} may reach {found.reaches} in a way that queries may not."
    if not found.views:
        return f"The role {found.user} may not read the views of the schema analysis."
    return None


async def _make(own: AsyncConnection[Any], settings: Settings, *, there: bool) -> None:
    role, secret = sql.Identifier(READER), _secret(settings)
    async with own.transaction():
        await own.execute("SELECT pg_advisory_xact_lock(hashtext('groundswell-analysis'))")
        if not there:
            await own.execute(sql.SQL("CREATE ROLE {} NOINHERIT").format(role))
        limits = sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {}").format(role, sql.Literal(ROLE_CONNECTIONS))
        await own.execute(limits)
        if secret:
            # As a verifier, so that the password reaches no log of statements.
            verifier = own.pgconn.encrypt_password(secret.encode(), READER.encode(), b"scram-sha-256").decode()
            await own.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier)))
        bounds = {**SESSION, "statement_timeout": f"{settings.analysis_timeout_seconds}s"}
        for name, value in bounds.items():
            setting = sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(name), sql.Literal(value))
            await own.execute(setting)
        await own.execute(sql.SQL("GRANT USAGE ON SCHEMA analysis TO {}").format(role))
        await own.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA analysis TO {}").format(role))


async def _narrow(own: AsyncConnection[Any]) -> None:
    """What only a superuser may do: temporary files, and functions that everybody may call."""
    async with own.transaction():
        await own.execute("SELECT pg_advisory_xact_lock(hashtext('groundswell-analysis'))")
        role = sql.Identifier(READER)
        await own.execute(sql.SQL("ALTER ROLE {} SET temp_file_limit = {}").format(role, sql.Literal(TEMP_FILES)))
        functions = {"names": list(NOT_FOR_READERS), "locks": _LOCKS}
        calls = [row["call"] for row in await (await own.execute(_FUNCTIONS, functions)).fetchall()]
        if calls:
            others = [row["name"] for row in await (await own.execute(_OTHERS, {"reader": READER})).fetchall()]
            named = sql.SQL(", ").join(map(sql.Identifier, others))
            listed = sql.SQL(", ").join(map(sql.SQL, calls))  # as PostgreSQL itself writes them
            await own.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(listed, named))
            await own.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(listed))


def _secret(settings: Settings) -> str:
    """The role's password: made of the platform's own, so that all processes know it and nobody has to keep it.

    Where the platform needs none (a Unix socket that is trusted), neither does the reader.
    """
    own = conninfo_to_dict(settings.postgres_url).get("password")
    return hmac.new(str(own).encode(), READER.encode(), hashlib.sha256).hexdigest() if own else ""


def _line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]
