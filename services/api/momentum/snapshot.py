"""The engine's complete state as bytes: a format number, then one zstd stream that holds the length of a
msgpack head, the head, and the tables it names as raw bytes. The tables are most of what an engine holds:
they go from memory into the compressor and back without a copy beside them.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from services.api.momentum.intake import Drops, OpenMinute
from services.api.momentum.model import MINUTE_US, Observation
from services.api.momentum.ring import Block
from services.api.momentum.topics import Topic
from shared.errors import ConflictError, InputError

if TYPE_CHECKING:
    from services.api.momentum.engine import Engine

_FORMAT = 2
#: A snapshot never holds more than this, bytes; refuses to inflate a broken one.
_MAX_BYTES = 1 << 30


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """One array: numpy type name, shape, C-ordered bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class PackedBlock(msgspec.Struct, frozen=True):
    minute: int
    seen: int
    total: int
    in_ring: bool
    absorbed: bool
    posts: list[str]
    arrays: dict[str, Packed]


class State(msgspec.Struct, frozen=True):
    """Everything an ``Engine`` holds, by part."""

    config: str
    closed: int
    open: dict[int, tuple[int, list[Observation]]]
    late: list[Observation]
    tombstones: list[str]
    drops: tuple[int, int, int]
    blocks: list[PackedBlock]
    names: list[str]
    free: list[int]
    refused: tuple[int, int]
    languages: list[str]
    live: list[Topic]
    remembered: list[Topic]
    gaps: list[tuple[int, int]]
    age: int
    average: tuple[float, int]
    recent: tuple[float, int]
    variance_weight: float
    variance_waiting: list[tuple[int, Packed, Packed]]
    open_slot: tuple[int, float]
    open_counts: list[tuple[Packed, Packed]]
    tables: dict[str, tuple[str, tuple[int, ...]]]


_POSTS = ("times", "authors", "prints", "languages", "start", "voices", "alive", "fresh")
_ARRAYS = (*_POSTS, "terms", "counted", "distinct", "counts", "hashes")


def take(engine: Engine) -> bytes:
    """Serialise; the engine is not changed."""
    intake, ring, base = engine.intake, engine.ring, engine.baseline
    tables = _tables(engine) | _growing(engine)
    state = State(
        config=engine.config.digest(),
        closed=intake.closed,
        open={m: (held.seen, list(held.posts.values())) for m, held in intake.open.items()},
        late=list(intake.late.values()),
        tombstones=list(intake.tombstones),
        drops=(intake.drops.late, intake.drops.early, intake.drops.duplicate),
        blocks=[_pack_block(block) for block in ring.blocks],
        names=ring.vocabulary.names,
        free=ring.vocabulary.free,
        refused=(ring.vocabulary.refused, engine.registry.refused),
        languages=ring.languages,
        live=list(engine.registry.live.values()),
        remembered=list(engine.registry.remembered.values()),
        gaps=engine.gaps,
        age=base.minutes,
        average=(base.average.total, base.average.origin),
        recent=(base.recent.total, base.recent.origin),
        variance_weight=base.variance.weight,
        variance_waiting=[(m, _pack(h), _pack(s)) for m, h, s in base.variance.waiting],
        open_slot=(base.profile.open_slot, base.profile.open_total),
        open_counts=[(_pack(h), _pack(c)) for h, c in base.profile.open],
        tables={name: (table.dtype.str, table.shape) for name, table in tables.items()},
    )
    head = msgspec.msgpack.encode(state)
    out = io.BytesIO()
    out.write(bytes([_FORMAT]))
    with zstandard.ZstdCompressor(level=1).stream_writer(out, closefd=False) as writer:
        writer.write(len(head).to_bytes(8, "big") + head)
        for table in tables.values():
            writer.write(np.ascontiguousarray(table).reshape(-1).view(np.uint8).data)
    return out.getvalue()


def restore(engine: Engine, data: bytes) -> None:
    """Fill a new engine. Raises ``InputError`` or ``ConflictError`` as ``Engine`` documents."""
    if data[:1] != bytes([_FORMAT]):
        raise InputError("The momentum snapshot cannot be read.", why="It is empty or of another format.")
    try:
        with zstandard.ZstdDecompressor().stream_reader(memoryview(data)[1:]) as reader:
            state = msgspec.msgpack.decode(_exactly(reader, int.from_bytes(_exactly(reader, 8), "big")), type=State)
            _check(engine, state)
            tables = {name: _read_table(reader, *kind) for name, kind in state.tables.items()}
        if tables.keys() != (_tables(engine) | _growing(engine)).keys():
            raise ValueError("tables are missing")
    except (zstandard.ZstdError, msgspec.DecodeError, ValueError, TypeError) as error:
        raise InputError("The momentum snapshot cannot be read.", why=str(error)) from error
    _restore_intake(engine, state)
    _restore_ring(engine, state, tables)
    _restore_baseline(engine, state, tables)
    engine.registry.live = {topic.id: topic for topic in state.live}
    engine.registry.remembered = {topic.id: topic for topic in state.remembered}
    engine.ring.vocabulary.refused, engine.registry.refused = state.refused
    engine.gaps = state.gaps


def _check(engine: Engine, state: State) -> None:
    if state.config != engine.config.digest():
        raise ConflictError(
            "The momentum snapshot was made under other parameters.",
            why="Counts made under one set of parameters mean nothing under another.",
            do="Start without it: the engine relearns from the stored posts.",
        )


def _exactly(reader: zstandard.ZstdDecompressionReader, size: int) -> bytes:
    """``size`` bytes of the stream. Raises ValueError where it ends before, or they are too many."""
    if size > _MAX_BYTES:
        raise ValueError("a part is too large")
    data = reader.read(size)
    if len(data) != size:
        raise ValueError("it ends too early")
    return data


def _read_table(reader: zstandard.ZstdDecompressionReader, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = np.dtype(kind)
    size = dtype.itemsize * math.prod(shape)
    return np.frombuffer(bytearray(_exactly(reader, size)), dtype=dtype).reshape(shape)


def _tables(engine: Engine) -> dict[str, NDArray[Any]]:
    """Tables of fixed shape, restored in place."""
    base, ring = engine.baseline, engine.ring
    return {
        "average": base.average.table,
        "recent": base.recent.table,
        "profile": base.profile.table,
        "profile_totals": base.profile.totals,
        "profile_days": base.profile.days,
        "variance": base.variance.table,
        "pairs": ring.pairs.table,
        "copies": ring.copies.table,
    }


def _growing(engine: Engine) -> dict[str, NDArray[Any]]:
    """Tables that grow with the vocabulary, replaced as a whole."""
    ring = engine.ring
    return {
        "vocabulary": ring.vocabulary.hashes,
        "references": ring.vocabulary.references,
        "counts": ring.counts,
    }


def _restore_intake(engine: Engine, state: State) -> None:
    intake = engine.intake
    intake.closed, intake.drops = state.closed, Drops(*state.drops)
    intake.tombstones = dict.fromkeys(state.tombstones)
    intake.open = {m: OpenMinute(seen, {o.post: o for o in kept}) for m, (seen, kept) in state.open.items()}
    intake.late = {o.post: o for o in state.late}
    intake.known = {post: block.minute for block in state.blocks for post in block.posts}
    for minute, held in intake.open.items():
        intake.known.update(dict.fromkeys(held.posts, minute))
    intake.known.update({o.post: o.time_us // MINUTE_US for o in state.late})


def _restore_ring(engine: Engine, state: State, tables: dict[str, NDArray[Any]]) -> None:
    ring, vocabulary = engine.ring, engine.ring.vocabulary
    free = set(state.free)
    vocabulary.names, vocabulary.free = state.names, state.free
    vocabulary.ids = {name: i for i, name in enumerate(state.names) if i not in free}
    vocabulary.hashes = tables["vocabulary"]
    vocabulary.references = tables["references"]
    ring.counts = tables["counts"]
    ring.languages = state.languages
    ring.blocks = [_unpack_block(block) for block in state.blocks]


def _restore_baseline(engine: Engine, state: State, tables: dict[str, NDArray[Any]]) -> None:
    base = engine.baseline
    for name, table in _tables(engine).items():
        table[...] = tables[name]
    base.minutes = state.age
    base.average.total, base.average.origin = state.average
    base.recent.total, base.recent.origin = state.recent
    base.variance.weight = state.variance_weight
    base.variance.waiting = [(m, _unpack(h), _unpack(s)) for m, h, s in state.variance_waiting]
    base.profile.open_slot, base.profile.open_total = state.open_slot
    base.profile.open = [(_unpack(h), _unpack(c)) for h, c in state.open_counts]


def _pack(array: NDArray[Any]) -> Packed:
    # A view, not a copy: the tables are most of what the process holds.
    data = np.ascontiguousarray(array).data.cast("B") if array.size else b""
    return Packed(array.dtype.str, array.shape, cast("bytes", data))


def _unpack(packed: Packed) -> NDArray[Any]:
    return np.frombuffer(packed.data, dtype=np.dtype(packed.dtype)).reshape(packed.shape).copy()


def _pack_block(block: Block) -> PackedBlock:
    return PackedBlock(
        block.minute,
        block.seen,
        block.total,
        block.in_ring,
        block.absorbed,
        block.posts,
        {name: _pack(getattr(block, name)) for name in _ARRAYS},
    )


def _unpack_block(packed: PackedBlock) -> Block:
    return Block(
        minute=packed.minute,
        seen=packed.seen,
        total=packed.total,
        in_ring=packed.in_ring,
        absorbed=packed.absorbed,
        posts=packed.posts,
        **{name: _unpack(packed.arrays[name]) for name in _ARRAYS},
    )
