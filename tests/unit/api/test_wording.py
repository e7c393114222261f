"""Every part that reports its state has a name and words a newcomer understands."""

from __future__ import annotations

import pytest

from services.api.operations.wording import words_for


@pytest.mark.parametrize(
    ("unit", "component", "title"),
    [
        ("relay", "relay", "Relay"),
        ("relay", "embedding", "Embedding of new posts"),
        ("relay", "vectors", "Relay to vector index"),
        ("relay", "valkey", "Relay to Valkey"),
        ("api", "valkey", "API to Valkey"),
        ("api", "embedder", "Embedding model for search"),
        ("api", "momentum", "Momentum"),
        ("worker", "renderer", "PDF renderer"),
        ("solo", "solo", "Supervisor"),
        ("solo", "postgres", "PostgreSQL process"),
        ("solo", "simulator", "Simulator process"),
    ],
)
def test_a_part_is_named_in_human_words(unit: str, component: str, title: str) -> None:
    words = words_for(unit, component)

    assert words.title == title
    assert "A part of it" not in words.effect
    assert words.do


def test_the_same_engine_reached_by_two_units_gives_two_titles() -> None:
    assert words_for("api", "valkey").title != words_for("worker", "valkey").title


def test_an_unknown_part_names_its_unit_and_its_log() -> None:
    words = words_for("worker", "old_posts")

    assert words.title == "Worker: old posts"
    assert words.do == "Look at the log of the Worker."
