"""The engine's complete state as bytes: a format number, then one zstd stream that holds the length of a
msgpack head, the head, and the arrays it names as raw bytes. The arrays are nearly all that an engine
holds: they go from memory into the compressor and back one by one, without a copy of all beside them.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from services.api.momentum.intake import Drops, OpenMinute, decode
from services.api.momentum.model import MINUTE_US, Observation
from services.api.momentum.packed import Strings
from services.api.momentum.ring import Block
from services.api.momentum.topics import Topic
from shared.errors import ConflictError, InputError

if TYPE_CHECKING:
    from services.api.momentum.engine import Engine

_FORMAT = 3
#: No part of a snapshot is larger than this, bytes; refuses to inflate a broken one.
_MAX_BYTES = 1 << 30


_IN_RING = ("times", "authors", "prints", "languages", "start", "voices", "alive", "fresh", "terms", "counted")
_COUNTING = ("distinct", "counts")
_LEFT = ("hashes", "counts")


class PackedBlock(msgspec.Struct, frozen=True):
    """A block without its arrays."""

    minute: int
    seen: int
    total: int
    in_ring: bool
    counting: bool
    absorbed: bool

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of those that cannot be computed from others."""
        return _IN_RING if self.in_ring else _COUNTING if self.counting else _LEFT


class PackedMinute(msgspec.Struct, frozen=True):
    """An open minute; ``sampled`` when it had more posts than are kept."""

    seen: int
    sampled: bool
    posts: list[bytes]


class State(msgspec.Struct, frozen=True):
    """Everything an ``Engine`` holds, by part; ``arrays`` are the names, types and shapes of what follows."""

    config: str
    closed: int
    open: dict[int, PackedMinute]
    late: list[Observation]
    tombstones: list[str]
    drops: tuple[int, int, int]
    blocks: list[PackedBlock]
    refused: tuple[int, int]
    languages: list[str]
    live: list[Topic]
    remembered: list[Topic]
    suspects: list[tuple[int, int]]
    gaps: list[tuple[int, int]]
    age: int
    average: tuple[float, int]
    variance_weight: float
    spoken: list[float]
    pairs: tuple[int, int]
    variance_waiting: list[int]
    open_slot: tuple[int, float, int]
    arrays: dict[str, tuple[str, tuple[int, ...]]]


def take(engine: Engine) -> bytes:
    """Serialise; the engine's state is not changed."""
    intake, ring, base = engine.intake, engine.ring, engine.baseline
    ring.vocabulary.pack()
    ring.pairs.sweep(intake.closed, engine.config.amend_minutes)
    arrays = _tables(engine) | _growing(engine)
    state = State(
        config=engine.config.digest(),
        closed=intake.closed,
        open={
            minute: PackedMinute(held.seen, held.ranked is not None, list(held.posts.values()))
            for minute, held in intake.open.items()
        },
        late=list(intake.late.values()),
        tombstones=list(intake.tombstones),
        drops=(intake.drops.late, intake.drops.early, intake.drops.duplicate),
        blocks=[_packed(block) for block in ring.blocks],
        refused=(ring.vocabulary.refused, engine.registry.refused),
        languages=ring.languages,
        live=list(engine.registry.live.values()),
        remembered=list(engine.registry.remembered.values()),
        suspects=list(engine.registry.suspects.items()),
        gaps=engine.gaps,
        age=base.minutes,
        average=(base.average.total, base.average.origin),
        variance_weight=base.variance.weight,
        spoken=base.spoken.tolist(),
        pairs=(ring.pairs.swept, ring.pairs.newest),
        variance_waiting=[minute for minute, _, _ in base.variance.waiting],
        open_slot=(base.profile.open_slot, base.profile.open_total, len(base.profile.open)),
        arrays={name: (array.dtype.str, array.shape) for name, array in arrays.items()},
    )
    head = msgspec.msgpack.encode(state)
    out = io.BytesIO()
    out.write(bytes([_FORMAT]))
    with zstandard.ZstdCompressor(level=1).stream_writer(out, closefd=False) as writer:
        writer.write(len(head).to_bytes(8, "big") + head)
        for array in arrays.values():
            writer.write(_bytes_of(np.ascontiguousarray(array)))
    return out.getvalue()


def restore(engine: Engine, data: bytes) -> None:
    """Fill a new engine. Raises ``InputError`` or ``ConflictError`` as ``Engine`` documents."""
    if data[:1] != bytes([_FORMAT]):
        raise InputError("The momentum snapshot cannot be read.", why="It is empty or of another format.")
    try:
        with zstandard.ZstdDecompressor().stream_reader(memoryview(data)[1:]) as reader:
            size = _read(reader, np.empty(8, dtype=np.uint8))
            head = _read(reader, _empty("|u1", (int.from_bytes(size.tobytes(), "big"),)))
            state = msgspec.msgpack.decode(head.data, type=State)
            _check(engine, state)
            fixed = _tables(engine)
            if any(state.arrays[name] != (table.dtype.str, table.shape) for name, table in fixed.items()):
                raise ValueError("a table has another shape")
            arrays = {n: _read(reader, fixed[n] if n in fixed else _empty(*kind)) for n, kind in state.arrays.items()}
        _restore_intake(engine, state)
        _restore_ring(engine, state, arrays)
        _restore_baseline(engine, state, arrays)
    except (zstandard.ZstdError, msgspec.DecodeError, LookupError, ValueError, TypeError) as error:
        raise InputError("The momentum snapshot cannot be read.", why=str(error)) from error
    engine.registry.live = {topic.id: topic for topic in state.live}
    engine.registry.remembered = {topic.id: topic for topic in state.remembered}
    engine.registry.suspects = dict(state.suspects)
    engine.ring.vocabulary.refused, engine.registry.refused = state.refused
    engine.gaps = state.gaps


def _check(engine: Engine, state: State) -> None:
    if state.config != engine.config.digest():
        raise ConflictError(
            "The momentum snapshot was made under other parameters.",
            why="Counts made under one set of parameters mean nothing under another.",
            do="Start without it: the engine relearns from the stored posts.",
        )


def _empty(kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = np.dtype(kind)
    if dtype.itemsize * math.prod(shape) > _MAX_BYTES:
        raise ValueError("a part is too large")
    return np.empty(shape, dtype=dtype)


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _read(reader: zstandard.ZstdDecompressionReader, array: NDArray[Any]) -> NDArray[Any]:
    """Fill ``array`` from the stream. Raises ValueError where it ends before."""
    rest = _bytes_of(array)
    while rest:
        if not (size := reader.readinto(rest)):
            raise ValueError("it ends too early")
        rest = rest[size:]
    return array


def _tables(engine: Engine) -> dict[str, NDArray[Any]]:
    """Tables of fixed shape, restored in place."""
    base, ring = engine.baseline, engine.ring
    return {
        "average": base.average.table,
        "profile": base.profile.table,
        "profile_totals": base.profile.totals,
        "profile_days": base.profile.days,
        "variance": base.variance.table,
        "pair_tags": ring.pairs.tags,
        "pair_minutes": ring.pairs.minutes,
    }


def _growing(engine: Engine) -> dict[str, NDArray[Any]]:
    """Arrays of no fixed length, replaced as a whole."""
    ring, base, names = engine.ring, engine.baseline, engine.ring.vocabulary.names
    arrays: dict[str, NDArray[Any]] = {
        "references": ring.vocabulary.references,
        "name_lengths": names.length,
        "names": np.frombuffer(bytes(names.text), dtype=np.uint8),
        "counts": ring.counts,
    }
    for place, block in enumerate(ring.blocks):
        arrays |= {f"block.{place}.{name}": getattr(block, name) for name in _packed(block).arrays}
        if block.in_ring:
            arrays[f"block.{place}.ids"] = np.frombuffer(block.posts.text, dtype=np.uint8)
            arrays[f"block.{place}.ends"] = block.posts.ends
    for place, (_, hashes, squares) in enumerate(base.variance.waiting):
        arrays |= {f"waiting.{place}.hashes": hashes, f"waiting.{place}.squares": squares}
    for place, (hashes, counts) in enumerate(base.profile.open):
        arrays |= {f"slot.{place}.hashes": hashes, f"slot.{place}.counts": counts}
    return arrays


def _packed(block: Block) -> PackedBlock:
    return PackedBlock(block.minute, block.seen, block.total, block.in_ring, block.counting, block.absorbed)


def _restore_intake(engine: Engine, state: State) -> None:
    intake = engine.intake
    intake.closed, intake.drops = state.closed, Drops(*state.drops)
    intake.tombstones = dict.fromkeys(state.tombstones)
    intake.late = {o.post: o for o in state.late}
    intake.known = {o.post: o.time_us // MINUTE_US for o in state.late}
    for minute, packed in state.open.items():
        posts = {decode(post).post: post for post in packed.posts}
        held = intake.open[minute] = OpenMinute(packed.seen, posts)
        if packed.sampled:
            held.rank()
        intake.known.update(dict.fromkeys(posts, minute))


def _restore_ring(engine: Engine, state: State, arrays: dict[str, NDArray[Any]]) -> None:
    ring = engine.ring
    ring.vocabulary.load(arrays["references"], arrays["names"].tobytes(), arrays["name_lengths"])
    ring.counts = arrays["counts"]
    ring.languages = state.languages
    ring.pairs.swept, ring.pairs.newest = state.pairs
    for place, packed in enumerate(state.blocks):
        block = Block(**msgspec.structs.asdict(packed))
        for name in packed.arrays:
            setattr(block, name, arrays[f"block.{place}.{name}"])
        if packed.in_ring:
            block.posts = Strings(arrays[f"block.{place}.ids"].tobytes(), arrays[f"block.{place}.ends"])
        ring.restore(block)


def _restore_baseline(engine: Engine, state: State, arrays: dict[str, NDArray[Any]]) -> None:
    base = engine.baseline
    base.minutes = state.age
    base.average.total, base.average.origin = state.average
    base.spoken = np.array(state.spoken)
    base.variance.weight = state.variance_weight
    base.variance.waiting = [
        (minute, arrays[f"waiting.{place}.hashes"], arrays[f"waiting.{place}.squares"])
        for place, minute in enumerate(state.variance_waiting)
    ]
    base.profile.open_slot, base.profile.open_total, open_minutes = state.open_slot
    base.profile.open = [
        (arrays[f"slot.{place}.hashes"], arrays[f"slot.{place}.counts"]) for place in range(open_minutes)
    ]
