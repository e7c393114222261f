"""The HTTP server's life: start what the application needs, serve, and stop within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Generator

import uvicorn

from services.api.app import Parts, build
from services.api.auth.provider import Provider, ProviderAway
from services.api.broadcast.follower import Follower
from services.api.broadcast.hub import Hub
from services.api.operations.catalogue import OPERATIONS
from services.api.operations.context import Services
from services.api.operations.queries import SearchInput
from services.api.operations.rates import Rates
from services.api.operations.watch_queries import BacktestInput
from services.api.readiness import Readiness
from shared.config.settings import Settings
from shared.errors import ConfigurationError, GroundswellError
from shared.outbound.reach import read_reach
from shared.schemas.backtest import Backtest
from shared.schemas.search import SearchResult
from shared.store.analysis_reader import WAITING, AnalysisReader
from shared.store.database import AsyncDatabase
from shared.store.ring import RingReader
from shared.telemetry import logs
from shared.telemetry.health import State

#: The ring is filled before the first browser comes, if Valkey answers by then.
FILL_SECONDS = 2.0
STOP_SECONDS = 3
#: Between looks at whether the identity provider is there: while it is, and while it is not.
PROVIDER_SECONDS = (300.0, 15.0)
PREPARE_SECONDS = 0.5


class _Server(uvicorn.Server):
    """Signals belong to whoever started us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Api:
    """One API process's asynchronous half. ``serve`` runs until ``stop`` is set.

    Raises ConfigurationError when the address cannot be listened on.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pool_size: int,
        search: Callable[[AsyncDatabase, SearchInput], Awaitable[SearchResult]],
        vectors_stored: Callable[[], Awaitable[int | None]],
        backtest: Callable[[BacktestInput], Awaitable[Backtest]],
        say: Callable[[str, State, str | None], None],
    ) -> None:
        self._settings, self._pool_size = settings, pool_size
        self._socket = listen(settings.api_host, settings.api_port)
        #: The port listened on.
        self.port: int = self._socket.getsockname()[1]
        self._search, self._vectors_stored, self._backtest, self._say = search, vectors_stored, backtest, say
        #: Set once requests are answered.
        self.started = threading.Event()

    async def serve(self, stop: threading.Event) -> None:
        """Serve until ``stop`` is set. Once only."""
        database = AsyncDatabase(self._settings, name="api", size=self._pool_size)
        reader = RingReader(self._settings.valkey_url)
        await database.open()
        try:
            await self._serve(database, reader, stop)
        finally:
            await reader.close()
            await database.close()

    async def _serve(self, database: AsyncDatabase, reader: RingReader, stop: threading.Event) -> None:
        hub, readiness = Hub(), Readiness(database)
        follower = Follower(reader, hub, lambda state, reason: self._say("valkey", state, reason))
        services = Services(
            settings=self._settings,
            database=database,
            search=self._search,
            vectors_stored=self._vectors_stored,
            backtest=self._backtest,
            analysis=AnalysisReader(self._settings, lambda state, reason: self._say("analysis", state, reason)),
            operations=OPERATIONS,
            rates=Rates(self._settings.api_requests_per_minute),
        )
        provider = provider_of(self._settings)
        parts = Parts(services=services, readiness=readiness, hub=hub, provider=provider)
        server = _Server(_config(self._settings, parts))
        tasks = [asyncio.create_task(readiness.run()), asyncio.create_task(follower.run())]
        tasks.append(asyncio.create_task(_prepare(services.analysis, readiness)))
        if provider is not None:
            tasks.append(asyncio.create_task(self._look_for(provider)))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(follower.filled.wait(), FILL_SECONDS)
            tasks.append(asyncio.create_task(self._watch(server, hub, stop)))
            await server.serve([self._socket])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_for(self, provider: Provider) -> None:
        """Say whether people can sign in. It holds up nothing: the owner's token and all sessions go on."""
        while True:
            try:
                await provider.metadata()
                self._say("sign-in", "ok", None)
                pause = PROVIDER_SECONDS[0]
            except ProviderAway as error:
                self._say("sign-in", "degraded", f"{error.what} {error.why}")
                pause = PROVIDER_SECONDS[1]
            await asyncio.sleep(pause)

    async def _watch(self, server: uvicorn.Server, hub: Hub, stop: threading.Event) -> None:
        """Say when it listens; on ``stop`` send the browsers away, then end the server."""
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
            await asyncio.sleep(0.02)
        self.started.set()
        logs.get(__name__).info("api_listening", host=self._settings.api_host, port=self.port)
        while not stop.is_set():  # noqa: ASYNC110 - the event is shared with threads
            await asyncio.sleep(0.1)
        hub.close()
        await asyncio.sleep(0.1)  # the close frames go out before the sockets do
        server.should_exit = True


def provider_of(settings: Settings) -> Provider | None:
    """The identity provider in the settings."""
    if not settings.oidc_issuer:
        return None
    reach = read_reach(settings.outbound_allow)
    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, reach)


async def _prepare(analysis: AnalysisReader, readiness: Readiness) -> None:
    """Queries, once the schema is there, so that health knows of them before the first one."""
    while analysis.off == WAITING:
        with contextlib.suppress(GroundswellError):
            readiness.check()
            await analysis.prepare()
        await asyncio.sleep(PREPARE_SECONDS)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=128)
        # Handed on to each connection. asyncio sets it only on sockets that name TCP as their protocol, which those of
        # create_server do not, and then head and body of an answer wait 40 ms for each other (Nagle, delayed ACK).
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    except OSError as error:
        raise ConfigurationError(
            f"The API cannot listen on {host} port {port}.",
            why=f"{error.strerror or error}.",
            do="Stop what uses the port, or set GROUNDSWELL_API_PORT to another.",
        ) from error


def _config(settings: Settings, parts: Parts) -> uvicorn.Config:
    return uvicorn.Config(
        build(parts),
        loop="asyncio",
        http="h11",
        ws="websockets-sansio",
        ws_max_size=4096,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=400,
        backlog=128,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
