"""Operations are found by the words of those who do not know their names."""

from __future__ import annotations

import pytest

from services.api.operations.catalogue import OPERATIONS
from services.api.operations.index import ALSO, _ranked


def found(asked: str) -> list[str]:
    return [one.name for one in _ranked(list(OPERATIONS), asked)]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("budget", "spending"),
        ("how much money", "spending"),
        ("trending", "momentum"),
        ("delete a feed", "remove_feed"),
        ("stop a run", "cancel_run"),
        ("slack", "create_destination"),
        ("sql", "query"),
        ("prompts", "model_calls"),
        ("errors", "checkup"),
    ],
)
def test_what_is_called_otherwise_here_is_found(asked: str, name: str) -> None:
    assert name in found(asked)[:8]


def test_small_words_find_nothing_by_themselves() -> None:
    assert found("cancel a run") == found("cancel run")
    assert len(found("cancel a run")) < 40
    assert found("zzz a of") == []


def test_each_other_word_leads_somewhere() -> None:
    for word in ALSO:
        assert found(word), word
