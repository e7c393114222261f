"""What a feed could not give, and what must be read again to know: written in the batch's own transaction."""

from __future__ import annotations

from uuid import UUID

import msgspec

from services.relay.events import Batch, NewPost, Reaction, Removal
from services.relay.frames import Evidence, Missing
from services.relay.rereading import LIVE_US, OTHER_HOST_US, Progress
from services.relay.sources.base import REWIND_US
from shared.store import cursors, rechecks
from shared.store.database import Transaction

#: Causes of a gap: the feed silently answered from a later point than was asked for; it took our cursor
#: for one in the future and answered with its live tail; a change to live could not be read again.
CLAMPED, FUTURE, UNVERIFIED = "clamped", "future", "unverified"


def note(transaction: Transaction, feed: str, batch: Batch, position: int, host: str, now_us: int) -> int:
    """Record what the feed left out before ``batch``, and what to read again; microseconds missing.

    Call it before the rows of the batch are written. ``position`` and ``host`` are the cursor's before it.
    """
    for missing in batch.missing:
        _add_gap(transaction, feed, missing)
    length = sum(missing.end_us - missing.start_us for missing in batch.missing)
    if batch.resume is not None and batch.first_us is not None:
        length += _begin(transaction, feed, batch, position, host, now_us)
    return length


def _begin(transaction: Transaction, feed: str, batch: Batch, position: int, host: str, now_us: int) -> int:
    """A connection gave its first event: is it the one that was due?"""
    resume, first_us = batch.resume, batch.first_us
    assert resume is not None  # noqa: S101 - for the type checker
    assert first_us is not None  # noqa: S101 - for the type checker
    answering = resume.host or host
    row = {"feed": feed, "host": answering, "opened_us": resume.opened_us}
    if resume.opened_us:
        transaction.execute(rechecks.CLOSE, {"feed": feed, "position": position})
        transaction.execute(rechecks.ADD, {**row, "cause": "cutover", "start_us": first_us, "end_us": None})
    if resume.position <= 0:
        return 0
    if resume.opened_us and first_us < resume.requested:
        # Earlier than was asked for: the server took the cursor for one in its future.
        start = first_us - max(now_us - resume.position, 0) - 2 * REWIND_US
        transaction.execute(rechecks.ADD, {**row, "cause": "future", "start_us": start, "end_us": first_us + REWIND_US})
    if not _left_out(transaction, batch, resume.requested, resume.position, same=answering == host):
        return 0
    live = resume.opened_us > 0 and first_us >= resume.opened_us - LIVE_US
    evidence = {**resume.evidence, "requested_us": resume.requested, "first_us": first_us}
    _add_gap(transaction, feed, Missing(resume.position, first_us, FUTURE if live else CLAMPED, evidence))
    if resume.opened_us:
        gap = {**row, "host": host, "start_us": resume.position, "end_us": first_us}
        transaction.execute(rechecks.ADD, {**gap, "cause": "gap"})
    return first_us - resume.position


def _left_out(transaction: Transaction, batch: Batch, requested: int, position: int, *, same: bool) -> bool:
    """Whether the feed left out what lies between ``position`` and its first event.

    Asked for with an overlap, or by the number of the event at ``position``, the host that gave that event
    must give it again, however silent the feed is. Another host numbers events differently: there a little
    lateness, or a first event that the record holds already, means that nothing is missing.
    """
    assert batch.first is not None  # noqa: S101 - for the type checker
    late = batch.first.time_us - position
    slack = 0 if same and requested <= position else OTHER_HOST_US
    return late > slack and not _known(transaction, batch)


def _known(transaction: Transaction, batch: Batch) -> bool:
    match batch.first:
        case NewPost(id=key, replaces=False):
            undoing = False
        case Reaction(id=key, undone=undoing):
            pass
        case Removal(id=removed):
            key, undoing = removed.bytes, True
        case _:
            return False
    return transaction.fetch(rechecks.KNOWN, {"id": UUID(bytes=key), "undoing": undoing})[0].known


def follow(transaction: Transaction, feed: str, batch: Batch, now_us: int) -> None:
    """Move the open stretch along with a connection; close it when that has caught up."""
    end_us = now_us + rechecks.AFTER_US if batch.caught_up else None
    transaction.execute(rechecks.FOLLOW, {"feed": feed, "position": batch.position, "end_us": end_us})


def fill(transaction: Transaction, feed: str, overlap: tuple[int, int]) -> None:
    """What a connection gave again, from its first event to where the one before stood, is missing no more."""
    transaction.execute(rechecks.FILL_GAPS, {"feed": feed, "first_us": overlap[0], "until_us": overlap[1]})


def settle(transaction: Transaction, feed: str, batch: Batch, progress: Progress, found: int) -> int:
    """Count a batch that was read again; at its end, set right what is known to be missing. Microseconds missing."""
    due = progress.due
    transaction.execute(rechecks.TALLY, {"id": due.id, "events": batch.events, "found": found})
    step = progress.after(batch)
    if step.state != "settled":
        return 0
    transaction.execute(rechecks.FINISH, {"id": due.id, "feed": feed})
    bounds = {"feed": feed, "start_us": due.start_us, "end_us": due.end_us}
    if due.cause == "gap":
        transaction.execute(rechecks.SHRINK_GAP, {**bounds, "until_us": step.whole_us, "cause": step.cause})
    elif due.cause == "cutover" and step.whole_us > due.start_us:
        evidence: Evidence = {"answered": step.cause, "first_us": step.first_us, "host": progress.host}
        _add_gap(transaction, feed, Missing(due.start_us, step.whole_us, UNVERIFIED, evidence))
        return step.whole_us - due.start_us
    return 0


def _add_gap(transaction: Transaction, feed: str, missing: Missing) -> None:
    transaction.execute(
        cursors.ADD_GAP,
        {
            "feed": feed,
            "start_us": missing.start_us,
            "end_us": missing.end_us,
            "cause": missing.cause,
            "evidence": msgspec.json.encode(missing.evidence).decode(),
        },
    )
