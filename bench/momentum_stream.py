"""Score streams: three days of posts at event time, with planted truth, made offline and kept in a temp folder.

A stream is a pure function of (seed, hard, minutes, rate). The product's own ``terms_of`` and
``fingerprint_of`` read its texts, so that the engine sees what it would see of the same recording.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path

import msgspec
import numpy as np

from bench.momentum_plant import DAY, MINUTE_US, Planter, Planting, Post
from bench.momentum_world import TONGUES, Ints, Language
from services.api.momentum.engine import Observation
from shared.features.fingerprint import fingerprint_of
from shared.features.terms import terms_of

#: 2026-03-02 00:00 UTC.
START_US = 1_772_409_600_000_000
_SURGES = 3
_ARRAYS = ("times", "authors", "prints", "language", "planted", "start", "terms")
_MADE_BY = ("momentum_world.py", "momentum_plant.py", "momentum_stream.py")


@dataclass(frozen=True)
class Setting:
    """What to make. ``rate`` is posts a second before surges."""

    seed: int
    hard: bool = True
    minutes: int = 3 * DAY
    rate: float = 6.0


@dataclass(slots=True)
class Stream:
    """All posts in order of event time; ``terms`` are numbers into ``names``, post i's from
    ``start[i]`` to ``start[i + 1]``. ``deletes`` are (time, post), ``lost`` the minutes of the gap."""

    setting: Setting
    times: Ints
    authors: Ints
    prints: Ints
    languages: list[str]
    language: Ints
    planted: Ints
    start: Ints
    terms: Ints
    names: list[str]
    deletes: list[tuple[int, int]]
    truth: list[Planting]
    lost: tuple[int, int]

    def minutes(self) -> Iterator[tuple[int, list[Observation], list[str]]]:
        """(minute since the start, its posts, ids deleted in it), every minute that holds any post."""
        names, start, terms = self.names, self.start.tolist(), self.terms.tolist()
        bounds = np.searchsorted(self.times, START_US + MINUTE_US * np.arange(self.setting.minutes + 1)).tolist()
        gone = iter(sorted(self.deletes))
        following = next(gone, None)
        for minute in range(self.setting.minutes):
            first, last = bounds[minute], bounds[minute + 1]
            if first == last:
                continue
            rows = zip(
                self.times[first:last].tolist(),
                self.authors[first:last].tolist(),
                self.prints[first:last].tolist(),
                self.language[first:last].tolist(),
                strict=True,
            )
            posts = [
                Observation(
                    time,
                    f"p{i}",
                    author,
                    tuple([names[t] for t in terms[start[i] : start[i + 1]]]),
                    text,
                    self.languages[spoken],
                )
                for i, (time, author, text, spoken) in enumerate(rows, first)
            ]
            deleted = []
            while following is not None and following[0] < START_US + (minute + 1) * MINUTE_US:
                deleted.append(f"p{following[1]}")
                following = next(gone, None)
            yield minute, posts, deleted


def stream_of(setting: Setting) -> Stream:
    """The stream, from the temp folder when the same code made it before."""
    here = Path(__file__).parent
    code = b"".join((here / name).read_bytes() for name in _MADE_BY)
    features = b"".join(path.read_bytes() for path in sorted((here.parent / "shared" / "features").glob("*.py")))
    mark = sha256(code + features + repr(setting).encode()).hexdigest()[:16]
    kept = Path(tempfile.gettempdir()) / "groundswell-momentum" / f"{mark}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part.npz")
        _save(part, encode(setting, *posts_of(setting)))
        part.replace(kept)
    return _load(kept, setting)


class _Rest(msgspec.Struct):
    """What of a stream is not an array."""

    languages: list[str]
    names: list[str]
    deletes: list[tuple[int, int]]
    truth: list[Planting]
    lost: tuple[int, int]


def _save(path: Path, stream: Stream) -> None:
    rest = _Rest(stream.languages, stream.names, stream.deletes, stream.truth, stream.lost)
    packed = np.frombuffer(msgspec.msgpack.encode(rest), dtype=np.uint8)
    np.savez(path, rest=packed, **{name: getattr(stream, name) for name in _ARRAYS})


def _load(path: Path, setting: Setting) -> Stream:
    with np.load(path, allow_pickle=False) as kept:
        rest = msgspec.msgpack.decode(kept["rest"].tobytes(), type=_Rest)
        arrays = {name: kept[name] for name in _ARRAYS}
    return Stream(setting=setting, **arrays, **msgspec.structs.asdict(rest))


def posts_of(setting: Setting) -> tuple[list[Post], list[Planting], tuple[int, int]]:
    """All posts by time, the truth, and the minutes that were lost (none survive)."""
    chance = np.random.default_rng([setting.seed, int(setting.hard), 7])
    languages = [
        Language(i, tongue, setting.seed, drift=0.3 if setting.hard else 0.1) for i, tongue in enumerate(TONGUES)
    ]
    surges = [
        (int(at), int(at) + 30) for at in chance.integers(min(DAY, setting.minutes // 3), setting.minutes - 30, _SURGES)
    ]
    posts: list[Post] = []
    for hour in range(setting.minutes // 60):
        for language in languages:
            language.turn()
            posts += _hour(setting, language, hour, surges, chance)
    planter = Planter(setting.seed, START_US, setting.minutes, languages, setting.hard)
    for planted in planter.all():
        posts += planted
    gap = int(chance.integers(setting.minutes // 2, setting.minutes - 120))
    lost = (gap, gap + 60)
    low, high = (START_US + minute * MINUTE_US for minute in lost)
    posts = [post for post in posts if not low <= post.time_us < high]
    posts.sort(key=lambda post: (post.time_us, post.author, post.text))
    return posts, planter.truth, lost


def encode(setting: Setting, posts: list[Post], truth: list[Planting], lost: tuple[int, int]) -> Stream:
    """Texts read into terms and fingerprints."""
    numbers: dict[str, int] = {}
    spoken: dict[str, int] = {}
    terms: list[int] = []
    start, prints = [0], []
    for post in posts:
        terms += [numbers.setdefault(term, len(numbers)) for term in terms_of(post.text, (), post.links)]
        start.append(len(terms))
        prints.append(fingerprint_of(post.text))
    authors = {author: author_of(author) for author in {post.author for post in posts}}
    return Stream(
        setting=setting,
        times=np.array([post.time_us for post in posts], dtype=np.int64),
        authors=np.array([authors[post.author] for post in posts], dtype=np.int64),
        prints=np.array(prints, dtype=np.int64),
        language=np.array([spoken.setdefault(post.language, len(spoken)) for post in posts], dtype=np.int64),
        languages=list(spoken),
        planted=np.array([post.planted for post in posts], dtype=np.int64),
        start=np.array(start, dtype=np.int64),
        terms=np.array(terms, dtype=np.int64),
        names=list(numbers),
        deletes=[(post.gone_us, i) for i, post in enumerate(posts) if post.gone_us],
        truth=truth,
        lost=lost,
    )


def author_of(number: int) -> int:
    """An account's hash, as ``groundswell detect`` makes it from the account's address."""
    return int.from_bytes(blake2b(did_of(number).encode(), digest_size=8).digest(), "big", signed=True)


def did_of(number: int) -> str:
    return f"did:plc:{number:024d}"


def lines_of(posts: list[Post]) -> Iterator[bytes]:
    """The same posts as a recording of Jetstream JSON lines, deletes where they happened."""
    events = [(post.time_us, i, True) for i, post in enumerate(posts)]
    events += [(post.gone_us, i, False) for i, post in enumerate(posts) if post.gone_us]
    for time_us, i, created in sorted(events):
        post = posts[i]
        commit: dict[str, object] = {
            "operation": "create" if created else "delete",
            "collection": "app.bsky.feed.post",
            "rkey": f"p{i}",
        }
        if created:
            span = {"byteStart": 0, "byteEnd": len(post.text.encode())}
            facets = [
                {"index": span, "features": [{"$type": "app.bsky.richtext.facet#link", "uri": uri}]}
                for uri in post.links
            ]
            commit["record"] = {"text": post.text, "langs": [post.language], "facets": facets}
        yield (
            msgspec.json.encode({"did": did_of(post.author), "time_us": time_us, "kind": "commit", "commit": commit})
            + b"\n"
        )


def _hour(
    setting: Setting, language: Language, hour: int, surges: list[tuple[int, int]], chance: np.random.Generator
) -> list[Post]:
    mean = setting.rate * 60 * language.tongue.share * language.rhythm(hour % 24 + 0.5)
    factors = np.array([3.0 if any(a <= m < b for a, b in surges) else 1.0 for m in range(hour * 60, hour * 60 + 60)])
    counts = chance.poisson(mean * factors)
    total = int(counts.sum())
    minutes = np.repeat(np.arange(hour * 60, hour * 60 + 60), counts)
    times = (START_US + minutes * MINUTE_US + chance.integers(0, MINUTE_US, total)).tolist()
    people = language.draw_authors(total)
    topics = language.draw_topics(people, hour % 24 + 0.5)
    words, ends = language.draw_words(people, topics)
    spelled, tagged = language.words[words].tolist(), chance.random(total)
    linked, sites = chance.random(total), chance.zipf(1.5, total) % 400
    posts, begin = [], 0
    for i, (time_us, end) in enumerate(zip(times, ends.tolist(), strict=True)):
        text = language.join(spelled[begin:end])
        begin = end
        if tagged[i] < 0.06:
            text += " " + language.tags[int(topics[i])]
        links = (f"https://site{sites[i]}.example/{time_us % 100_003}",) if linked[i] < 0.05 else ()
        posts.append(Post(time_us, language.first + int(people[i]), text, language.tongue.code, links))
    return posts
