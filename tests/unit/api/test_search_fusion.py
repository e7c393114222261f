"""Reciprocal-rank fusion."""

from __future__ import annotations

import pytest

from services.api.operations.search_fusion import fuse


def test_agreement_beats_a_single_first_place() -> None:
    ranked = fuse({"meaning": ["a", "b"], "words": ["c", "b"]})
    assert [found.item for found in ranked] == ["b", "a", "c"]
    assert ranked[0].score == pytest.approx(2 / 62)
    assert ranked[0].matched == ["meaning", "words"]
    assert ranked[1].matched == ["meaning"]


def test_one_arm_alone_keeps_its_order() -> None:
    assert [found.item for found in fuse({"meaning": [], "words": ["x", "y", "z"]})] == ["x", "y", "z"]


def test_equal_scores_keep_the_order_of_the_arms() -> None:
    assert [found.item for found in fuse({"meaning": ["m"], "words": ["w"]})] == ["m", "w"]


def test_nothing_found_is_nothing() -> None:
    arms: dict[str, list[str]] = {"meaning": [], "words": []}
    assert fuse(arms) == []
