"""The jobs a node knows: a bounded queue, and the finished ones for who asks again. Thread-safe."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from itertools import count
from pathlib import Path

import msgspec

from services.render_node import metrics
from services.render_node.folder import JobFolder
from shared.contracts.render_jobs import JobState, JobStatus, RenderJob
from shared.errors import ConflictError, DependencyError

#: Finished jobs kept; the oldest leaves first.
MOST_FINISHED = 32


class QueueFull(DependencyError):
    """As many jobs wait as may."""


class Job(msgspec.Struct, kw_only=True):
    """A job on this node. Changed under the lock of ``Jobs`` only; ``cancelled`` may be read without it."""

    id: str
    body_sha256: str
    folder: JobFolder
    state: JobState = "queued"
    reason: str | None = None
    pages: int | None = None
    ended: float | None = None
    cancelled: bool = False

    def status(self) -> JobStatus:
        """As others see it."""
        return JobStatus(id=self.id, state=self.state, reason=self.reason, pages=self.pages)


class Jobs:
    """All jobs of one node. What an earlier process left in ``root`` is removed: nobody knows it any more."""

    def __init__(self, root: Path, most_queued: int, keep_seconds: float) -> None:
        self._root, self._most, self._keep = root, most_queued, keep_seconds
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._numbers = count()  # a job called off may still be writing when its id comes again
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True, mode=0o700)

    def submit(self, job_id: str, body_sha256: str, wanted: RenderJob) -> JobStatus:
        """Take a job, or say how the one with this id is. A failed one is tried again.

        Raises ConflictError for another body under a known id, QueueFull, and OSError for a full disk.
        """
        with self._changed:
            self._sweep()
            known = self._jobs.get(job_id)
            if known and known.body_sha256 != body_sha256:
                raise ConflictError("This id was given to another report.")
            if known and known.state != "failed":
                return known.status()
            if len(self._queue) >= self._most:
                raise QueueFull("The queue is full.", why=f"{len(self._queue)} jobs wait.")
            job = Job(
                id=job_id, body_sha256=body_sha256, folder=JobFolder(self._root / f"{job_id}-{next(self._numbers)}")
            )
            job.folder.fill(wanted)
            self._jobs[job_id] = job
            self._queue.append(job)
            self._changed.notify_all()
            self._count()
            return job.status()

    def find(self, job_id: str) -> JobStatus | None:
        """How a job is."""
        with self._changed:
            job = self._jobs.get(job_id)
            return job.status() if job else None

    def pdf(self, job_id: str) -> bytes | None:
        """The PDF of a job that is done."""
        with self._changed:
            job = self._jobs.get(job_id)
            return job.folder.output.read_bytes() if job and job.state == "done" else None

    def forget(self, job_id: str) -> bool:
        """Remove a job; one that runs is ended. Whether it was known."""
        with self._changed:
            job = self._jobs.pop(job_id, None)
            if job is None:
                return False
            job.cancelled = True
            if job in self._queue:
                self._queue.remove(job)
            if job.state != "running":
                job.folder.remove()
            self._count()
            return True

    def take(self, seconds: float) -> Job | None:
        """The next job, now running; ``None`` when none came in time."""
        with self._changed:
            if not self._queue:
                self._changed.wait(seconds)
            if not self._queue:
                self._sweep()
                return None
            job = self._queue.popleft()
            job.state = "running"
            self._count()
            return job

    def finish(self, job: Job, *, reason: str | None, pages: int | None) -> None:
        """Settle a job that ran."""
        with self._changed:
            job.state = "failed" if reason else "done"
            job.reason, job.pages, job.ended = reason, pages, time.monotonic()
            if job.cancelled or reason:
                job.folder.remove()

    def waiting(self) -> int:
        """Jobs in the queue."""
        with self._changed:
            return len(self._queue)

    def _sweep(self) -> None:
        ended = sorted((job.ended, job.id) for job in self._jobs.values() if job.ended is not None)
        now = time.monotonic()
        old = [job_id for at, job_id in ended if now - at > self._keep]
        for job_id in {*old, *(job_id for _, job_id in ended[: max(0, len(ended) - MOST_FINISHED)])}:
            self._jobs.pop(job_id).folder.remove()

    def _count(self) -> None:
        metrics.QUEUED.set(len(self._queue))
