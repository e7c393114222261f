"""Queries that others write, run as a role that can do nothing but read the views of the schema ``analysis``.

PostgreSQL is the boundary: the role's rights, a read-only transaction that is rolled back, one connection a query
that is closed afterwards. Two things are left to us: an answer is fetched in parts and cut, so that nothing large
comes here, and the query's end is enforced by a clock that the query cannot reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection, generators, pq, sql

from shared.config.settings import Settings
from shared.errors import ConflictError, InputError, StoreUnavailable
from shared.schemas.analysis import QueryAnswer
from shared.store import analysis_cells, analysis_role
from shared.store.database import translated
from shared.telemetry.health import State

#: Longest answer, in bytes of cells. Rows fetched at once. Columns of one query.
MOST_BYTES, ROWS_AT_ONCE, MOST_COLUMNS = 400_000, 100, 60
#: Beyond PostgreSQL's own limit on a statement, before we end the query from here.
GRACE_SECONDS = 2.0
#: How long a query waits for another to end, and how often a reason why there are no queries is looked at again.
TURN_SECONDS, AGAIN_SECONDS = 15.0, 30.0
WAITING = "Starting."


class AnalysisReader:
    """One API process's. ``say`` is told whether there are queries, and why not."""

    def __init__(self, settings: Settings, say: Callable[[State, str | None], None]) -> None:
        self._settings, self._say = settings, say
        self._turn = asyncio.Semaphore(max(settings.analysis_connections, 1))
        self._preparing = asyncio.Lock()
        self._looked = -AGAIN_SECONDS
        #: Why there are no queries; ``None`` where there are.
        self.off: str | None = WAITING

    async def prepare(self) -> str | None:
        """Make the role and try it, unless that was done; why there are no queries. Raises StoreUnavailable."""
        async with self._preparing:
            if self.off is None or time.monotonic() - self._looked < AGAIN_SECONDS:
                return self.off
            if not self._settings.analysis_connections:
                return self._is("Turned off: GROUNDSWELL_ANALYSIS_CONNECTIONS is 0.")
            with translated():
                return self._is(await analysis_role.ensure(self._settings) or await self._try())

    async def query(self, text: str, limit: int) -> QueryAnswer:
        """At most ``limit`` rows of one query.

        Raises InputError for what PostgreSQL refuses or does not finish, ConflictError where there are no queries or
        too many, StoreUnavailable.
        """
        if why := await self.prepare():
            raise _none(why)
        began = time.monotonic()
        async with self._taken():
            try:
                async with asyncio.timeout(self._settings.analysis_timeout_seconds + GRACE_SECONDS):
                    with translated():
                        async with _closing(await self._let_in()) as connection:
                            return await self._answer(connection, text, limit, began)
            except TimeoutError as error:
                raise _too_slow(self._settings) from error
            except StoreUnavailable as error:
                raise self._refusal(error) from error
            except _Refused as refused:
                raise refused.error from refused

    async def _answer(self, connection: AsyncConnection[Any], text: str, limit: int, began: float) -> QueryAnswer:
        await connection.set_read_only(True)
        try:
            async with connection.transaction(force_rollback=True):
                # Alone first: what can be parsed alone cannot break out of the brackets that it stands in afterwards.
                columns = await _described(connection, text)
                await connection.execute(_declared(text, columns, limit), prepare=True)
                return await _fetched(connection, columns, limit, began)
        except psycopg.errors.QueryCanceled as error:
            raise _Refused(_too_slow(self._settings)) from error
        except psycopg.Error as error:
            if connection.closed or error.sqlstate is None:  # no word on the query: the server is away
                raise
            raise _Refused(InputError("PostgreSQL refused the query.", why=_reason(error))) from error

    async def _let_in(self) -> AsyncConnection[Any]:
        """A connection; where the role is not let in any more (somebody removed it), it is made ready once more."""
        try:
            return await self._connect()
        except psycopg.OperationalError as error:
            if "too many connections" in str(error):
                raise
            self.off, self._looked = WAITING, -AGAIN_SECONDS
            if why := await self.prepare():
                raise _Refused(_none(why)) from error
            return await self._connect()

    async def _connect(self) -> AsyncConnection[Any]:
        seconds = self._settings.analysis_timeout_seconds
        bounds = {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{seconds}s",
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": f"{seconds}s",
            "client_connection_check_interval": "1s",
            "work_mem": "16MB",
            "max_parallel_workers_per_gather": "0",
            "search_path": "analysis",
            "timezone": "UTC",
            "datestyle": "ISO",
            "intervalstyle": "postgres",
            "standard_conforming_strings": "on",
            "jit": "off",
        }
        options = " ".join(f"-c {name}={value}" for name, value in bounds.items())
        about = {"application_name": "groundswell-analysis", "connect_timeout": 5, "options": options}
        about["client_encoding"] = "UTF8"  # in another, bytes of a text could be read as quotes
        return await AsyncConnection.connect(**{**analysis_role.address(self._settings), **about}, autocommit=True)

    async def _try(self) -> str | None:
        try:
            connection = await self._connect()
        except psycopg.OperationalError as error:
            return f"PostgreSQL does not let {analysis_role.READER} in: {_reason(error)}"
        async with _closing(connection):
            return await analysis_role.held(connection)

    def _refusal(self, error: StoreUnavailable) -> Exception:
        """Another one's view of it: too many connections of the role are no outage."""
        if getattr(error.__cause__, "sqlstate", None) == "53300" or "too many connections" in error.why:
            return _busy()
        return error

    def _is(self, off: str | None) -> str | None:
        self.off, self._looked = off, time.monotonic()
        self._say("off" if off else "ok", off)
        return off

    @contextlib.asynccontextmanager
    async def _taken(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise _busy() from error
        try:
            yield
        finally:
            self._turn.release()


class _Refused(Exception):
    """Carries ours past the translation of the vendor's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.asynccontextmanager
async def _closing(connection: AsyncConnection[Any]) -> AsyncIterator[AsyncConnection[Any]]:
    """Whatever happens, nothing of the query goes on at the server."""
    try:
        yield connection
    except BaseException:
        with contextlib.suppress(psycopg.Error, TimeoutError):
            if connection.info.transaction_status is pq.TransactionStatus.ACTIVE:
                await asyncio.shield(connection.cancel_safe(timeout=GRACE_SECONDS))
        raise
    finally:
        await connection.close()


async def _described(connection: AsyncConnection[Any], text: str) -> list[analysis_cells.Column]:
    """The query's columns, without running it. Raises psycopg.Error for what is not one statement."""
    link = connection.pgconn
    link.send_prepare(b"", text.encode())
    _checked(await connection.wait(generators.execute(link)), link)
    link.send_describe_prepared(b"")
    told = _checked(await connection.wait(generators.execute(link)), link)
    if told.nparams:
        raise _Refused(InputError("PostgreSQL refused the query.", why="It has parameters such as $1; write values."))
    if not told.nfields:
        raise _Refused(
            InputError("This is no query.", why="It gives no rows.", do="Begin with SELECT, WITH, VALUES or TABLE.")
        )
    if told.nfields > MOST_COLUMNS:
        raise _Refused(InputError("The query has too many columns.", why=f"{told.nfields}; at most {MOST_COLUMNS}."))
    return [
        analysis_cells.column((told.fname(place) or b"").decode("utf-8", "replace"), told.ftype(place))
        for place in range(told.nfields)
    ]


def _checked(results: list[Any], link: Any) -> Any:
    result = results[-1]
    if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        raise psycopg.errors.error_from_result(result)
    return result


def _declared(text: str, columns: list[analysis_cells.Column], limit: int) -> bytes:
    """A cursor over the query with each cell cut by the server. Names of columns come from us, never from the query."""
    names = [f"c{place}" for place in range(len(columns))]
    cells = ", ".join(column.cell(name) for name, column in zip(names, columns, strict=True))
    # On lines of its own: a comment at the end of the query ends there.
    return (
        f"DECLARE answer NO SCROLL CURSOR FOR SELECT {cells} FROM (\n{text}\n) AS asked ({', '.join(names)}) "
        f"LIMIT {limit + 1}"
    ).encode()


async def _fetched(
    connection: AsyncConnection[Any], columns: list[analysis_cells.Column], limit: int, began: float
) -> QueryAnswer:
    rows: list[list[Any]] = []
    size, cut, more = 0, 0, None
    part = sql.SQL("FETCH {} FROM answer").format(sql.Literal(ROWS_AT_ONCE))
    while more is None:
        got = await (await connection.execute(part)).fetchall()
        for raw in got:
            if len(rows) == limit:
                more = "rows"
                break
            row, bytes_, shortened = analysis_cells.read(raw, columns)
            if size + bytes_ > MOST_BYTES and rows:
                more = "bytes"
                break
            rows.append(row)
            size, cut = size + bytes_, cut + shortened
        if len(got) < ROWS_AT_ONCE:
            break
    took = round((time.monotonic() - began) * 1000, 1)
    return QueryAnswer(columns=[one.told() for one in columns], rows=rows, more=more, cut=cut, took_ms=took)  # type: ignore[arg-type]


def _none(why: str) -> ConflictError:
    return ConflictError("Queries are off.", why=why, do="docs/analysis.md tells what they need.")


def _too_slow(settings: Settings) -> InputError:
    return InputError(
        "The query was ended.",
        why=f"It ran for more than {settings.analysis_timeout_seconds} seconds.",
        do="Ask for a shorter stretch of time, or count fewer things.",
    )


def _busy() -> ConflictError:
    return ConflictError("Too many queries run at the moment.", do="Try again when one of them has ended.")


def _reason(error: psycopg.Error) -> str:
    """PostgreSQL's own words on one line, with where and what it proposes."""
    told = error.diag
    parts = [told.message_primary or str(error).partition("\n")[0], told.message_detail, told.message_hint]
    return " ".join(part if part.endswith((".", "?")) else f"{part}." for part in parts if part)[:500]
