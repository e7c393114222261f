"""The engine alone over a recording: Jetstream JSON lines in, one detection a line out.

The watermark is the highest event time seen, so the result depends on the recording only.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TextIO

import msgspec

from services.api.momentum.allocator import give_back_large_blocks
from services.api.momentum.config import MomentumConfig
from services.api.momentum.engine import Engine, Observation, Tick
from services.api.momentum.model import MINUTE_US
from shared.errors import InputError
from shared.features.post import features_of
from shared.recordings import UNREADABLE, opened

_COLLECTION = "app.bsky.feed.post"
#: Event times of this century; anything else is a broken line and must not move the watermark.
_EARLIEST_US, _LATEST_US = 946_684_800_000_000, 4_102_444_800_000_000


class DetectSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run saw. ``malformed`` lines were skipped, ``ignored`` are other kinds of events."""

    lines: int
    posts: int
    deletes: int
    ignored: int
    malformed: int
    late: int
    minutes: int
    detections: int


class DetectedLine(msgspec.Struct, frozen=True):
    """One line of the output."""

    time_us: int
    topic: str
    terms: tuple[str, ...]
    score: float


class _Feature(msgspec.Struct):
    tag: str = ""
    uri: str = ""


class _Facet(msgspec.Struct):
    features: list[_Feature] = []


class _External(msgspec.Struct):
    uri: str = ""


class _Media(msgspec.Struct):
    external: _External | None = None


class _Embed(msgspec.Struct):
    external: _External | None = None
    media: _Media | None = None


class _Record(msgspec.Struct):
    text: str = ""
    embed: _Embed | None = None
    langs: list[str] | None = None
    tags: list[str] | None = None
    facets: list[_Facet] | None = None


class _Commit(msgspec.Struct):
    operation: str
    collection: str
    rkey: str
    record: msgspec.Raw = msgspec.Raw(b"")


class _Event(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None


def run_detect(path: str | Path, out_path: str | Path, include_provisional: bool = False) -> int:
    """Detect over ``path`` (plain, .gz or .zst) into ``out_path``. Returns the exit code: 0, or raises
    ``InputError`` (exit code 2) when a file cannot be read or written, or holds no post at all."""
    give_back_large_blocks()
    try:
        # The recording first: what cannot be read must not cost the detections of an earlier run.
        with opened(Path(path)) as lines, _writable(Path(out_path), Path(path)) as out:
            summary = detect(lines, out, include_provisional=include_provisional)
    except UNREADABLE as error:
        raise InputError(f"Cannot read the recording {path}.", why=str(error)) from error
    if not summary.posts:
        raise InputError(
            f"{path} holds no posts.",
            why=f"{summary.lines} lines were read, {summary.malformed} of them malformed.",
            do="Give a recording of Jetstream JSON lines.",
        )
    return 0


def _writable(out: Path, recording: Path) -> TextIO:
    """``out``, emptied. Raises InputError, also when that would empty the recording itself."""
    try:
        if out.exists() and out.samefile(recording):
            raise InputError(f"{out} is the recording itself.", do="Give --out another name; it would be overwritten.")
        return out.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write to {out}.", why=f"{error.strerror or error}.") from error


def detect(
    lines: Iterable[bytes],
    out: TextIO,
    config: MomentumConfig | None = None,
    include_provisional: bool = False,
) -> DetectSummary:
    """Run a fresh engine over ``lines``; detections are written as soon as their minute closes."""
    engine = Engine(config or MomentumConfig())
    decoder, records = msgspec.json.Decoder(_Event), msgspec.json.Decoder(_Record)
    count = dict.fromkeys(("lines", "posts", "deletes", "ignored", "malformed", "minutes", "detections"), 0)
    watermark = 0

    def emit(ticks: list[Tick]) -> None:
        count["minutes"] += len(ticks)
        for detection in (d for tick in ticks for d in tick.detections):
            if include_provisional or not detection.provisional:
                count["detections"] += 1
                line = DetectedLine(detection.time_us, detection.topic, detection.terms, detection.score)
                out.write(msgspec.json.encode(line).decode() + "\n")

    for line in lines:
        count["lines"] += 1
        try:
            event = decoder.decode(line)
            if not _EARLIEST_US < event.time_us < _LATEST_US:
                raise msgspec.ValidationError("time_us out of range")
            kind = _take(engine, event, records)
        except (msgspec.DecodeError, UnicodeDecodeError):
            count["malformed"] += 1
            continue
        count[kind] += 1
        minute = event.time_us // MINUTE_US
        if minute > watermark:
            watermark = minute
            emit(engine.advance(minute * MINUTE_US))
    emit(engine.advance((watermark + 1) * MINUTE_US + engine.config.lateness_us))
    return DetectSummary(late=engine.drops.late, **count)


def _take(engine: Engine, event: _Event, records: msgspec.json.Decoder[_Record]) -> str:
    """Hand one event to the engine; returns the name of its counter."""
    commit = event.commit
    if event.kind != "commit" or commit is None or commit.collection != _COLLECTION:
        return "ignored"
    post = f"{event.did}/{commit.rkey}"
    if commit.operation == "delete":
        engine.retract((post,))
        return "deletes"
    if commit.operation != "create":
        return "ignored"
    record = records.decode(commit.record)
    features = [feature for facet in record.facets or () for feature in facet.features]
    tags = [feature.tag for feature in features if feature.tag] + (record.tags or [])
    links = [feature.uri for feature in features if feature.uri]
    if record.embed is not None:
        cards = (record.embed.external, record.embed.media.external if record.embed.media else None)
        links += [card.uri for card in cards if card is not None]
    author = int.from_bytes(blake2b(event.did.encode(), digest_size=8).digest(), "big", signed=True)
    terms, fingerprint = features_of(record.text, tags, links)
    observation = Observation(
        time_us=event.time_us,
        post=post,
        author=author,
        terms=tuple(terms),
        fingerprint=fingerprint,
        language=record.langs[0].split("-")[0].lower() if record.langs else "",
    )
    engine.observe((observation,))
    return "posts"
