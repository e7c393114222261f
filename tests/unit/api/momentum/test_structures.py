"""The engine's tables and arrays: pairs, copies, words, strings."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from services.api.momentum.engine import Engine
from services.api.momentum.packed import HashIndex, Strings, encoded, hash_of, hashes_of
from services.api.momentum.sketch import CopyCounter, PairMemory
from services.api.momentum.vocabulary import Vocabulary
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, run

PAIR = np.array([123 << 50 | 7], dtype=np.uint64)


def test_a_pair_counts_once_an_hour_also_when_it_comes_late() -> None:
    memory = PairMemory(bits=10, horizon_minutes=60)
    assert memory.admit(100, np.repeat(PAIR, 3)).tolist() == [True, False, False]
    assert not memory.admit(159, PAIR)[0]
    assert not memory.admit(95, PAIR)[0]
    assert memory.admit(160, PAIR)[0]
    memory.sweep(220, late=10)
    assert memory.tags.any()
    memory.sweep(230, late=10)
    assert not memory.tags.any()


@pytest.mark.parametrize("horizon", [60, 180])
@pytest.mark.parametrize("step", [1, 7, 59, 119, 256, 65536])
def test_a_minute_that_comes_round_again_recalls_no_pair(horizon: int, step: int) -> None:
    memory, minute = PairMemory(bits=10, horizon_minutes=horizon), 1_000_000
    memory.admit(minute, PAIR)
    other = np.array([99 << 50 | 8], dtype=np.uint64)
    end = minute + (1 << 17)
    while (minute := minute + step) < end:
        memory.admit(minute, other)
        # admitting it would renew it
        known = not PairMemory.admit(_copy(memory), minute, PAIR)[0]
        assert known == (minute < 1_000_000 + horizon)
        if step == 1 and minute > 1_002_000:
            break


def _copy(memory: PairMemory) -> PairMemory:
    copy = PairMemory(memory.bits, memory.horizon)
    copy.tags[:], copy.minutes[:] = memory.tags, memory.minutes
    copy.swept, copy.newest = memory.swept, memory.newest
    return copy


def test_copies_are_counted_and_texts_without_words_are_not_copies() -> None:
    copies = CopyCounter(bits=10)
    assert copies.add(np.array([5, 5, 9, 5, 0, 0], dtype=np.int64)).tolist() == [0, 1, 0, 2, 0, 0]
    assert copies.add(np.array([5], dtype=np.int64)).tolist() == [3]
    copies.remove(np.array([5, 5, 5, 5], dtype=np.int64))
    assert copies.add(np.array([5], dtype=np.int64)).tolist() == [0]


def test_a_window_may_be_longer_than_posts_are_held() -> None:
    # given three hours counted, one hour held, and a snapshot taken when the second is long over
    config = msgspec.structs.replace(SMALL, windows=(10, 60, 180))
    engine = Engine(config)
    run(background(1, 200), engine)
    assert {block.minute for block in engine.ring.live()} == set(range(T0 // MINUTE + 140, T0 // MINUTE + 200))
    for ring in (engine.ring, Engine(config, engine.snapshot()).ring):
        for window, length in enumerate(config.windows):
            held = [b for b in ring.blocks if b.counting and b.minute > engine.intake.closed - length]
            assert len(held) == length
            assert ring.counts[window].sum() == sum(int(b.counts.sum()) for b in held)
            assert ring.totals(engine.intake.closed)[window] == sum(b.total for b in held)
    # then it all leaves again
    run(background(2, 200, start=400, words=("only", "these")), engine)
    assert len(engine.ring.vocabulary) == 2


def test_strings_come_back_as_they_were() -> None:
    texts = ["plain", "", "\u5730\u9707", "\U0001f30a", "half \ud83c"]
    strings = Strings.of(encoded(texts))
    assert list(strings) == texts
    assert [strings[place] for place in range(len(strings))] == texts


def test_hashes_of_many_are_those_of_each() -> None:
    texts = ["quake", "\u5730\u9707", ""]
    assert hashes_of(encoded(texts)).tolist() == [hash_of(text) for text in texts]


def test_an_index_finds_what_was_added_and_not_what_was_dropped() -> None:
    index, chance = HashIndex(np.int32), random.Random(1)
    keys = np.array([chance.getrandbits(64) for _ in range(500)], dtype=np.uint64)
    assert index.find(keys).tolist() == [-1] * 500
    index.add(keys[:200], np.arange(200))
    index.add(keys[200:400], np.arange(200, 400))
    assert index.find(keys).tolist() == [*range(400), *[-1] * 100]
    index.keep(index.values % 2 == 0)
    assert index.find(keys).tolist() == [n if n % 2 == 0 and n < 400 else -1 for n in range(500)]


def test_a_vocabulary_keeps_names_through_reuse_and_never_grows() -> None:
    # given words that come and leave by the thousand, some of them staying
    vocabulary, staying = Vocabulary(capacity=3_000), [f"stay{i}" for i in range(50)]
    kept = vocabulary.intern(staying)
    vocabulary.hold(kept)
    for turn in range(40):
        words = [f"turn{turn}word{i}" + "x" * 20 for i in range(2_000)]
        numbers = vocabulary.intern([*words, *words[:5]])
        vocabulary.hold(numbers)
        assert [vocabulary.names[number] for number in numbers.tolist()] == [*words, *words[:5]]
        vocabulary.release(numbers)
    # then
    assert [vocabulary.names[number] for number in kept.tolist()] == staying
    assert vocabulary.find([*staying, "turn0word0"]).tolist() == [*kept.tolist(), -1]
    assert len(vocabulary) == 50
    assert len(vocabulary.references) <= 3_000
    assert len(vocabulary.names.text) < 1_000_000
    # and a full one says no, and says how often
    numbers = vocabulary.intern([f"more{i}" for i in range(4_000)])
    assert vocabulary.refused == int((numbers < 0).sum()) == 4_000 - 2_950
