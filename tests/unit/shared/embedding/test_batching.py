"""Batches: sorted, bounded, complete."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.embedding.batching import batches, padded


def widest(lengths: list[int], batch: list[int]) -> int:
    return -(-max(lengths[index] for index in batch) // 4) * 4


@given(st.lists(st.integers(1, 128), max_size=200), st.integers(128, 1024))
def test_every_text_is_in_one_batch_and_no_batch_is_over_the_budget(lengths: list[int], tokens: int) -> None:
    made = list(batches(lengths, tokens))
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    assert all(len(batch) * widest(lengths, batch) <= tokens for batch in made)


@given(st.lists(st.integers(1, 128), max_size=200))
def test_batches_go_from_short_to_long(lengths: list[int]) -> None:
    order = [lengths[index] for batch in batches(lengths) for index in batch]
    assert order == sorted(lengths)


def test_a_text_longer_than_the_budget_goes_alone() -> None:
    assert list(batches([3, 100, 3], tokens=16)) == [[0, 2], [1]]


def test_padding_is_masked() -> None:
    ids, mask = padded([[5, 6, 7], [8]], pad=1)
    assert ids.tolist() == [[5, 6, 7, 1], [8, 1, 1, 1]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
