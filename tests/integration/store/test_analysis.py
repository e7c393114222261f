"""Queries by the role that may only read: what it may, what it may not, and where it stops. On real PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.config.settings import Settings
from shared.errors import ConflictError, InputError, StoreUnavailable
from shared.schemas.analysis import QueryAnswer
from shared.schemas.base import Schema
from shared.store import analysis, analysis_role
from shared.store.analysis_cells import LONGEST
from shared.store.analysis_reader import MOST_BYTES, AnalysisReader
from shared.store.analysis_role import READER
from shared.store.database import Command, Database, Statement
from shared.telemetry.health import State
from tests.support.agents import store_posts
from tests.support.waiting import until

TEXTS = ["The harbour bridge is closed", "Trains are late", "Ich sehe die Brücke"]


class Counted(Schema, frozen=True, kw_only=True):
    number: int


@pytest.fixture
def settings(postgres_url: str) -> Settings:
    return Settings(postgres_url=postgres_url, analysis_timeout_seconds=2)


class Said:
    """A reader, asked from tests, and what it said of itself."""

    def __init__(self, settings: Settings) -> None:
        self.states: list[tuple[State, str | None]] = []
        self.settings = settings

    def ask(self, sql: str, limit: int = 200) -> QueryAnswer:
        return self.all([sql], limit)[0]

    def all(self, queries: list[str], limit: int = 200) -> list[QueryAnswer]:
        async def work() -> list[QueryAnswer]:
            reader = AnalysisReader(self.settings, lambda *said: self.states.append(said))
            return await asyncio.gather(*(reader.query(sql, limit) for sql in queries))

        return asyncio.run(work())


@pytest.fixture
def said(settings: Settings, database: Database) -> Said:
    store_posts(database, TEXTS)
    return Said(settings)


def count(database: Database, sql: str) -> int:
    return database.fetch(Statement(f"SELECT ({sql})::int AS number", Counted))[0].number


def test_rows_come_with_names_and_kinds(said: Said) -> None:
    answer = said.ask(
        """SELECT count(*) AS posts, max(time) AS last, current_date AS day, true AS yes, 0.5 AS half, NULL AS nothing,
                  min(text), 'NaN'::float8 AS odd, avg(likes), 12345678901234567890::numeric AS large
             FROM posts -- a comment"""
    )
    told = {column.name: column.kind for column in answer.columns}
    assert list(told) == ["posts", "last", "day", "yes", "half", "nothing", "min", "odd", "avg", "large"]
    assert " ".join(told.values()) == "number time date boolean number text text number number number"
    [row] = answer.rows
    assert row[0] == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", str(row[1]))
    assert row[3:] == [True, 0.5, None, "Ich sehe die Brücke", "NaN", 0.0, 12345678901234567890]
    assert said.states == [("ok", None)]


def test_every_view_can_be_read_and_holds_nothing_that_is_not_for_queries(said: Said, database: Database) -> None:
    views: dict[str, list[str]] = {}
    for row in database.fetch(analysis.COLUMNS):
        views.setdefault(row.table, []).append(row.name)
        assert row.table_about, row.table
    assert list(views) == [
        "posts",
        "reactions",
        "topics",
        "topic_minutes",
        "topic_posts",
        "feeds",
        "feed_minutes",
        "gaps",
    ]
    for view, columns in views.items():
        answer = said.ask(f"TABLE {view}")
        assert [column.name for column in answer.columns] == columns
    # a column more is shown to every agent that queries: whoever adds one decides here
    assert views["posts"] == ["id", "feed", "uri", "author", "time", "text", "languages", "tags", "links", "reply_to",
                              "likes", "reposts", "words"]  # fmt: skip
    assert views["feeds"] == ["id", "kind", "created_at"]
    assert views["gaps"] == ["feed", "start_time", "end_time", "cause"]


def test_deleted_posts_are_not_there(said: Said, database: Database) -> None:
    database.execute(Command("UPDATE post SET deleted_at = now(), text = '' WHERE text LIKE 'Trains%'"))
    assert said.ask("SELECT count(*) FROM posts").rows == [[2]]
    assert said.ask("SELECT text FROM posts WHERE words @@ plainto_tsquery('public.groundswell', 'BRIDGE')").rows == [
        [TEXTS[0]]
    ]


#: What a query may not do, and what PostgreSQL says of it.
REFUSED = {
    "INSERT INTO posts (id) VALUES (gen_random_uuid())": "cannot insert into view",
    "WITH gone AS (DELETE FROM public.post RETURNING 1) SELECT * FROM gone": "must be at the top level",
    "WITH made AS (INSERT INTO feeds (id) VALUES ('x') RETURNING 1) SELECT * FROM made": "denied|top level",
    "DROP TABLE public.post": "no query",
    "CREATE TABLE mine (a int)": "no query",
    "CREATE TEMP TABLE mine AS SELECT 1": "no query",
    "SELECT 1 INTO mine": "no query|INTO",
    "ALTER ROLE groundswell_reader SUPERUSER": "no query",
    "GRANT ALL ON public.post TO PUBLIC": "no query",
    "DO $$ BEGIN PERFORM 1; END $$": "no query",
    "COPY public.post TO PROGRAM 'id'": "no query",
    "COPY (SELECT 1) TO STDOUT": "no query",
    "SET ROLE postgres": "no query",
    "RESET ROLE": "no query",
    "SET SESSION AUTHORIZATION postgres": "no query",
    "BEGIN": "no query",
    "COMMIT": "no query",
    "ROLLBACK": "no query",
    "LISTEN x": "no query",
    "NOTIFY x": "no query",
    "LOCK TABLE public.post": "no query",
    "EXPLAIN ANALYZE SELECT 1": "syntax error",
    "SHOW data_directory": "permission denied",
    "SHOW work_mem": "syntax error",
    "FETCH ALL FROM answer": "no query",
    "EXECUTE x": "no query",
    "SELECT 1; SELECT 2": "multiple commands",
    "SELECT 1; DROP TABLE public.post": "multiple commands",
    "SELECT 1) AS q; DROP TABLE public.post; --": "syntax error",
    "SELECT 1) AS asked(c0) UNION SELECT secret FROM public.access_token --": "syntax error",
    "SELECT 1 /*": "unterminated",
    "SELECT '": "unterminated",
    "SELECT $1": "parameters",
    "SELECT * FROM public.post": "permission denied",
    "SELECT * FROM public.every_post": "permission denied",
    "SELECT * FROM public.access_token": "permission denied",
    "SELECT * FROM public.destination": "permission denied",
    "SELECT * FROM public.audit": "permission denied",
    "SELECT * FROM public.run_result": "permission denied",
    "SELECT * FROM public.run_step": "permission denied",
    "SELECT * FROM pg_authid": "permission denied",
    "SELECT * FROM pg_shadow": "permission denied",
    "SELECT * FROM pg_hba_file_rules": "permission denied",
    "SELECT * FROM pg_largeobject": "permission denied",
    "SELECT pg_read_file('/etc/passwd')": "permission denied",
    "SELECT pg_read_binary_file('/etc/passwd')": "permission denied",
    "SELECT pg_ls_dir('/')": "permission denied",
    "SELECT pg_stat_file('/etc/passwd')": "permission denied",
    "SELECT lo_import('/etc/passwd')": "permission denied",
    "SELECT lo_create(0)": "read-only",
    "SELECT lo_from_bytea(0, 'x')": "read-only",
    "SELECT set_config('role', 'postgres', false)": "permission denied",
    "SELECT set_config('work_mem', '4GB', false)": "permission denied",
    "SELECT set_config('transaction_read_only', 'off', true)": "permission denied",
    "SELECT pg_advisory_lock(1)": "permission denied",
    "SELECT pg_advisory_xact_lock(1)": "permission denied",
    "SELECT pg_try_advisory_lock_shared(1)": "permission denied",
    "SELECT pg_notify('x', 'y')": "permission denied",
    "SELECT pg_logical_emit_message(false, 'x', 'y')": "permission denied",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity": "permission denied",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity": "permission denied",
    "SELECT pg_reload_conf()": "permission denied",
    "SELECT pg_switch_wal()": "permission denied",
    "SELECT pg_create_restore_point('x')": "permission denied",
    "SELECT nextval('public.post_seq_seq')": "permission denied",
    "SELECT query_to_xml('SELECT * FROM public.post', true, true, '')": "permission denied",
    "SELECT query_to_xml('DELETE FROM public.post', true, true, '')": "DELETE is not allowed",
    "SELECT dblink('host=/tmp', 'SELECT 1')": "does not exist",
    "SELECT * FROM posts FOR UPDATE": "permission denied|read-only",
    "SELECT " + ", ".join(["1"] * 61): "too many columns",
    "SELECT nonsense FROM posts": "does not exist",
    "not sql at all": "syntax error",
}  # fmt: skip


def test_whatever_is_no_reading_of_the_views_is_refused_with_postgresqls_own_words(
    said: Said, database: Database
) -> None:
    async def work() -> dict[str, str]:
        reader = AnalysisReader(said.settings, lambda *_: None)
        found = {}
        for sql in REFUSED:
            try:
                found[sql] = f"ANSWERED {(await reader.query(sql, 10)).rows}"
            except InputError as error:
                found[sql] = str(error)
        return found

    found = asyncio.run(work())
    wrong = {sql: text for sql, text in found.items() if not re.search(REFUSED[sql], text)}
    assert wrong == {}, "\n".join(f"{k}: {v}" for k, v in wrong.items())
    assert count(database, "SELECT count(*) FROM post") == len(TEXTS)
    assert count(database, "SELECT count(*) FROM pg_largeobject_metadata") == 0
    assert count(database, "SELECT rolsuper::int FROM pg_roles WHERE rolname = 'groundswell_reader'") == 0


def test_the_platform_and_others_keep_what_was_taken_from_everybody(said: Said, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as own:
        own.execute("DROP ROLE IF EXISTS somebody")
        own.execute("CREATE ROLE somebody LOGIN")
        said.ask("SELECT 1")
        own.execute("SELECT pg_advisory_lock(1), set_config('work_mem', '5MB', false)")
    with psycopg.connect(make_conninfo(**{**conninfo_to_dict(postgres_url), "user": "somebody"})) as other:
        other.execute("SELECT pg_try_advisory_lock(2), set_config('work_mem', '5MB', false)")


def test_what_runs_too_long_is_ended_and_nothing_of_it_goes_on(said: Said, database: Database) -> None:
    for sql in ("SELECT pg_sleep(60)", "SELECT count(*) FROM generate_series(1, 90000) a, generate_series(1, 90000) b"):
        with pytest.raises(InputError, match="ran for more than 2 seconds"):
            said.ask(sql)
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'groundswell-analysis'"
    until(lambda: count(database, running) == 0, 10)  # a session takes a moment to leave; the query had much longer


def test_time_that_rows_come_slowly_counts_too(said: Said) -> None:
    # each part is quick: it is the whole that takes long
    with pytest.raises(InputError, match="ran for more than 2 seconds"):
        said.ask("SELECT pg_sleep(0.015) FROM generate_series(1, 100000)", limit=5_000)


def test_endless_rows_and_long_cells_stop_at_the_limits(said: Said) -> None:
    said = Said(msgspec.structs.replace(said.settings, analysis_timeout_seconds=60))
    few = said.ask("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT n FROM t", limit=150)
    assert (len(few.rows), few.more) == (150, "rows")
    exact = said.ask("SELECT generate_series(1, 150)", limit=150)
    assert (len(exact.rows), exact.more) == (150, None)
    long = said.ask("SELECT repeat('x', 100000000) AS x, n FROM generate_series(1, 3) n")
    assert [len(str(row[0])) for row in long.rows] == [LONGEST] * 3
    assert (long.cut, long.more) == (3, None)
    many = said.ask("SELECT repeat('ü', 900) FROM generate_series(1, 100000)", limit=5_000)
    assert many.more == "bytes"
    assert len(msgspec.json.encode(many)) < 1.1 * MOST_BYTES


def test_temporary_files_are_bounded(said: Said) -> None:
    slow = msgspec.structs.replace(said.settings, analysis_timeout_seconds=60)
    with pytest.raises(InputError, match="temp_file_limit"):
        Said(slow).ask("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t")


def test_queries_wait_for_their_turn_and_the_platforms_pool_is_not_theirs(said: Said, database: Database) -> None:
    began = time.monotonic()
    answers = said.all(["SELECT pg_sleep(0.2), pg_backend_pid() AS pid"] * 6)
    assert len(answers) == 6
    assert len({row[1] for answer in answers for row in answer.rows}) == 6  # a session ends with its query
    assert time.monotonic() - began >= 0.6  # two at a time
    assert database.pool_figures()["pool_size"] <= 4


def test_a_stranger_to_the_views_with_too_much_power_is_not_used(said: Said, postgres_url: str) -> None:
    named = msgspec.structs.replace(said.settings, analysis_postgres_url=postgres_url)
    other = Said(named)
    with pytest.raises(ConflictError, match=r"Queries are off.*superuser"):
        other.ask("SELECT 1")
    assert other.states[-1][0] == "off"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("GRANT SELECT ON public.access_token TO chosen", "may reach public.access_token"),
        ("GRANT INSERT ON public.post TO chosen", "may reach public.post"),
        ("GRANT pg_read_all_data TO chosen", "member of other roles"),
        ("REVOKE ALL ON ALL TABLES IN SCHEMA analysis FROM chosen", "may not read the views"),
    ],
)
def test_a_role_of_the_operators_own_is_held_to_the_same(said: Said, postgres_url: str, more: str, why: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as own:
        _drop(own, "chosen")
        own.execute("CREATE ROLE chosen LOGIN")
        own.execute("GRANT USAGE ON SCHEMA analysis TO chosen")
        own.execute("GRANT SELECT ON ALL TABLES IN SCHEMA analysis TO chosen")
        url = make_conninfo(**{**conninfo_to_dict(postgres_url), "user": "chosen"})
        mine = Said(msgspec.structs.replace(said.settings, analysis_postgres_url=url))
        assert mine.ask("SELECT count(*) FROM posts").rows == [[3]]
        own.execute(more)
        with pytest.raises(ConflictError, match=why):
            Said(mine.settings).ask("SELECT 1")
        _drop(own, "chosen")


def test_without_a_right_to_make_roles_queries_are_off_and_say_why(said: Said, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as own:
        _drop(own, "modest")
        own.execute("CREATE ROLE modest LOGIN")
    url = make_conninfo(**{**conninfo_to_dict(postgres_url), "user": "modest"})
    modest = Said(msgspec.structs.replace(said.settings, postgres_url=url))
    with pytest.raises(ConflictError, match="modest may not make roles"):
        modest.ask("SELECT 1")
    assert [state for state, _ in modest.states] == ["off"]


def test_a_role_that_somebody_removed_is_made_anew(said: Said, postgres_url: str) -> None:
    async def work() -> list[QueryAnswer]:
        reader = AnalysisReader(said.settings, lambda *told: said.states.append(told))
        before = await reader.query("SELECT 1", 1)
        with psycopg.connect(postgres_url, autocommit=True) as own:
            _drop(own, READER)
        return [before, await reader.query("SELECT count(*) FROM posts", 1)]

    assert [answer.rows for answer in asyncio.run(work())] == [[[1]], [[3]]]
    assert said.states == [("ok", None), ("ok", None)]


def test_none_at_all_can_be_chosen(said: Said) -> None:
    none = Said(msgspec.structs.replace(said.settings, analysis_connections=0))
    with pytest.raises(ConflictError, match="Turned off"):
        none.ask("SELECT 1")


def test_postgresql_away_is_an_outage_and_no_refusal(said: Said, tmp_path: Path) -> None:
    away = msgspec.structs.replace(said.settings, postgres_url=f"postgresql://postgres@/x?host={tmp_path}")
    with pytest.raises(StoreUnavailable):
        Said(away).ask("SELECT 1")


@pytest.fixture
def with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for passwords, as one elsewhere does: the address of a database at the present schema."""
    from shared.store.migrate import migrate
    from tests.support.engines import postgres_server

    with postgres_server() as server:
        url = server.empty()
        with psycopg.connect(url, autocommit=True) as own:
            own.execute("CREATE ROLE platform LOGIN CREATEROLE PASSWORD 'secret'")
            own.execute(f"ALTER DATABASE {own.info.dbname} OWNER TO platform")
            own.execute("CREATE EXTENSION vector")
            for row in own.execute("SHOW hba_file").fetchall():
                Path(row[0]).write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            own.execute("SELECT pg_reload_conf()")
        address = make_conninfo(**{**conninfo_to_dict(url), "user": "platform", "password": "secret"})
        database = Database(Settings(postgres_url=address), name="test", size=2)
        database.open()
        migrate(database)
        database.close()
        yield address


def test_a_server_elsewhere_gets_a_role_with_a_password_from_an_owner_that_is_no_superuser(with_passwords: str) -> None:
    said = Said(Settings(postgres_url=with_passwords, analysis_timeout_seconds=2))
    assert said.ask("SELECT count(*) FROM posts").rows == [[0]]
    assert said.ask("SELECT current_user").rows == [[READER]]
    again = Said(said.settings)  # another process
    assert again.ask("SELECT 1").rows == [[1]]
    with pytest.raises(InputError, match="permission denied"):
        said.ask("SELECT * FROM public.post")
    with pytest.raises(InputError, match=r"permission denied|cannot set"):
        said.ask("SELECT set_config('role', 'platform', false)")
    # what only a superuser could take from everybody stays without effect: the transaction is undone, the session ends
    said.ask(
        "SELECT pg_advisory_lock(7), pg_notify('x', 'y'), set_config('default_transaction_read_only', 'off', false)"
    )
    with psycopg.connect(with_passwords) as own:
        assert own.execute("SELECT pg_try_advisory_lock(7)").fetchall() == [(True,)]


def _drop(own: psycopg.Connection, role: str) -> None:
    if own.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
        # A role is the server's: whatever other tests left in databases of theirs may hold rights for it.
        for (name,) in own.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
        ).fetchall():
            with psycopg.connect(make_conninfo(own.info.dsn, dbname=name), autocommit=True) as there:
                there.execute(f"DROP OWNED BY {role}")
        own.execute(f"DROP ROLE {role}")


def test_an_api_that_stops_while_it_makes_the_role_leaves_no_connection(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[psycopg.AsyncConnection[Any]] = []

    async def cancelled(connection: psycopg.AsyncConnection[Any]) -> None:
        opened.append(connection)
        raise asyncio.CancelledError

    monkeypatch.setattr(psycopg.AsyncConnection, "commit", cancelled)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(analysis_role.ensure(Settings(postgres_url=postgres_url)))
    assert [connection.closed for connection in opened] == [True]
