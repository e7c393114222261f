"""The solo stack: engines, schema, feed simulator and the three services under one supervisor."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from pathlib import Path
from typing import Literal

import msgspec

from services.solo.children import ChildSpec, port_answers, service_argv
from services.solo.client import address_of
from services.solo.engines import Postgres, Valkey
from services.solo.folder import DataFolder, check_port, free_port
from services.solo.owner import NAME, owner_token
from services.solo.progress import Progress
from services.solo.signals import set_at
from services.solo.simulator.options import SimulatorOptions
from services.solo.simulator.server import wall_clock_us
from services.solo.simulator.stream import Stream
from services.solo.supervisor import POLL_SECONDS, Supervisor
from shared.backup.upgrade import check_finished
from shared.config.load import environment_of, foreign_environment
from shared.config.rules import LOOPBACK
from shared.config.settings import Settings
from shared.contracts.access import digest, owner_digest
from shared.errors import ConfigurationError, InputError
from shared.store import people, units
from shared.store.capacity import check_capacity
from shared.store.database import Database
from shared.store.migrate import migrate
from shared.telemetry.health import Reporter, State

#: Where the network's public servers listen; the relay takes the first that answers.
JETSTREAM_URL = ", ".join(
    f"wss://jetstream{number}.us-{side}.bsky.network/subscribe" for side in ("east", "west") for number in (2, 1)
)


#: Sources beside a recording, which is FILE and its path.
SOURCES = ("simulator", "jetstream", "nostr", "sealed")
FILE = "file:"
#: Name of the simulated feed: nobody may take it for the real network.
SIMULATED_FEED = "simulator"
#: A fresh feed reads the simulator's whole history, however long the start took.
BACKFILL_SLACK_MINUTES = 10
#: No feed is read further back (``feed_backfill_minutes``): of a longer history its last day is read.
MOST_BACKFILL_MINUTES = 1_440


#: The dashboard as the bootstrap builds it.
DASHBOARD = Path(__file__).resolve().parents[1] / "frontend" / "dist"


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``groundswell up`` was asked for. ``rate`` is the simulator's, in events a second."""

    source: str = "simulator"
    combined: bool = False
    rate: float = 50.0
    seed: int = 7
    history_minutes: int = 60
    faults: str = ""

    @property
    def recording(self) -> str | None:
        """Path of the recording that is the source, if one is."""
        return self.source.removeprefix(FILE) if self.source.startswith(FILE) else None

    def simulated(self, anchor_us: int | None = None) -> SimulatorOptions:
        """What the simulator is asked for, beginning at ``anchor_us``."""
        return SimulatorOptions(
            rate=self.rate,
            seed=self.seed,
            history_minutes=self.history_minutes,
            faults=self.faults,
            anchor_us=anchor_us,
        )


class Origin(msgspec.Struct, frozen=True):
    """What a data folder's simulated stream was made with."""

    anchor_us: int
    seed: int
    rate: float


def with_owner(given: Settings, folder: Path) -> Settings:
    """With the owner's token, made if there was none. It is asked for beyond this machine, and here if the settings
    say so.

    Raises ConfigurationError.
    """
    if given.api_token:
        return given
    ask = given.loopback == "closed" or given.oidc_issuer or given.api_host not in LOOPBACK[:3]
    loopback: Literal["open", "closed"] = "open" if given.loopback == "open" or not ask else "closed"
    return msgspec.structs.replace(given, api_token=owner_token(folder), loopback=loopback)


class Stack:
    """Runs everything until ``stop`` is set. Use as a context manager."""

    def __init__(self, settings: Settings, options: UpOptions, progress: Progress) -> None:
        self._given, self.options, self._progress = settings, options, progress
        self.stop = threading.Event()
        self.folder = DataFolder(Path(settings.data_dir))
        self.settings = settings
        self.simulator_anchor_us = 0
        self.new_installation = False
        self._supervisor: Supervisor | None = None
        self._reporter: Reporter | None = None
        self._database: Database | None = None

    @property
    def address(self) -> str:
        """Where people open the dashboard."""
        return address_of(self.settings)

    def entrance(self) -> str:
        """What the owner's browser opens: the address, with a ticket where the token is asked for."""
        if self.settings.loopback != "closed" or not self.settings.api_token:
            return self.address
        ticket = secrets.token_urlsafe(24)
        owner = owner_digest(self.settings.api_token)
        self.database.execute(people.TICKET, {"digest": digest(ticket), "owner": owner})
        minutes = people.TICKET_MINUTES
        self._progress.say(
            f"  The token is in {self.folder.path / NAME}. The address is good once, for {minutes} minutes."
        )
        return f"{self.address}/api/v1/session/ticket?ticket={ticket}"

    @property
    def database(self) -> Database:
        """An executor on the stack's own database (open while the stack runs)."""
        assert self._database is not None  # noqa: S101 - only used between start and close
        return self._database

    @property
    def supervisor(self) -> Supervisor:
        """The children (present while the stack runs)."""
        assert self._supervisor is not None  # noqa: S101 - only used between start and close
        return self._supervisor

    def simulated_stream(self) -> Stream:
        """What the simulator serves, made again from its anchor: the truth to count against."""
        return self.options.simulated(self.simulator_anchor_us).stream(wall_clock_us())

    def start(self) -> None:
        """Bring everything up in order. Raises GroundswellError with a way out, and KeyboardInterrupt
        when it is told to stop meanwhile.
        """
        self._check_options()
        self.folder.open()
        self._check_source()
        if not self._given.api_port:  # the address is told to people, so it must be known before
            self._given = msgspec.structs.replace(self._given, api_port=free_port())
        check_port(self._given.api_host, self._given.api_port)
        self._given = with_owner(self._given, self.folder.path)
        self._supervisor = Supervisor(self.folder.sub("logs"), self._changed)
        self._start_engines()
        self.settings = msgspec.structs.replace(
            self.settings,
            feed_kind=self.options.source if self.options.source in ("nostr", "sealed") else "jetstream",
            feed_url=self._feed_url(),
            feed_name=self._given.feed_name or (SIMULATED_FEED if self.options.source == "simulator" else ""),
            feed_backfill_minutes=self._backfill(),
            frontend_dir=self._given.frontend_dir or (str(DASHBOARD) if (DASHBOARD / "index.html").exists() else ""),
        )
        for unit in ("combined",) if self.options.combined else ("relay", "worker", "api"):
            with self._progress.step(f"Starting the {unit}" if unit != "combined" else "Starting the services"):
                self._start(self._service(unit))
        if self.options.recording is not None:
            self._start(self._replay(self.options.recording))

    def run(self) -> None:
        """Look after the children until ``stop`` is set."""
        self.watch(float("inf"))

    def watch(self, seconds: float) -> None:
        """Look after the children for so long, or until ``stop`` is set."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.stop.wait(POLL_SECONDS):
            self.supervisor.poll()

    def close(self) -> None:
        """End every child, in the reverse order, and give the folder back."""
        if self._reporter:
            self._reporter.stop()
        if self._database:
            self._database.close()
        if self._supervisor and self._supervisor.children:
            with self._progress.step("Stopping"):
                killed = self._supervisor.stop()
            if killed:
                self._progress.say(f"  Had to be killed: {', '.join(killed)}")
        self.folder.close()

    def on_signals(self) -> None:
        """Ctrl-C, SIGTERM and a closed terminal end the stack cleanly; a second Ctrl-C changes nothing.

        Who starts it with nohup wants it to outlive the terminal.
        """
        terminal = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        set_at(self.stop, signal.SIGINT, signal.SIGTERM, *terminal)

    def _start_engines(self) -> None:
        base = foreign_environment()
        postgres = Postgres(self.folder.path, base)
        with self._progress.step("Starting PostgreSQL"):
            self.new_installation = postgres.prepare()
            self._go_on()
            self._start(postgres.spec())
        if postgres.moved_because:
            self._progress.say(f"    its files are in {postgres.home}: {postgres.moved_because}")
        if postgres.set_aside:
            self._progress.say(f"    those of an earlier folder of this name are kept in {postgres.set_aside}")
        valkey = Valkey(self.folder.path, base)
        with self._progress.step("Starting Valkey"):
            valkey.prepare()
            self._start(valkey.spec())
        self.settings = msgspec.structs.replace(
            self._given, postgres_url=postgres.url, valkey_url=valkey.url, data_dir=str(self.folder.path)
        )
        self._database = Database(self.settings, name="solo", size=2)
        self._database.open()
        check_finished(self.settings)
        with self._progress.step("Bringing the schema up to date"):
            migrate(self._database)
            self._database.execute(units.FORGET, {"unit": "solo"})
        check_capacity(self._database, self.settings)
        self._reporter = Reporter("solo", self._say)
        for child in self.supervisor.children:
            self._reporter.set(child.spec.name, "ok")
        self._reporter.start()

    def _start_simulator(self) -> str:
        """Start the feed simulator on a loopback port; the feed's URL.

        Its stream is a function of the anchor kept in the data folder, so it is the same after a restart.
        """
        options = self.options
        first = int(time.time() * 1_000_000) - options.history_minutes * 60_000_000
        kept = self._origin(Origin(first, options.seed, options.rate))
        if (kept.seed, kept.rate) != (options.seed, options.rate):
            raise InputError(
                "This data folder holds a simulated stream of another rate or seed.",
                why=f"It was made with rate {kept.rate:g} and seed {kept.seed}.",
                do="Use the same values, or another folder: make run DATA=/some/folder",
            )
        self.simulator_anchor_us = kept.anchor_us
        port = free_port()
        arguments = ["simulate", "--port", str(port), "--rate", str(options.rate), "--seed", str(options.seed)]
        arguments += ["--anchor", str(self.simulator_anchor_us)]
        if options.faults:
            arguments += ["--faults", options.faults]
        with self._progress.step("Starting the feed simulator"):
            self._start(
                ChildSpec(
                    name="simulator",
                    argv=service_argv(*arguments),
                    environment=foreign_environment(),
                    ready=port_answers("127.0.0.1", port),
                )
            )
        return f"ws://127.0.0.1:{port}/subscribe"

    def _check_options(self) -> None:
        """Refuse what cannot be, before anything is made."""
        source, recording = self.options.source, self.options.recording
        if source == "simulator":
            self.options.simulated().check(wall_clock_us())
        elif recording is not None:
            if not Path(recording).is_file():
                raise InputError(f"There is no recording {recording}.", do="Give a file: --source file:PATH")
        elif source not in SOURCES:
            known = ", ".join((*SOURCES, f"{FILE}PATH"))
            raise InputError(f"There is no source {source!r}.", do=f"Use one of: {known}.")
        elif source in ("nostr", "sealed") and not self._given.feed_url:
            raise ConfigurationError(
                f"The source {source} needs an address.",
                why="GROUNDSWELL_FEED_URL is empty.",
                do=f"For example: GROUNDSWELL_FEED_URL=wss://{source}.example make run SOURCE={source}",
            )

    def _feed_url(self) -> str:
        """What the relay is to read; "" when a recording is replayed instead."""
        if self.options.source == "simulator":
            return self._given.feed_url or self._start_simulator()
        if self.options.recording is not None:
            return ""
        return self._given.feed_url or JETSTREAM_URL

    def _replay(self, recording: str) -> ChildSpec:
        """The recording through the real pipeline, once; its feed then says that it has ended."""
        return ChildSpec(
            name="replay",
            argv=service_argv("replay", str(Path(recording).resolve())),
            environment={**foreign_environment(), **environment_of(self.settings)},
            ready=lambda: True,
            leaf=True,
            once=True,
        )

    def _check_source(self) -> None:
        """One folder never mixes simulated and real posts: no number in it could be trusted."""
        source, name = self.options.source, self.options.source.partition(":")[0]
        if self.options.recording is not None:
            source = f"{FILE}{Path(self.options.recording).resolve()}"
        kept = self.folder.remember("source", source)
        if kept != source:
            raise InputError(
                f"This data folder holds posts of the source {kept}.",
                why="Simulated and real posts are never mixed.",
                do=f"Give another folder: make run SOURCE={self.options.source} DATA=data-{name}",
            )

    def _origin(self, fresh: Origin) -> Origin:
        kept = self.folder.remember("simulator", msgspec.to_builtins(fresh))
        try:
            return msgspec.convert(kept, Origin)
        except msgspec.ValidationError as error:
            raise ConfigurationError(
                f"{self.folder.path / 'simulator.json'} does not say how this folder's simulated stream began.",
                why=f"{error}.",
                do="Put it back as it was, or use another folder: make run DATA=/some/folder",
            ) from error

    def _backfill(self) -> int:
        simulated = self.options.source == "simulator"
        if simulated:
            return min(self.options.history_minutes + BACKFILL_SLACK_MINUTES, MOST_BACKFILL_MINUTES)
        return self._given.feed_backfill_minutes

    def _service(self, unit: str) -> ChildSpec:
        serves = unit in ("api", "combined")
        host = self.settings.api_host
        return ChildSpec(
            name=unit,
            argv=service_argv(unit),
            environment={**foreign_environment(), **environment_of(self.settings)},
            ready=port_answers(host, self.settings.api_port) if serves else lambda: True,
            leaf=True,
        )

    def _start(self, spec: ChildSpec) -> None:
        self.supervisor.start(spec, stopping=self.stop.is_set)
        self._go_on()

    def _go_on(self) -> None:
        """Raise KeyboardInterrupt when told to stop: what is not started yet need not be."""
        if self.stop.is_set():
            raise KeyboardInterrupt

    def _changed(self, child: str, state: State, reason: str | None) -> None:
        if self._reporter:
            self._reporter.set(child, state, reason)
        if state == "down" and not self.stop.is_set() and self._reporter:
            self._progress.say(f"  {child}: {reason}")

    def _say(self, unit: str, instance: str, component: str, state: State, reason: str | None) -> None:
        self.database.execute(
            units.SAY,
            {"unit": unit, "instance": instance, "component": component, "state": state, "reason": reason},
        )
