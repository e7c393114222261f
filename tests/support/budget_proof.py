"""``make budget-proof``: many processes try to spend more than there is, against a provider that keeps its own bill.

For each seed, every process makes so many requests at once against one budget. Afterwards the provider's bill is held
against the ledger, attempt by attempt.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from shared.schemas.base import Schema
from shared.store.budget import FITS
from shared.store.database import Command, Database, Statement
from tests.support.budget_worker import Outcome, Round
from tests.support.engines import postgres_server
from tests.support.fake_llm import Fake
from tests.support.llm import BUDGETS, DOLLAR, open_gateway, settings

HOUR = 3_600.0
#: What providers do: well, and as they do on a bad day.
GOOD = {"ok": 1.0}
BAD = {
    "ok": 0.66,
    "cache-write": 0.05,
    "429": 0.04,
    "429:1": 0.02,
    "529": 0.04,
    "529:1": 0.02,
    "500": 0.03,
    "no-usage": 0.04,
    "garbage": 0.03,
    "cut:1": 0.04,
    "reset": 0.03,
}
WIRES = (["openai"], ["gemini"], ["anthropic"], ["openai", "gemini"])


class Verdict(msgspec.Struct, frozen=True):
    """Of one seed, in nano-dollars. ``ledger`` is what was booked."""

    seed: int
    bad_day: bool
    wires: tuple[str, ...]
    cap: int
    bill: int
    ledger: int
    committed: int
    attempts: int
    sent_rows: int
    open_rows: int
    at_bound: int
    answered: int
    refused: int
    errors: tuple[str, ...]
    seconds: float

    @property
    def faults(self) -> list[str]:
        """What is wrong; nothing should be."""
        found = [f"{error}" for error in self.errors[:1]]
        if self.bill > self.cap:
            found.append(f"billed {self.bill - self.cap} nano-dollars above the budget")
        if self.ledger < self.bill:
            found.append(f"billed {self.bill - self.ledger} nano-dollars more than was booked")
        if self.committed != self.ledger or self.open_rows:
            found.append(f"{self.open_rows} attempts were left open")
        if self.attempts != self.sent_rows:
            found.append(f"the provider saw {self.attempts} attempts, the ledger has {self.sent_rows}")
        if not self.bad_day and not self.at_bound and self.bill != self.ledger:
            found.append(f"bill and ledger differ by {self.ledger - self.bill} nano-dollars")
        # On a bad day a provider that is left alone for a while can be why money is left.
        if not self.bad_day and self.ledger < 0.9 * self.cap:
            found.append(f"only {self.ledger / self.cap:.1%} of the budget could be used")
        return found


class Count(Schema, frozen=True, kw_only=True):
    sent: int
    open: int
    at_bound: int
    booked: int


_RESET = Command("TRUNCATE budget, llm_call, llm_model_off, budget_alert")
_UNCHECK = Command("ALTER TABLE budget DROP CONSTRAINT budget_never_passed")
_COUNT = Statement(
    """SELECT count(dispatched_at) FILTER (WHERE error IS DISTINCT FROM 'Not sent.') AS sent,
              count(*) FILTER (WHERE ended_at IS NULL) AS open, count(*) FILTER (WHERE basis = 'bound') AS at_bound,
              coalesce(sum(cost_nano_usd), 0)::bigint AS booked FROM llm_call""",
    Count,
)


async def _sweep(url: str) -> None:
    async with open_gateway(url, "http://127.0.0.1:9", ()) as (_, budget):
        await budget.sweep(unsent_seconds=0, unknown_seconds=0)


@contextmanager
def fake_process() -> Iterator[Fake]:
    """The fake provider in a process of its own."""
    command = [sys.executable, "-m", "tests.support.fake_llm"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        fake = Fake(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        try:
            yield fake
        finally:
            fake.close()
            process.kill()


class Spenders:
    """Processes that spend; their clocks are up to an hour off."""

    def __init__(self, url: str, fake: Fake, processes: int) -> None:
        self._url, self._fake = url, fake
        self._database = Database(settings(url), name="proof", size=1)
        self._database.open()
        offsets = [HOUR * (2 * number / max(processes - 1, 1) - 1) for number in range(processes)]
        command = [sys.executable, "-W", "ignore", "-m", "tests.support.budget_worker", url, fake.url]
        self._processes = [
            subprocess.Popen([*command, str(offset)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for offset in offsets
        ]
        for process in self._processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            assert process.stdin
            assert process.stdout
            process.stdin.close()
            process.stdout.close()
        self._database.close()

    def play(self, seed: int, concurrent: int, dollars: float = 1.0, fits: str = FITS) -> Verdict:
        """One seed. Without ``fits`` the table's own check goes too, for it would refuse a second time."""
        bad_day, wires = bool(seed % 2), WIRES[seed // 2 % len(WIRES)]
        self._database.execute(_RESET)
        if fits != FITS:
            self._database.execute(_UNCHECK)
        self._fake.control(seed=seed, mix=BAD if bad_day else GOOD, delay=(0.0, 0.02))
        begun = time.monotonic()
        for number, process in enumerate(self._processes):
            asked = Round(
                seed * 1_000 + number, concurrent, dollars, wires, fits, 4 if fits == FITS else 0, seed % 3 == 2
            )
            assert process.stdin
            process.stdin.write(msgspec.json.encode(asked).decode() + "\n")
            process.stdin.flush()
        outcomes = []
        for process in self._processes:
            assert process.stdout
            line = process.stdout.readline()
            try:
                outcomes.append(msgspec.json.decode(line, type=Outcome))
            except msgspec.MsgspecError as error:
                raise AssertionError(f"a spender said {line!r}") from error
        asyncio.run(_sweep(self._url))  # rows whose reservation was made, but not told
        rows = self._database.fetch(_COUNT)[0]
        month = next(row for row in self._database.fetch(BUDGETS) if row.id.startswith("month:"))
        assert month.spent == rows.booked
        seen = self._fake.seen()
        return Verdict(
            seed=seed,
            bad_day=bad_day,
            wires=tuple(wires),
            cap=round(dollars * DOLLAR),
            bill=seen["nano"],
            ledger=month.spent,
            committed=month.committed,
            attempts=len(seen["attempts"]),
            sent_rows=rows.sent,
            open_rows=rows.open,
            at_bound=rows.at_bound,
            answered=sum(outcome.answered for outcome in outcomes),
            refused=sum(outcome.refused for outcome in outcomes),
            errors=tuple(error for outcome in outcomes for error in outcome.errors),
            seconds=time.monotonic() - begun,
        )


@contextmanager
def spenders(url: str, processes: int) -> Iterator[Spenders]:
    with fake_process() as fake:
        made = Spenders(url, fake, processes)
        try:
            yield made
        finally:
            made.close()


def report(verdicts: list[Verdict]) -> str:
    """A table over all seeds."""
    lines = ["| seeds | billed at most | overspent | bill of budget | booked of budget | attempts | refused | faults |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, some in (
        ("good days", [v for v in verdicts if not v.bad_day]),
        ("bad days", [v for v in verdicts if v.bad_day]),
    ):
        if not some:
            continue
        most = max(v.bill for v in some)
        over = sum(max(v.bill - v.cap, 0) for v in some)
        used = [v.bill / v.cap for v in some]
        booked = [v.ledger / v.cap for v in some]
        lines.append(
            f"| {len(some)} {name} | ${most / DOLLAR:.6f} | ${over / DOLLAR:.6f} | {min(used):.1%} to {max(used):.1%} "
            f"| {min(booked):.1%} to {max(booked):.1%} | {sum(v.attempts for v in some):,} "
            f"| {sum(v.refused for v in some):,} | {sum(bool(v.faults) for v in some)} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.budget_proof")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--concurrent", type=int, default=200)
    parser.add_argument("--dollars", type=float, default=1.0)
    options = parser.parse_args()
    verdicts = []
    with postgres_server() as postgres, postgres.fresh() as url, spenders(url, options.processes) as made:
        for seed in range(options.first, options.first + options.seeds):
            verdict = made.play(seed, options.concurrent, options.dollars)
            verdicts.append(verdict)
            day = "bad " if verdict.bad_day else "good"
            print(
                f"seed {seed:3} {day} {'+'.join(verdict.wires):14} bill ${verdict.bill / DOLLAR:.6f} booked "
                f"${verdict.ledger / DOLLAR:.6f} of ${verdict.cap / DOLLAR:.6f}, {verdict.attempts:4} attempts, "
                f"{verdict.answered} answered, {verdict.refused} refused, {verdict.seconds:.1f} s"
                + "".join(f"\n  FAULT: {fault}" for fault in verdict.faults),
                flush=True,
            )
    print("\n" + report(verdicts))
    return 1 if any(verdict.faults for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
