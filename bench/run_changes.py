"""What the numbers of a run's changes cost a step (decision 0032). ``python -m bench.run_changes``.

One session writes steps as an agent's run does, two transactions each: the run held and the step intended, the run held
and the step done. Blocks with the trigger and without it take turns, each in a run of its own, so that the machine's
other work meets both alike. Processor time is that of the session's process in PostgreSQL.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import msgspec
import psutil

from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import agent_steps, ledger, run_stream
from shared.store.database import Command, Database, Statement
from tests.support.engines import postgres_server
from tests.support.folders import disk_folder
from tests.support.run_stream import Worked

BLOCK, STEPS = 50, 4_000
#: About what a call of an agent asks for and answers.
REQUEST = json.dumps({"q": "bridge closed", "limit": 20})
RESULT = json.dumps({"good": True, "number": 3})


class _Number(Schema, frozen=True, kw_only=True):
    n: int


_PID = Statement("SELECT pg_backend_pid() AS n", _Number)
_WAL = Statement("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS n", _Number)


class Cost(msgspec.Struct):
    """Of the steps of one kind: seconds each, and in all the session's processor seconds and bytes of WAL."""

    seconds: list[float] = []
    processor: float = 0.0
    wal: int = 0


def main() -> None:
    """Print a row for each."""
    with postgres_server(disk_folder) as server, server.fresh() as url:
        database = Database(Settings(postgres_url=url), name="bench", size=1)
        database.open()
        [session] = database.fetch(_PID)
        process = psutil.Process(session.n)
        costs = {"with the trigger": Cost(), "without": Cost()}
        for number in range(-1, STEPS // BLOCK):
            for name, cost in costs.items():
                _switch(database, on=name == "with the trigger")
                measured = _block(database, process)
                if number >= 0:  # the first pair warms up
                    cost.seconds += measured.seconds
                    cost.processor += measured.processor
                    cost.wal += measured.wal
        database.close()
    _print(costs)


def _switch(database: Database, *, on: bool) -> None:
    database.execute(Command(f"ALTER TABLE run_step {'ENABLE' if on else 'DISABLE'} TRIGGER run_step_changed"))


def _block(database: Database, process: psutil.Process) -> Cost:
    run = Worked(database)
    run.claim()
    fence = {"run": run.id, "epoch": run._epoch, "lease_seconds": 60}
    began, wal = process.cpu_times(), database.fetch(_WAL)[0].n
    seconds = []
    for seq in range(1, BLOCK + 1):
        start = time.perf_counter()
        _step(database, fence, seq)
        seconds.append(time.perf_counter() - start)
    ended = process.cpu_times()
    spent = ended.user + ended.system - began.user - began.system
    written = database.fetch(_WAL)[0].n - wal
    told = len(database.fetch(run_stream.CHANGED, {"run": run.id, "after": 0, "limit": 2 * BLOCK}))
    assert told in (0, BLOCK), "the trigger did what it was not to do"
    return Cost(seconds=seconds, processor=spent, wal=written)


def _step(database: Database, fence: dict[str, Any], seq: int) -> None:
    about = {"run": fence["run"], "seq": seq, "name": f"{seq}-search", "title": "Calling search", "kind": "call"}
    about |= {"key": f"{fence['run']}-{seq}", "request_hash": b"h" * 32, "request": REQUEST, "detail": REQUEST}
    with database.transaction() as transaction:
        transaction.execute(ledger.HOLD, fence)
        transaction.execute(agent_steps.INTEND, about)
    done = {"run": fence["run"], "seq": seq, "result": RESULT, "detail": "1,204 bytes", "cost": 0}
    with database.transaction() as transaction:
        transaction.execute(ledger.HOLD, fence)
        transaction.execute(agent_steps.DONE, done)


def _print(costs: dict[str, Cost]) -> None:
    first, second = costs["with the trigger"], costs["without"]
    with_, without = ([*_figures(cost)] for cost in (first, second))
    print(f"{STEPS:,} steps each, two transactions a step.\n")
    print("| a step of a run | p50, ms | p99, ms | processor of PostgreSQL, ms | WAL, bytes |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, values in (("with the trigger", with_), ("without", without)):
        print(f"| {name} | {' | '.join(f'{value:,.2f}' for value in values[:3])} | {values[3]:,.0f} |")
    print(f"| ratio | {' | '.join(f'{a / b:.2f}' for a, b in zip(with_, without, strict=True))} |")


def _figures(cost: Cost) -> tuple[float, float, float, float]:
    cuts = statistics.quantiles(cost.seconds, n=100)
    return 1_000 * cuts[49], 1_000 * cuts[98], 1_000 * cost.processor / STEPS, cost.wal / STEPS


if __name__ == "__main__":
    main()
