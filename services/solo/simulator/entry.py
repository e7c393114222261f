"""Entry of ``groundswell simulate``: arguments, and running until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from services.solo.simulator import faults
from services.solo.simulator.options import FASTEST, SimulatorOptions
from services.solo.simulator.recording import record
from services.solo.simulator.server import SimulatorServer, wall_clock_us

__all__ = ["SimulatorOptions", "add_arguments", "options_from", "record", "run"]

#: Called once with the address to subscribe at.
Ready = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the simulator, and ``--record`` (a path) with ``--events``, to a parser."""
    fallback = SimulatorOptions()
    # A percent sign is argparse's own.
    known = "; ".join(f"{name}: {meaning}" for name, meaning in faults.FAULTS.items())
    add = parser.add_argument
    add("--host", default=fallback.host, help="address to listen on (default %(default)s)")
    add("--port", type=int, default=6008, help="port, 0 for a free one (default %(default)s)")
    add(
        "--rate",
        type=float,
        default=fallback.rate,
        help=f"events a second over a day, up to {FASTEST:g} (default %(default)s)",
    )
    add("--seed", type=int, default=fallback.seed, help="another seed, another stream (default %(default)s)")
    add(
        "--history-minutes",
        type=float,
        default=fallback.history_minutes,
        metavar="M",
        help="history to begin with (default %(default)s)",
    )
    add(
        "--anchor",
        type=int,
        metavar="MICROSECONDS",
        help="when the stream began; repeat it to restart the same stream (default: the history ago)",
    )
    add(
        "--retention-hours",
        type=float,
        default=fallback.retention_hours,
        metavar="H",
        help="how far back a cursor reaches (default %(default)s)",
    )
    add(
        "--faults",
        default="",
        metavar="SPEC",
        help="comma list of name:FRAMES, name@SECONDS or name%%PERCENT; stall:LENGTH[:FRAMES or @SECONDS]. " + known,
    )
    add("--control", action="store_true", help="open the door for tests at /control, to this machine only")
    add("--wire", default=fallback.wire, help="jetstream (first version) or jetstream2 (both versions)")
    add("--dictionary", type=Path, metavar="PATH", help="zstd dictionary for compress=true; made there if missing")
    add("--record", metavar="PATH", help="write JSON lines (plain, .gz or .zst) instead of serving")
    add("--events", type=int, default=100_000, metavar="N", help="frames to record (default %(default)s)")


def options_from(args: argparse.Namespace) -> SimulatorOptions:
    """Options from parsed arguments; ``run`` and ``record`` check them."""
    return SimulatorOptions(
        host=args.host,
        port=args.port,
        rate=args.rate,
        seed=args.seed,
        history_minutes=args.history_minutes,
        anchor_us=args.anchor,
        retention_hours=args.retention_hours,
        faults=args.faults,
        control=args.control,
        wire=args.wire,
        dictionary=args.dictionary,
    )


def run(options: SimulatorOptions, *, ready: Ready | None = None) -> int:
    """Serve until SIGTERM or SIGINT, then close every connection with 1001 and return 0.

    Signals are handled only when called from the main thread. Raises ``ConfigurationError``.
    """
    now_us = wall_clock_us()
    options.check(now_us)
    stream = options.stream(now_us)
    server = SimulatorServer(
        stream,
        host=options.host,
        port=options.port,
        retention_us=round(options.retention_hours * 3_600_000_000),
        faults=faults.parse(options.faults),
        seed=options.seed,
        wire=options.wire,
        dictionary=options.dictionary_for(stream),
        control=options.control,
    )
    asyncio.run(_until_told(server, ready))
    return 0


async def _until_told(server: SimulatorServer, ready: Ready | None) -> None:
    told = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with server:
        if ready is not None:
            ready(server.url)
        await told.wait()
