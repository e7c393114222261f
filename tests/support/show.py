"""``make show``: agents and pipelines on the real stack, without a model and with the fake reporter's.

Posts come from the simulator. What the terminal prints goes into files of ``--texts``; the first page of each
pipeline's PDF becomes a picture in ``--out``, and the PDFs lie in ``--texts`` too. The last one asks MCP's official
client. Nothing here is judged; the tests do that.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.config.load import foreign_environment
from tests.support.folders import disk_folder
from tests.support.pdf_pages import pages, save
from tests.support.platform import ROOT, Platform, command

AGENT, QUESTION = "scout", "What is new, and what do people say about it?"
PIPELINES = ("daily-briefing", "deep-dive", "weekly-report", "source-audit")


@contextmanager
def reporter(folder: Path) -> Iterator[dict[str, str]]:
    """The fake provider in a process of its own; the environment of a platform that asks it."""
    program = [sys.executable, "-m", "tests.support.fake_reporter", str(folder)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def typed(platform: Platform, *words: str) -> str:
    """What a verb prints, below the line that was typed."""
    told = subprocess.run(
        [*command(), *words, "--port", str(platform.port)],
        check=True, capture_output=True, text=True, cwd=ROOT, env=foreign_environment(), timeout=900,
    )  # fmt: skip
    return f"$ groundswell {shlex.join(words)}\n{told.stdout}"


def show(platform: Platform, how: str, out: Path, texts: Path) -> None:
    """One question to an agent, and each pipeline once. ``how`` is part of the files' names."""
    topics = platform.until("topics", lambda: platform.get("/api/v1/topics")["topics"], 240)
    feed = platform.get("/api/v1/feeds")["feeds"][0]["id"]
    (texts / f"ask-{how}.txt").write_text(typed(platform, "ask", QUESTION, "--agent", AGENT), "utf-8")
    needs = {"deep-dive": ["--topic", topics[0]["id"]], "source-audit": ["--feed", feed]}
    for pipeline in PIPELINES:
        told = typed(platform, "pipeline", pipeline, *needs.get(pipeline, []))
        (texts / f"{pipeline}-{how}.txt").write_text(told, "utf-8")
        report = told.rsplit("Report ", 1)[1].strip()
        with urllib.request.urlopen(f"{platform.address}/api/v1/reports/{report}/pdf", timeout=60) as answer:
            pdf = answer.read()
        (texts / f"{pipeline}-{how}.pdf").write_bytes(pdf)
        made = pages(pdf)
        save(made[0], out / f"pdf-{pipeline}-{how}.png")
        sys.stdout.write(f"{pipeline}, {how}: {len(made)} pages, report {report}\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.show")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images")
    parser.add_argument("--texts", type=Path, default=ROOT / ".build/show")
    options = parser.parse_args()
    for folder in (options.out, options.texts):
        folder.mkdir(parents=True, exist_ok=True)
    with disk_folder() as folder, reporter(folder) as model:
        for how, settings in (("alone", {}), ("model", model)):
            platform = Platform(folder / "data", settings=settings)
            try:
                show(platform, how, options.out, options.texts)
                if settings:
                    program = [sys.executable, "-m", "tests.support.show_mcp", platform.address]
                    told = subprocess.run(program, check=True, capture_output=True, text=True, cwd=ROOT)
                    (options.texts / "mcp.txt").write_text(told.stdout, "utf-8")
            finally:
                platform.stop()


if __name__ == "__main__":
    main()
