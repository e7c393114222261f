"""``make bench``: every measurement is a ratio, against a peer in the same run or against a goal.

python -m bench [--write docs/performance.md] [--pathway-python PATH] [--recording FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import backlog, embedding, features, freshness, ingest, jetstream, llm, momentum, run_changes
from bench import search as searching

Section = tuple[str, Callable[[], None]]


class _Both(io.StringIO):
    """Keeps what is printed and shows it."""

    def write(self, text: str) -> int:
        sys.__stdout__.write(text)  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
        return super().write(text)


def main() -> None:
    """Run every bench, one after another."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--write", type=Path, help="page to put the figures of this run into")
    parser.add_argument("--pathway-python", default=sys.executable, help="a Python that can import pathway")
    parser.add_argument("--recording", type=Path, help="frames for the backlog; made where missing, and kept")
    options = parser.parse_args()
    recording = ["--recording", str(options.recording)] if options.recording else []
    sections: list[Section] = [
        ("Ingestion against peers", lambda: ingest.main(["--pathway-python", options.pathway_python])),
        ("Terms and detect's parse", features.main),
        ("Momentum engine", momentum.main),
        ("Forms of Jetstream against the bare socket library", jetstream.main),
        ("Freshness", lambda: freshness.main([])),
        ("Backlog", lambda: backlog.main(recording)),
        ("Search: recall and latency per filter", lambda: searching.main([])),
        ("Embedding against the bare model", embedding.main),
        ("Language models: what the gateway adds", lambda: llm.main([])),
        ("What numbering its changes costs a run", run_changes.main),
    ]
    said = _Both()
    with contextlib.redirect_stdout(said):
        print(f"Measured on {datetime.now(UTC):%Y-%m-%d} with {_machine()}.")
        for title, run in sections:
            print(f"\n### {title}\n")
            run()
    if options.write:
        put_into(options.write, said.getvalue())


def _machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"


def put_into(page: Path, figures: str) -> None:
    """Replace what stands between the marks of ``page``."""
    before, mark, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not mark or not end:
        raise SystemExit(f"{page} lacks the marks {_BEGIN} and {_END}")
    page.write_text(f"{before}{_BEGIN}\n\n{figures.strip()}\n\n{_END}{after}")


_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"

if __name__ == "__main__":
    main()
