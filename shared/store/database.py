"""The two executors, one sync and one async, over SQL as values. The only home of psycopg.

A ``Statement`` is text, parameters by name and the type of its rows; it is written once beside its
noun. Executors translate every vendor error into ``StoreUnavailable`` (worth a retry) or
``StoreRejected`` (the statement itself is wrong).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, Generic, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout

from shared.config.settings import Settings
from shared.errors import StoreRejected, StoreUnavailable
from shared.store.deadline import cut_after, cut_from_thread
from shared.store.pools import POOLS

Row = TypeVar("Row")
Params = Mapping[str, Any]

#: Seconds a caller waits for a free connection before it is told that the store is away.
POOL_WAIT_SECONDS = 5.0
#: A pooled connection that does not answer an empty question for so long is given up.
CHECK_SECONDS = 2.0
#: What a transaction may take beyond the server's own limit on a statement before its connection is cut.
GRACE_SECONDS = 5.0


#: Around rows in COPY's binary form: signature, no flags, no extension; and "no more rows".
_COPY_HEADER, _COPY_TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


class Statement(msgspec.Struct, Generic[Row], frozen=True):
    """SQL with ``%(name)s`` parameters; ``row`` builds one result from keyword arguments."""

    sql: str
    row: type[Row]


class Command(msgspec.Struct, frozen=True):
    """SQL that returns no rows."""

    sql: str


class CopyIn(msgspec.Struct, frozen=True):
    """Binary ``COPY table (columns) FROM STDIN``; ``types`` are PostgreSQL type names, one a column."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def sql(self) -> str:
        return f"COPY {self.table} ({', '.join(self.columns)}) FROM STDIN (FORMAT BINARY)"


@contextmanager
def translated() -> Iterator[None]:
    """Vendor errors as ours. Nothing of psycopg escapes."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
        raise StoreUnavailable("PostgreSQL did not answer.", why=_first_line(error)) from error
    except psycopg.Error as error:
        raise StoreRejected("PostgreSQL rejected a statement.", why=_first_line(error)) from error


def timed_out(error: StoreUnavailable) -> bool:
    """Whether PostgreSQL answers, but ended the statement because it ran too long (SQLSTATE 57014)."""
    return getattr(error.__cause__, "sqlstate", None) == "57014"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _build(statement: Statement[Row], rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [statement.row(**row) for row in rows]


class Transaction:
    """Statements inside one transaction (sync)."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def execute(self, command: Command, params: Params | None = None) -> int:
        """Run ``command``; the number of rows it touched."""
        return self._connection.execute(command.sql, params).rowcount

    def fetch(self, statement: Statement[Row], params: Params | None = None) -> list[Row]:
        """All rows."""
        cursor = self._connection.cursor(row_factory=dict_row)
        return _build(statement, cursor.execute(statement.sql, params).fetchall())

    def fetch_one(self, statement: Statement[Row], params: Params | None = None) -> Row | None:
        """The first row, or ``None``."""
        rows = self.fetch(statement, params)
        return rows[0] if rows else None

    def copy_in(self, target: CopyIn, rows: Iterable[Sequence[Any]]) -> None:
        """Stream ``rows`` into ``target`` in binary."""
        with self._connection.cursor() as cursor, cursor.copy(target.sql) as copy:
            copy.set_types(target.types)
            for row in rows:
                copy.write_row(row)

    def copy_packed(self, target: CopyIn, rows: Iterable[bytes]) -> None:
        """Stream ``rows`` into ``target``, each in COPY's binary form already."""
        with self._connection.cursor() as cursor, cursor.copy(target.sql) as copy:
            copy.write(b"".join((_COPY_HEADER, *rows, _COPY_TRAILER)))


class Database:
    """A bounded pool and its executor (sync). ``name`` shows in ``pg_stat_activity``.

    ``cuts`` gives up a server that is silent for longer than a statement may take: for who must say so.
    A transaction of several statements then has that much time in all.
    """

    def __init__(self, settings: Settings, *, name: str, size: int, cuts: bool = False) -> None:
        self._patience = settings.statement_timeout_seconds + GRACE_SECONDS if cuts else None
        self._pool: ConnectionPool[Connection[Any]] = ConnectionPool(
            settings.postgres_url,
            min_size=0,
            max_size=size,
            timeout=POOL_WAIT_SECONDS,
            reconnect_timeout=POOL_WAIT_SECONDS,
            reconnect_failed=_once_more_for_thread,
            kwargs=connect_options(settings, name),
            check=_check_from_thread if cuts else ConnectionPool.check_connection,
            name=name,
            open=False,
        )
        POOLS.add(self._pool)

    def open(self) -> None:
        """Start the pool. Does not wait for the server: the first use does."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Give all connections back."""
        self._pool.close(timeout=POOL_WAIT_SECONDS)

    def pool_figures(self) -> dict[str, int]:
        """The pool's own counters (psycopg_pool statistics)."""
        return self._pool.get_stats()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction; rolled back if the block raises."""
        with translated(), self._pool.connection() as connection:
            patience = nullcontext() if self._patience is None else cut_from_thread(connection, self._patience)
            with patience, connection.transaction():
                yield Transaction(connection)

    def execute(self, command: Command, params: Params | None = None) -> int:
        """``Transaction.execute`` in a transaction of its own."""
        with self.transaction() as transaction:
            return transaction.execute(command, params)

    def execute_alone(self, command: Command) -> None:
        """Run ``command`` outside a transaction, for as long as it takes, with one process of the server.

        For work that goes on beside everybody else's, such as building an index concurrently.
        """
        with translated(), self._pool.connection() as connection:
            connection.execute("SET statement_timeout = 0")
            connection.execute("SET max_parallel_maintenance_workers = 0")
            try:
                connection.execute(command.sql)
            finally:
                if not connection.broken:
                    connection.execute("RESET statement_timeout")
                    connection.execute("RESET max_parallel_maintenance_workers")

    def fetch(self, statement: Statement[Row], params: Params | None = None) -> list[Row]:
        """``Transaction.fetch`` in a transaction of its own."""
        with self.transaction() as transaction:
            return transaction.fetch(statement, params)

    def fetch_one(self, statement: Statement[Row], params: Params | None = None) -> Row | None:
        """``Transaction.fetch_one`` in a transaction of its own."""
        with self.transaction() as transaction:
            return transaction.fetch_one(statement, params)


class AsyncTransaction:
    """Statements inside one transaction (async)."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def execute(self, command: Command, params: Params | None = None) -> int:
        """Run ``command``; the number of rows it touched."""
        return (await self._connection.execute(command.sql, params)).rowcount

    async def fetch(self, statement: Statement[Row], params: Params | None = None) -> list[Row]:
        """All rows."""
        cursor = self._connection.cursor(row_factory=dict_row)
        await cursor.execute(statement.sql, params)
        return _build(statement, await cursor.fetchall())

    async def fetch_one(self, statement: Statement[Row], params: Params | None = None) -> Row | None:
        """The first row, or ``None``."""
        rows = await self.fetch(statement, params)
        return rows[0] if rows else None

    async def copy_in(self, target: CopyIn, rows: Iterable[Sequence[Any]]) -> None:
        """Stream ``rows`` into ``target`` in binary."""
        async with self._connection.cursor() as cursor, cursor.copy(target.sql) as copy:
            copy.set_types(target.types)
            for row in rows:
                await copy.write_row(row)


class AsyncDatabase:
    """A bounded pool and its executor (async). Open it inside the event loop that uses it.

    Without ``checks`` a connection is not asked whether it lives before it is used: for who tries again.
    """

    def __init__(self, settings: Settings, *, name: str, size: int, checks: bool = True) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            settings.postgres_url,
            min_size=0,
            max_size=size,
            timeout=POOL_WAIT_SECONDS,
            reconnect_timeout=POOL_WAIT_SECONDS,
            reconnect_failed=_once_more,
            kwargs=connect_options(settings, name),
            check=_check if checks else None,
            name=name,
            open=False,
        )
        POOLS.add(self._pool)
        self._patience = settings.statement_timeout_seconds + GRACE_SECONDS

    async def open(self) -> None:
        """Start the pool. Does not wait for the server: the first use does."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close(timeout=POOL_WAIT_SECONDS)

    def pool_figures(self) -> dict[str, int]:
        """The pool's own counters (psycopg_pool statistics)."""
        return self._pool.get_stats()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncTransaction]:
        """One transaction; rolled back if the block raises.

        Raises StoreUnavailable also when the server is silent for the whole of its patience.
        """
        with translated():
            async with self._pool.connection() as connection:
                with cut_after(connection, self._patience):
                    async with connection.transaction():
                        yield AsyncTransaction(connection)

    async def fetch_alone(self, statement: Statement[Row], params: Params | None = None) -> Row | None:
        """The first row of a statement that the server runs and commits by itself: one way there and back.

        For statements that lock what many want: nothing stays locked while this process is busy. Raises as
        ``transaction``; after StoreUnavailable it may have been committed or not.
        """
        with translated():
            async with self._pool.connection() as connection:
                with cut_after(connection, self._patience):
                    cursor = connection.cursor(row_factory=dict_row)
                    await cursor.execute(statement.sql, params)
                    rows = _build(statement, await cursor.fetchall())
        return rows[0] if rows else None

    async def execute(self, command: Command, params: Params | None = None) -> int:
        """``AsyncTransaction.execute`` in a transaction of its own."""
        async with self.transaction() as transaction:
            return await transaction.execute(command, params)

    async def fetch(self, statement: Statement[Row], params: Params | None = None) -> list[Row]:
        """``AsyncTransaction.fetch`` in a transaction of its own."""
        async with self.transaction() as transaction:
            return await transaction.fetch(statement, params)

    async def fetch_one(self, statement: Statement[Row], params: Params | None = None) -> Row | None:
        """``AsyncTransaction.fetch_one`` in a transaction of its own."""
        async with self.transaction() as transaction:
            return await transaction.fetch_one(statement, params)


def _once_more_for_thread(pool: ConnectionPool[Any]) -> None:
    """Connect again for who began to wait shortly before the pool gave up: nobody else would on their behalf."""
    if pool.get_stats()["requests_waiting"]:
        pool.check()


async def _once_more(pool: AsyncConnectionPool[Any]) -> None:
    """As ``_once_more_for_thread``."""
    if pool.get_stats()["requests_waiting"]:
        await pool.check()


def _check_from_thread(connection: Connection[Any]) -> None:
    """Raise unless ``connection`` answers, soon."""
    with cut_from_thread(connection, CHECK_SECONDS):
        connection.execute("")


async def _check(connection: AsyncConnection[Any]) -> None:
    """Raise unless ``connection`` answers, soon."""
    with cut_after(connection, CHECK_SECONDS):
        await connection.execute("")


def connect_options(settings: Settings, name: str) -> dict[str, Any]:
    """libpq options: timeouts (invariant 6) and UTC, whatever the server's defaults are."""
    timeouts = {
        "statement_timeout": settings.statement_timeout_seconds,
        "lock_timeout": settings.lock_timeout_seconds,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout_seconds,
    }
    options = " ".join(f"-c {key}={seconds * 1000}" for key, seconds in timeouts.items())
    return {
        "application_name": f"groundswell-{name}",
        "connect_timeout": 5,
        # Our statements are short: compiling them would take longer than running them.
        "options": f"{options} -c timezone=UTC -c jit=off",
        "autocommit": True,
    }
