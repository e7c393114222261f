"""The momentum job: from stored posts to stored topics, exactly once, whatever is killed when.

The engine lives in memory. Each time minutes close, the topics are written in one transaction, fenced by the
scheduler's lease, with the positions they cover and either the engine's snapshot or, for some minutes, what the
engine was told since the last one. After a kill, or any failure, the next run loads that snapshot, tells the engine
the same again without writing the ticks that come of it, and reads on from those positions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from services.api.metrics import MOMENTUM_LAG_SECONDS, MOMENTUM_REBUILDS, MOMENTUM_TICK_SECONDS
from services.api.momentum.allocator import give_back_free_pages
from services.api.momentum.following import Following, Place
from services.api.momentum.journal import Journal
from services.api.momentum.ports import EngineMaker, TickLike, TopicStateLike
from services.api.momentum.watermark import MINUTE_US
from services.api.operations.chart import Axis, by_topic, values_of
from services.api.scheduler.lease import Lease
from shared.errors import BrokerUnavailable, ConflictError, InputError
from shared.schemas.live import TopicsUpdated
from shared.store import feeds as feed_store
from shared.store import momentum as store
from shared.store import topics as topic_store
from shared.store.database import Database, Transaction
from shared.telemetry import logs
from shared.telemetry.health import State

#: Reading in one pass ends after about this long, so that the lease is renewed well in time.
PASS_SECONDS = 4.0
#: Minutes closed since the last snapshot until the next is stored. A snapshot is 6 MB at 6 posts a second and 20 to 33
#: at 97; what the engine is told in a minute is a hundredth of it, and is told again in less than a pass.
SNAPSHOT_MINUTES = 10
#: Or when the engine was told more than this since, packed bytes: many posts take long to tell again.
SNAPSHOT_BYTES = 8 << 20
#: Topics of one live message.
PUBLISHED_MOST = 20
SPARK_MINUTES = 60
#: Topics this far behind the newest post are reported.
BEHIND_SECONDS = 600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MomentumJob:
    """``publish`` raises BrokerUnavailable when nobody can be told; ``say`` is told how we are."""

    def __init__(
        self,
        database: Database,
        maker: EngineMaker,
        *,
        publish: Callable[[TopicsUpdated], object],
        say: Callable[[State, str | None], None],
    ) -> None:
        self._database, self._maker = database, maker
        self._publish, self._say = publish, say
        self._following: Following | None = None
        self._as_of: datetime | None = None
        self._baseline_from: datetime | None = None
        self._since: _Since | None = None

    def forget(self) -> None:
        """Begin from the stored checkpoint next time."""
        self._following = None

    def run(self, lease: Lease) -> bool:
        """One pass. Raises FencedError when another process has taken over: nothing was written."""
        with MOMENTUM_TICK_SECONDS.time():
            following, self._following = self._following or self._load(), None
            following.catch_up(self._database, seconds=PASS_SECONDS)
            if following.ticks:
                self._write(following, lease)
            self._following = following  # only a pass that went well is continued in memory
        self._report(following)
        return not following.drained

    # --- the checkpoint -------------------------------------------------------------------------
    def _load(self) -> Following:
        stored = self._database.fetch_one(store.LOAD)
        if stored is not None:
            try:
                journal = Journal(self._maker.engine(stored.snapshot), self._maker)
                places = msgspec.convert(stored.positions, dict[str, Place])
                minutes = journal.replay(stored.told)
                self._since = _Since(len(stored.told), minutes, sum(map(len, stored.told)))
                self._as_of, self._baseline_from = stored.as_of, stored.baseline_from
                return Following(journal, places)
            except (InputError, ConflictError, msgspec.ValidationError) as error:
                logs.get(__name__).warning("momentum_rebuilt", reason=str(error))
                MOMENTUM_REBUILDS.inc()
        self._as_of = self._baseline_from = self._since = None
        return Following(Journal(self._maker.engine(None), self._maker), {})

    def _write(self, following: Following, lease: Lease) -> None:
        ticks = following.ticks
        as_of = _time(ticks[-1].minute_us + MINUTE_US)
        baseline_from = self._baseline_from or _time(ticks[0].minute_us)
        positions = msgspec.json.encode(following.places).decode()
        clock = {"positions": positions, "as_of": as_of, "baseline_from": baseline_from}
        told = following.journal.take()
        since = self._since and self._since.after(len(ticks), len(told))
        if since is None or since.much:
            since, snapshot = _Since(), following.journal.engine.snapshot()
        with self._database.transaction() as transaction:
            lease.fence(transaction)
            write_ticks(transaction, ticks, as_of, following.retracted)
            if since.parts:
                transaction.execute(store.SAVE_TOLD, clock | {"number": since.parts, "told": told})
            else:
                transaction.execute(store.SAVE, clock | {"snapshot": snapshot})
        following.ticks, following.retracted = [], []
        if not since.parts:
            give_back_free_pages()
        self._since = since
        self._as_of, self._baseline_from = as_of, baseline_from
        self._tell(as_of)

    # --- who is told ----------------------------------------------------------------------------
    def _tell(self, as_of: datetime) -> None:
        try:
            self._publish(read_update(self._database, as_of, self._baseline_from))
        except BrokerUnavailable as error:
            logs.get(__name__).debug("topics_not_published", error=str(error))

    def _report(self, following: Following) -> None:
        if self._as_of is None:
            self._say("ok", "Learning what is usual.")
            return
        behind = max(0.0, (_time(following.newest_us) - self._as_of).total_seconds())
        MOMENTUM_LAG_SECONDS.set(behind)
        if behind > BEHIND_SECONDS and not following.drained:
            self._say("degraded", "Catching up with stored posts.")
        else:
            self._say("ok", None)


class _Since(msgspec.Struct, frozen=True):
    """What was stored since the last snapshot: parts of the journal, minutes and bytes in them."""

    parts: int = 0
    minutes: int = 0
    size: int = 0

    @property
    def much(self) -> bool:
        return self.minutes >= SNAPSHOT_MINUTES or self.size >= SNAPSHOT_BYTES

    def after(self, minutes: int, size: int) -> _Since:
        """One part more."""
        return _Since(self.parts + 1, self.minutes + minutes, self.size + size)


def write_ticks(transaction: Transaction, ticks: list[TickLike], as_of: datetime, retracted: list[str]) -> None:
    """Topics, their minutes and posts, as the last of ``ticks`` leaves them."""
    states: dict[str, TopicStateLike] = {topic.id: topic for tick in ticks for topic in tick.topics}
    for topic in states.values():
        transaction.execute(topic_store.UPSERT, _row(topic, as_of))
    live = [topic.id for topic in ticks[-1].topics]
    transaction.execute(topic_store.END_OTHERS, {"live": live, "at": as_of})
    minutes = {(m.topic, m.minute_us): m for tick in ticks for m in tick.minutes}.values()
    transaction.execute(
        topic_store.PUT_MINUTES,
        {
            "topics": [minute.topic for minute in minutes],
            "minutes": [_time(minute.minute_us) for minute in minutes],
            "posts": [minute.posts for minute in minutes],
            "authors": [minute.authors for minute in minutes],
            "usual": [minute.usual for minute in minutes],
        },
    )
    matched = {(topic, post): at for tick in ticks for topic, post, at in tick.assignments}
    transaction.execute(
        topic_store.PUT_POSTS,
        {
            "topics": [topic for topic, _ in matched],
            "posts": [post for _, post in matched],
            "times": [_time(at) for at in matched.values()],
        },
    )
    if retracted:
        transaction.execute(topic_store.FORGET_POSTS, {"posts": retracted})


def read_update(database: Database, as_of: datetime, baseline_from: datetime | None) -> TopicsUpdated:
    """The live topics as just written, each with its last hour."""
    axis = Axis.before(as_of, SPARK_MINUTES)
    with database.transaction() as transaction:
        rows = transaction.fetch(topic_store.LIVE, {"limit": PUBLISHED_MOST})
        bounds = {"topics": [row.id for row in rows], "start": axis.start, "end": axis.end}
        minutes = by_topic(transaction.fetch(topic_store.MINUTES, bounds))
        gaps = transaction.fetch(feed_store.GAPS_BETWEEN, bounds)
    topics = [row.topic(values_of(axis, minutes.get(row.id, []), gaps, baseline_from)) for row in rows]
    return TopicsUpdated(topics=topics, as_of=as_of)


def _row(topic: TopicStateLike, as_of: datetime) -> dict[str, object]:
    return {
        "id": topic.id,
        "label": topic.label,
        "terms": list(topic.terms),
        "status": topic.status,
        "score": topic.score,
        "posts_hour": topic.posts_hour,
        "authors_hour": topic.authors_hour,
        "usual_hour": topic.usual_hour,
        "ratio": topic.ratio,
        "provisional": topic.provisional,
        "began_at": _time(topic.began_us),
        "detected_at": _time(topic.detected_us),
        "updated_at": as_of,
        "languages": list(topic.languages),
        "why": topic.why,
        "representatives": list(topic.representatives),
        "peak_at": _time(topic.peak_us),
        "peak_posts": topic.peak_posts,
        "decay": topic.decay,
    }


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
