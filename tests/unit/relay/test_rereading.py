"""What a stretch that is read again may take from a batch."""

from __future__ import annotations

from services.relay.events import LIKE, Batch, Passing, Reaction
from services.relay.rereading import SLACK_US, Progress
from shared.store.rechecks import Due
from tests.support.wire import SECOND, T0


def test_a_stretch_takes_nothing_from_past_its_end() -> None:
    due = Due(id=1, cause="cutover", host="h", start_us=T0, end_us=T0 + SECOND, attempts=0, now_us=T0 + 9 * SECOND)
    last = due.end_us + SLACK_US

    def reaction(time_us: int, *, undone: bool = False) -> Reaction:
        return Reaction(time_us.to_bytes(16, "big"), None, LIKE, time_us, undone=undone)

    batch = Batch(
        reactions=[reaction(last), reaction(last + 1)],
        undoings=[reaction(last, undone=True), reaction(last + 1, undone=True)],
        passing=[Passing(last), Passing(last + 1)],
    )
    Progress(due, "h", T0).keep_to_stretch(batch)
    assert [event.time_us for event in (*batch.reactions, *batch.undoings, *batch.passing)] == [last] * 3
