"""One thread that does everything to jobs and to the publishing program: one job at a time, nothing to lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.render_node import command, metrics
from services.render_node.health import Health
from services.render_node.jobs import Job, Jobs
from services.render_node.program import Program, ProgramFailed
from services.render_node.timings import Timings
from shared.pdf.inspect import PdfRefused, inspect
from shared.telemetry import logs


class Runner:
    """``words`` is the command's template. ``note`` is where a running command is written down."""

    def __init__(
        self,
        words: Sequence[str],
        jobs: Jobs,
        program: Program,
        health: Health,
        limits: command.Limits,
        note: Path,
        stop: threading.Event,
        timings: Timings,
    ) -> None:
        self._words, self._jobs, self._program, self._health = words, jobs, program, health
        self._limits, self._note, self._stop, self._timings = limits, note, stop, timings

    def run(self) -> None:
        """Work until asked to stop. What runs then is ended: whoever asked for it asks again."""
        while not self._stop.is_set():
            try:
                self._look_after_the_program()
                if job := self._jobs.take(self._timings.idle_seconds):
                    self._do(job)
            except Exception:
                logs.get(__name__).exception("runner_failed")
                self._stop.wait(self._timings.idle_seconds)

    def _look_after_the_program(self) -> None:
        """Between jobs: the nightly restart, and a program that grew too large by itself."""
        try:
            if self._program.due(datetime.now().astimezone()):
                self._program.restart("nightly")
            elif self._program.resident_bytes() > self._limits.memory_bytes:
                self._program.restart("memory")
            else:
                return
            self._health.trouble(None)
        except ProgramFailed as error:
            self._health.trouble(str(error))

    def _do(self, job: Job) -> None:
        log = logs.get(__name__).bind(job=job.id)
        self._health.begun()
        began = time.monotonic()
        pages: int | None = None
        reason: str | None = "The node failed; its log has the details."
        try:
            pages, reason = self._render(job)
        finally:
            seconds = time.monotonic() - began
            self._jobs.finish(job, reason=reason, pages=pages)
            self._health.ended(seconds, reason, counted=not job.cancelled)
            metrics.RENDERS.labels("failed" if reason else "done").inc()
            metrics.RENDER_SECONDS.observe(seconds)
            log.info("job_ended", seconds=round(seconds, 3), reason=reason, pages=pages)

    def _render(self, job: Job) -> tuple[int | None, str | None]:
        """(pages, None), or (None, why there are none)."""
        try:
            self._program.prepare()
            self._health.trouble(None)
        except ProgramFailed as error:
            self._health.trouble(str(error))
            return None, str(error)
        ended = command.run(
            job.folder.words(self._words),
            job.folder.path,
            self._limits,
            note=self._note,
            beside=self._program.resident_bytes,
            stop=lambda: job.cancelled or self._stop.is_set(),
        )
        if ended.suspect and not self._stop.is_set():
            self._renew(ended.reason or "")
        if ended.reason:
            return None, ended.reason
        try:
            return inspect(job.folder.output).pages, None
        except PdfRefused as error:
            return None, f"The render command left no usable PDF. {error.why}"

    def _renew(self, reason: str) -> None:
        """A program that was used by a command that had to be ended is not trusted any more."""
        try:
            self._program.restart("memory" if "MB" in reason else "ended")
        except ProgramFailed as error:
            self._health.trouble(str(error))
