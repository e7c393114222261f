"""The last hour as conversations that keep their names and places while posts come and go.

Each refresh begins with the centres of the one before: posts that entered the window join them or stay scattered,
new conversations are founded among the scattered, and what is left of an old one ends when too few people are in it.
No I/O. Memory and time are bounded by ``ClusterConfig.most_posts`` and ``most_clusters``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.api.clusters import grouping, labels, places
from services.api.clusters.config import ClusterConfig
from services.api.clusters.frame import HEIGHT, WIDTH
from services.api.clusters.geometry import Means, unit, weights_of
from services.api.clusters.grouping import Grouped, Judge, Posts
from services.api.clusters.judge import Judges
from services.api.clusters.model import MINUTE_US, Conversation, Item, Picture, Place
from services.api.clusters.representatives import representatives
from shared.errors import InputError
from shared.schemas.vector import DIMENSION, Vectors

#: Bars of a conversation's small chart.
SPARK = 12
_VERSION = 1


class Known(msgspec.Struct, kw_only=True):
    """What is remembered of a conversation from one refresh to the next."""

    id: str
    born_us: int
    centre: bytes
    label: str = ""
    place: Place | None = None


class _Kept(msgspec.Struct, kw_only=True):
    """The snapshot."""

    version: int
    known: list[Known]
    means: dict[str, bytes]


class Engine:
    """``snapshot`` is what an earlier one gave; InputError when it is of another version or damaged."""

    def __init__(self, config: ClusterConfig | None = None, snapshot: bytes | None = None) -> None:
        self._config = config or ClusterConfig()
        self._known: list[Known] = []
        self._means = Means()
        self._turn = 0
        if snapshot is None:
            return
        try:
            kept = msgspec.msgpack.decode(snapshot, type=_Kept)
        except msgspec.MsgspecError as error:
            raise InputError("The snapshot of the conversations cannot be read.", why=str(error)) from error
        if kept.version != _VERSION or any(len(known.centre) != 2 * DIMENSION for known in kept.known):
            raise InputError("The snapshot of the conversations is of another version.")
        self._known, self._means = kept.known, Means(kept.means)

    def snapshot(self) -> bytes:
        """What the next process needs to go on with the same ids, labels and places."""
        return msgspec.msgpack.encode(_Kept(version=_VERSION, known=self._known, means=self._means.kept()))

    def refresh(self, items: Sequence[Item], vectors: Vectors, until_us: int) -> Picture:
        """Group the posts of a window that ends at ``until_us``, oldest first.

        ``vectors`` is float32 (len(items), DIMENSION), side by side with ``items``.
        """
        posts = self._posts(items, vectors)
        everywhere = labels.count_terms(items)
        grouped = self._group(posts, Judges(self._config, posts, items, everywhere), items, until_us)
        conversations = self._describe(posts, items, grouped, everywhere, until_us)
        return Picture(
            until_us=until_us,
            compared=len(items),
            scattered=len(items) - sum(conversation.posts for conversation in conversations),
            conversations=conversations,
        )

    # --- groups ---------------------------------------------------------------------------------
    def _posts(self, items: Sequence[Item], vectors: Vectors) -> Posts:
        authors = np.array([item.author for item in items], dtype=np.int64)
        prints = np.array([item.fingerprint for item in items], dtype=np.int64)
        weights = weights_of(authors, prints)
        points = self._means.centre(vectors, [item.language for item in items], weights)
        return Posts(points, weights, authors, prints)

    def _group(self, posts: Posts, judges: Judges, items: Sequence[Item], until_us: int) -> Grouped:
        """The window grouped around the known centres and new ones; ``self._known`` follows."""
        config, known = self._config, list(self._known)
        grouped = grouping.refine(posts, _centres(known), config, config.rounds)
        known, grouped = self._keep(posts, grouped, known, [judges.kept] * len(known))
        old = len(known)
        centres = grouped.centres
        for number in range(old):
            pair = grouping.halves(posts, np.flatnonzero(grouped.labels == number), config, judges.new)
            if pair is not None:
                centres[number] = pair[0]
                centres = np.vstack([centres, pair[1:]])
        free = np.flatnonzero(grouped.labels < 0)
        begun = grouping.found(posts.take(free), self._searched(len(free)), config, lambda rows: judges.new(free[rows]))
        centres = np.vstack([centres, begun])
        centres = grouping.refine(posts, centres, config, config.rounds).centres
        into = grouping.merge(centres, config.merge)
        stays = [row for row, target in enumerate(into) if row == target]
        known = [known[row] if row < old else Known(id="", born_us=until_us, centre=b"") for row in stays]
        grouped = grouping.refine(posts, centres[stays], config, 2)
        self._known, grouped = self._keep(
            posts, grouped, known, [judges.kept if row < old else judges.new for row in stays]
        )
        for number, one in enumerate(self._known):
            one.centre = grouped.centres[number].astype(np.float16).tobytes()
            if not one.id:
                one.id = _id(until_us, items[_nearest(grouped, number)].post)
        return grouped

    def _searched(self, count: int) -> NDArray[np.intp]:
        """Which of ``count`` scattered posts, in the order of time, are searched: the newest, and others by turns."""
        most = self._config.searched_posts
        if count <= most:
            return np.arange(count)
        newest = count - most // 2
        step = -(-newest // (most - most // 2))
        self._turn += 1
        return np.concatenate([np.arange(self._turn % step, newest, step), np.arange(newest, count)])

    def _keep(
        self, posts: Posts, grouped: Grouped, known: list[Known], judges: Sequence[Judge]
    ) -> tuple[list[Known], Grouped]:
        """What its judge calls a conversation; of too many, those of the most people."""
        members = [np.flatnonzero(grouped.labels == number) for number in range(len(known))]
        stays = [number for number, judge in enumerate(judges) if judge(members[number])]
        if len(stays) > self._config.most_clusters:
            people = {number: len(np.unique(posts.authors[members[number]])) for number in stays}
            stays = sorted(sorted(stays, key=lambda number: -people[number])[: self._config.most_clusters])
        if len(stays) == len(known):
            return known, grouped
        return [known[row] for row in stays], grouping.assign(
            posts.points, grouped.centres[stays], self._config.belongs
        )

    # --- what is said of them -------------------------------------------------------------------
    def _describe(
        self, posts: Posts, items: Sequence[Item], grouped: Grouped, everywhere: Counter[str], until_us: int
    ) -> list[Conversation]:
        members = [np.flatnonzero(grouped.labels == number) for number in range(len(self._known))]
        laid = places.lay_out(grouped.centres, [len(rows) for rows in members], [one.place for one in self._known])
        average = sum(map(len, members)) / max(1, len(members))
        told = []
        for known, rows, place in zip(self._known, members, laid, strict=True):
            known.place = place
            told.append(self._one(known, posts, items, rows, grouped.cosines[rows], everywhere, average, until_us))
        return sorted(told, key=lambda one: (-one.posts, one.id))

    def _one(
        self,
        known: Known,
        posts: Posts,
        items: Sequence[Item],
        rows: NDArray[np.intp],
        cosines: NDArray[np.float32],
        everywhere: Counter[str],
        average: float,
        until_us: int,
    ) -> Conversation:
        config = self._config
        inside = [items[row] for row in rows.tolist()]
        terms = labels.terms_of_posts(inside, everywhere, average)
        if not labels.keeps(known.label, terms):
            known.label = labels.label_of(terms)
        window = config.window_minutes * MINUTE_US
        ages = until_us - np.array([item.time_us for item in inside], dtype=np.int64)
        bars = np.clip(SPARK - 1 - ages * SPARK // window, 0, SPARK - 1)
        spark = np.bincount(bars, minlength=SPARK)
        spoken = Counter(item.language for item in inside if item.language)
        newest = sorted(inside, key=lambda item: (-item.time_us, item.post))
        chosen = representatives(inside, posts.points[rows], cosines, config.same)
        return Conversation(
            id=known.id,
            label=known.label,
            terms=terms,
            born_us=known.born_us,
            posts=len(inside),
            people=len({item.author for item in inside}),
            texts=len({item.fingerprint for item in inside}),
            languages=[(language, round(count / len(inside), 3)) for language, count in spoken.most_common()],
            recent=int(spark[SPARK // 2 :].sum()),
            earlier=int(spark[: SPARK // 2].sum()),
            spark=spark.tolist(),
            cohesion=round(float(cosines.mean()), 3),
            place=known.place or Place(WIDTH / 2, HEIGHT / 2, 0.0),
            members=[item.post for item in newest],
            representatives=[inside[row].post for row in chosen],
        )


def _centres(known: Sequence[Known]) -> Vectors:
    if not known:
        return grouping.no_centres()
    return unit(np.array([np.frombuffer(one.centre, dtype=np.float16) for one in known]).astype(np.float32))


def _nearest(grouped: Grouped, number: int) -> int:
    """The row of the post nearest to a centre."""
    rows = np.flatnonzero(grouped.labels == number)
    return int(rows[np.argmax(grouped.cosines[rows])])


def _id(until_us: int, post: UUID) -> str:
    return blake2b(f"{until_us} {post}".encode(), digest_size=8).hexdigest()
