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
from services.api.clusters.grouping import Grouped, Posts
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
        """Group the posts of a window that ends at ``until_us``. ``vectors`` is float32 (len(items), DIMENSION)."""
        posts = self._posts(items, vectors)
        grouped = self._group(posts, items, until_us)
        conversations = self._describe(posts, items, grouped, until_us)
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

    def _group(self, posts: Posts, items: Sequence[Item], until_us: int) -> Grouped:
        """The window grouped around the known centres and new ones; ``self._known`` follows."""
        config, known = self._config, list(self._known)
        grouped = grouping.refine(posts, _centres(known), config, config.rounds)
        known, grouped = self._drop(posts, grouped, known, len(known))
        old = len(known)
        centres = grouped.centres
        for number in range(old):
            rows = np.flatnonzero(grouped.labels == number)
            pair = grouping.halves(posts, rows, config) if len(centres) < config.most_clusters else None
            if pair is not None:
                centres[number] = pair[0]
                centres = np.vstack([centres, pair[1:]])
        free = np.flatnonzero(grouped.labels < 0)
        searched = posts.take(free[:: 1 + len(free) // config.searched_posts])
        centres = np.vstack([centres, grouping.found(searched, config, config.most_clusters - len(centres))])
        centres = grouping.refine(posts, centres, config, config.rounds).centres
        into = grouping.merge(centres, config.merge)
        stays = [row for row, target in enumerate(into) if row == target]
        known = [known[row] if row < old else Known(id="", born_us=until_us, centre=b"") for row in stays]
        old = sum(row < old for row in stays)
        grouped = grouping.refine(posts, centres[stays], config, 2)
        self._known, grouped = self._drop(posts, grouped, known, old)
        for number, one in enumerate(self._known):
            one.centre = grouped.centres[number].astype(np.float16).tobytes()
            if not one.id:
                one.id = _id(until_us, items[_nearest(grouped, number)].post)
        return grouped

    def _drop(self, posts: Posts, grouped: Grouped, known: list[Known], old: int) -> tuple[list[Known], Grouped]:
        """Without what is no conversation: the first ``old`` live on with fewer people."""
        config = self._config
        stays = []
        for number in range(len(known)):
            people, texts = config.least_people, config.least_texts
            if number < old:
                people, texts = config.least_people_kept, config.least_texts_kept
            rows = np.flatnonzero(grouped.labels == number)
            if grouping.is_conversation(posts, rows, people, texts, config.near_bits):
                stays.append(number)
        if len(stays) == len(known):
            return known, grouped
        return [known[row] for row in stays], grouping.assign(posts.points, grouped.centres[stays], config.belongs)

    # --- what is said of them -------------------------------------------------------------------
    def _describe(self, posts: Posts, items: Sequence[Item], grouped: Grouped, until_us: int) -> list[Conversation]:
        members = [np.flatnonzero(grouped.labels == number) for number in range(len(self._known))]
        laid = places.lay_out(grouped.centres, [len(rows) for rows in members], [one.place for one in self._known])
        everywhere = labels.count_terms(items)
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
        chosen = representatives(inside, posts.points[rows], cosines, config.near_bits)
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
