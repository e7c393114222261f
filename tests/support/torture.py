"""A seeded torture run: real engines, a real relay, a simulator that misbehaves, and kills at random moments.

    python -m tests.support.torture --seconds 60 --seed 1 --report FOLDER

``Torture.run`` starts everything, lives through the plan, lets the relay catch up, stops it, and judges
the record against what was served. Nothing in it waits for time to pass, except that the plan has a clock.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import msgspec
import psutil

from services.relay.wires import jetstream2
from services.solo.children import Child, ChildSpec, port_answers, service_argv
from services.solo.engines import Postgres, Valkey
from services.solo.folder import free_port
from services.solo.simulator.options import SimulatorOptions
from services.solo.supervisor import POLL_SECONDS, Supervisor
from shared.config.load import environment_of, foreign_environment
from shared.config.settings import Settings
from shared.errors import DependencyError
from shared.schemas.base import Schema
from shared.store import feed_rows
from shared.store.database import Command, Database, Statement
from shared.store.migrate import migrate
from tests.support import torture_drops, torture_momentum, torture_truth
from tests.support.folders import engine_folder
from tests.support.movers import Movers
from tests.support.torture_drops import Drops
from tests.support.torture_momentum import Momentum
from tests.support.torture_plan import WEATHER, Act, plan, server_of
from tests.support.torture_report import write
from tests.support.torture_truth import Floor, Verdict

RATE, HISTORY_MINUTES = 120.0, 2.0
#: So young are posts that become cold: nearly all do, in the middle of everything. How often a mover is killed.
HOT_SECONDS, MOVER_KILL_SECONDS = 4.0, 8.0
#: More than a busy machine needs; a run that hangs ends here.
PATIENCE_SECONDS = 90.0
#: An idle relay holds about 80 MB; its queues may hold some 80 MB more.
MOST_RSS_MB = 250


class Place(Schema, frozen=True, kw_only=True):
    position: int
    waiting: int


class Departed(Schema, frozen=True, kw_only=True):
    """Accounts that left for good, those of them whose posts are still to go, and posts that are gone for it."""

    accounts: int
    waiting: int
    posts: int


class Archived(Schema, frozen=True, kw_only=True):
    """Cold posts when all was over."""

    posts: int


class Again(Schema, frozen=True, kw_only=True):
    cause: str
    rows: int
    events: int
    found: int


_PLACE = Statement(
    """SELECT position, (SELECT count(*) FROM feed_recheck r
                          WHERE done_at IS NULL AND (end_us IS NOT NULL OR start_us < %(calm_us)s)) AS waiting
         FROM feed_cursor WHERE feed = 'simulator'""",
    Place,
)
_AGAIN = Statement(
    """SELECT cause, count(*) AS rows, sum(events)::bigint AS events, sum(found)::bigint AS found
         FROM feed_recheck WHERE done_at IS NOT NULL GROUP BY cause ORDER BY cause""",
    Again,
)
_DEPARTED = Statement(
    """SELECT count(*) AS accounts, count(*) FILTER (WHERE swept_at IS NULL) AS waiting,
              (SELECT count(*) FROM post p JOIN account_departure d ON d.author = p.author
                WHERE d.gone AND p.deleted_at IS NOT NULL) AS posts
         FROM account_departure
        WHERE gone AND event_time < timestamptz 'epoch' + %(calm_us)s * interval '1 microsecond'""",
    Departed,
)


_ARCHIVED = Statement("SELECT count(*) AS posts FROM post_archive", Archived)
_CHANGE = Command("UPDATE feed SET url = %(url)s, options = %(options)s::jsonb, enabled = true WHERE id = 'simulator'")


class Result(msgspec.Struct, kw_only=True):
    """What a run did and whether the record is the truth."""

    seed: int
    seconds: float
    wall_seconds: float
    acts: list[Act]
    killed: dict[str, int]
    connections: int
    read_as: dict[str, int]
    lost_at_cutover: int
    read_again: list[Again]
    departed: Departed
    archived: Archived
    movers_killed: int
    drops: Drops
    floors: list[Floor]
    verdict: Verdict
    momentum: Momentum
    rss_first_mb: float
    rss_peak_mb: float
    rss_last_mb: float

    @property
    def passed(self) -> bool:
        well = not self.drops.wrong and not self.momentum.wrong
        return self.verdict.right and well and self.rss_peak_mb < MOST_RSS_MB


class Torture:
    """One run in a folder of its own that PostgreSQL's user can reach."""

    def __init__(self, folder: Path, seed: int, seconds: float, say: Callable[[str], None] = lambda _: None) -> None:
        self._seed, self._seconds, self._say = seed, seconds, say
        self._folder = folder
        (folder / "logs").mkdir()
        self._supervisor = Supervisor(folder / "logs", lambda *_: None)
        self._children: dict[str, Child] = {}
        self._postgres = Postgres(folder, foreign_environment())
        self._valkey = Valkey(folder, foreign_environment())
        self._settings = Settings(postgres_url=self._postgres.url, valkey_url=self._valkey.url)
        self._database = Database(self._settings, name="torture", size=2)
        self._anchor_us = time.time_ns() // 1_000 - round(HISTORY_MINUTES * 60e6)
        self._options = SimulatorOptions(rate=RATE, seed=seed, anchor_us=self._anchor_us)
        self._movers = Movers(self._postgres.url, HOT_SECONDS, folder / "logs")
        self._mover_chance = Random(f"movers {seed}")
        self._door = self._host = ""
        self._dictionary = folder / "legacy.dictionary"
        self._floors: list[Floor] = []
        self._calm_us = 0
        self._killed: Counter[str] = Counter()
        self._rss: list[float] = []
        self._sampled = 0.0

    def run(self) -> Result:
        """Live through the plan. AssertionError when something does not come back in time."""
        began = time.monotonic()
        acts = plan(self._seed, self._seconds)
        try:
            self._start()
            self._live(acts)
            self._catch_up()
            # Once more where nothing is read again that could hide a loss: the batch in hand when PostgreSQL goes.
            self._kill("postgres")
            self._catch_up()
            return self._judged(acts, began)
        finally:
            self._movers.stop()
            self._database.close()
            self._supervisor.stop()

    def _start(self) -> None:
        self._postgres.prepare()
        self._child(self._postgres.spec())
        self._valkey.prepare()
        self._child(self._valkey.spec())
        self._database.open()
        migrate(self._database)
        port = free_port()
        self._door = f"http://127.0.0.1:{port}/control"
        simulate = ["simulate", "--port", str(port), "--rate", str(RATE), "--seed", str(self._seed), "--control"]
        simulate += ["--anchor", str(self._anchor_us), "--faults", WEATHER]
        simulate += ["--wire", server_of(self._seed), "--dictionary", str(self._dictionary)]
        quiet = foreign_environment()
        self._child(_spec("simulator", simulate, quiet, port_answers("127.0.0.1", port)))
        settings = msgspec.structs.replace(
            self._settings,
            embedding_model="none",
            relay_stall_seconds=2,
            log_format="json",
            data_dir=str(self._folder),
        )
        self._host = f"ws://127.0.0.1:{port}"
        feed = {"id": "simulator", "kind": "jetstream", "url": self._host, "backfill_minutes": 30, "options": "{}"}
        self._database.execute(feed_rows.ADD, feed | {"queue_events": None, "queue_bytes": None, "enabled": False})
        self._child(_spec("relay", ["relay"], {**quiet, **environment_of(settings)}, lambda: True))
        self._movers.start()

    def _child(self, spec: ChildSpec) -> None:
        self._children[spec.name] = self._supervisor.start(spec)

    def _live(self, acts: list[Act]) -> None:
        """The plan by its own clock, which stands still while an act has to wait for something."""
        clock = 0.0
        for act in acts:
            self._pass(act.at - clock)
            clock = act.at
            self._say(f"{act.at:6.1f} s  {act.what} {act.name}")
            match act.what:
                case "end":
                    self._end(act.name)
                case "kill":
                    self._kill(act.name)
                case "forget":
                    self._forget()
                case "read":
                    self._read(act.name)
                case "clock":
                    self._set_back(float(act.name))
        self._pass(self._seconds - clock)

    def _read(self, way: str) -> None:
        """As an operator would: the feed gets another address and other options, and is opened anew."""
        version, _, packed = way.partition("+")
        path = jetstream2.PATH if version == "2" else "/subscribe"
        dictionary = "" if not packed else "server" if version == "2" else str(self._dictionary)
        row = {"url": self._host + path, "options": json.dumps({"zstd_dictionary": dictionary})}
        asked = len(self._ask()["journal"])
        self._until("a feed that is changed", lambda: self._database.execute(_CHANGE, row))

        def read() -> bool:
            seen = [entry for entry in self._ask()["journal"][asked:] if entry["fault"] != "refuse"]
            return any(way_of(entry) == way and entry["frames"] for entry in seen)

        self._until(f"a connection read as {way}", read)

    def _pass(self, seconds: float) -> None:
        """So much of the plan's time goes by, with nothing new happening."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._turn()

    def _end(self, fault: str) -> None:
        """Every open connection meets ``fault``, once."""
        name = fault.partition(":")[0]
        before = self._times(name)
        self._ask(faults=f"{WEATHER},{fault}@0.05")
        self._until(f"a connection that ends with {name}", lambda: self._times(name) > before)
        self._ask(faults=WEATHER)

    def _times(self, fault: str) -> int:
        return sum(entry["fault"] == fault for entry in self._ask()["journal"])

    def _kill(self, name: str) -> None:
        """SIGKILL the child while events flow: there is something to interrupt."""
        child = self._children[name]
        seen: list[int] = []

        def flows() -> bool:
            seen.append(self._place().position)
            return child.pid is not None and seen[-1] > seen[0]

        self._until(f"{name} to interrupt", flows)
        pid = child.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._killed[name] += 1
        if name == "postgres":
            # Its children see the end of their parent; a new one cannot start before they are gone.
            self._until("the old PostgreSQL's end", lambda: not _family(self._postgres.data))

    def _forget(self) -> None:
        """Nobody gets in, time passes, and then what happened meanwhile is no longer kept."""
        self._ask(closed="1", hangup="1")
        self._until("both engines", lambda: all(child.state == "running" for child in self._children.values()))
        position = self._still()
        self._until("events that nobody read", lambda: self._ask()["now_us"] > position + 4_000_000)
        floor = self._ask(floor="now")["floor_us"]
        assert self._place().position == position
        self._floors.append(Floor(position, floor))
        # An answer from the floor must not be taken for the live tail.
        self._until("a present well past the floor", lambda: self._ask()["now_us"] > floor + 2_500_000)
        self._ask(closed="0")
        self._until("the feed to go on", lambda: self._place().position > floor)

    def _still(self) -> int:
        """The position once everything that was read is durable."""
        seen, since = self._place().position, time.monotonic()

        def still() -> bool:
            nonlocal seen, since
            if (now := self._place().position) != seen:
                seen, since = now, time.monotonic()
            return time.monotonic() - since > 1.5

        self._until("a still cursor", still)
        return seen

    def _set_back(self, seconds: float) -> None:
        """The server's clock falls behind, so that our cursor lies in its future; later it is right again."""
        self._ask(clock=str(-seconds), hangup="1")
        asked = len(self._ask()["journal"])
        self._until("a connection from the future", lambda: len(self._ask()["journal"]) > asked)
        self._ask(clock="0")

    def _catch_up(self) -> None:
        """No more faults; wait until the present is stored, all was read again, and who left until now is swept."""
        self._calm_us = calm = self._ask(faults="", closed="0")["now_us"]
        self._say("        calm")

        def caught_up() -> bool:
            place = self._database.fetch_one(_PLACE, {"calm_us": calm})
            if place is None or place.position <= calm + 8_000_000 or place.waiting:
                return False
            return self._departed().waiting == 0

        self._until("a relay that has caught up", caught_up)

    def _judged(self, acts: list[Act], began: float) -> Result:
        relay = self._children["relay"]
        relay.ask_to_stop()
        assert relay.wait_stopped(), "the relay had to be killed at the end"
        self._movers.stop()
        position = self._place().position
        stream = self._options.stream(self._anchor_us)
        journal = self._ask()["journal"]
        (self._folder / "logs" / "journal.json").write_text(json.dumps(journal))
        log = torture_drops.lines(self._folder / "logs" / "relay.log")
        verdict = torture_truth.judge(self._database, stream, position, self._floors, self._calm_us)
        return Result(
            seed=self._seed,
            seconds=self._seconds,
            wall_seconds=round(time.monotonic() - began, 1),
            acts=acts,
            killed=dict(self._killed),
            connections=len(journal),
            read_as=dict(sorted(Counter(way_of(entry) for entry in journal if entry["frames"]).items())),
            lost_at_cutover=sum(entry["lost"] for entry in journal),
            read_again=self._database.fetch(_AGAIN),
            departed=self._departed(),
            archived=self._database.fetch(_ARCHIVED)[0],
            movers_killed=self._movers.kills,
            drops=torture_drops.compare(log, journal),
            floors=self._floors,
            verdict=verdict,
            momentum=torture_momentum.compare(self._database, stream, position, verdict.gaps),
            rss_first_mb=self._rss[0],
            rss_peak_mb=max(self._rss),
            rss_last_mb=self._rss[-1],
        )

    def _place(self) -> Place:
        found = self._database.fetch_one(_PLACE, {"calm_us": 0})
        return found or Place(position=0, waiting=0)

    def _departed(self) -> Departed:
        return self._database.fetch(_DEPARTED, {"calm_us": self._calm_us})[0]

    def _ask(self, **orders: str) -> dict[str, Any]:
        """Through the simulator's door."""
        query = "&".join(f"{name}={quote(value)}" for name, value in orders.items())
        with urllib.request.urlopen(f"{self._door}?{query}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def _turn(self) -> None:
        """Look after the children, measure the relay, and take a breath."""
        self._supervisor.poll()
        self._movers.kill_now_and_then(self._mover_chance, MOVER_KILL_SECONDS)
        if time.monotonic() - self._sampled > 0.5 and (pid := self._children["relay"].pid):
            self._sampled = time.monotonic()
            try:
                self._rss.append(round(psutil.Process(pid).memory_info().rss / 1e6, 1))
            except psutil.Error:
                return
        time.sleep(POLL_SECONDS)

    def _until(self, what: str, attempt: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if attempt():
                    return
            except (DependencyError, urllib.error.URLError, ConnectionError, psutil.Error):
                pass  # not yet
            assert time.monotonic() < deadline, f"no {what} within {PATIENCE_SECONDS:.0f} s"
            if "relay" in self._children:
                self._turn()


def way_of(entry: dict[str, Any]) -> str:
    """How a connection in the simulator's journal was read, as in ``torture_plan.WAYS``."""
    return f"{entry['version']}{'+zstd' if entry['packed'] else ''}"


def _spec(name: str, arguments: list[str], environment: dict[str, str], ready: Callable[[], bool]) -> ChildSpec:
    return ChildSpec(name=name, argv=service_argv(*arguments), environment=environment, ready=ready)


def _family(data: Path) -> list[int]:
    """Processes of the PostgreSQL in ``data``: those whose working folder it is."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == data:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description="Torture the relay and judge the record.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--logs", type=Path, help="folder that keeps the logs, also of a run that passed")
    parser.add_argument("--report", type=Path, help="folder for torture.md and torture.json")
    options = parser.parse_args()
    with engine_folder() as place:
        torture = Torture(place, options.seed, options.seconds, lambda line: print(line, flush=True))
        try:
            result = torture.run()
        finally:
            if options.logs:
                shutil.copytree(place / "logs", options.logs, dirs_exist_ok=True)
    print(write(result, options.report))
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
