"""The API's model follows the rows, and no search mixes two."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.api.meaning import LazyEmbedder
from services.api.watches.meaning import cosine_of
from shared.embedding.null import NullEmbedder
from shared.errors import StoreUnavailable
from shared.store.vector_models import VectorModel
from tests.support.fake_meaning import FakeEmbedder


def row(model: str, state: Any = "active") -> VectorModel:
    return VectorModel(
        model=model, state=state, complete=True, after=UUID(int=0), done=0, total=0, lost=False, settled=True
    )


class Platform:
    """Rows, models and what is said, as the API meets them."""

    def __init__(self) -> None:
        self.rows: list[VectorModel] = []
        self.away = False
        self.wanted = "old"
        self.models: dict[str, Any] = {"old": FakeEmbedder("old"), "new": FakeEmbedder("new")}
        self.loaded: list[str] = []
        self.said: list[str] = []
        self.lazy = LazyEmbedder()

    def read(self) -> Sequence[VectorModel]:
        if self.away:
            raise StoreUnavailable("PostgreSQL did not answer.")
        return self.rows

    def load(self, model: str | None) -> Any:
        name = model or self.wanted
        self.loaded.append(name)
        return self.models[name]

    def look(self) -> str:
        self.lazy.look(self.read, self.load, lambda state, _reason: self.said.append(state))
        return self.lazy.current().model


def test_before_it_is_known_there_is_no_model_and_it_says_why() -> None:
    lazy = LazyEmbedder()
    assert not lazy.settled
    assert (lazy.current().available, lazy.current().reason) == (False, "the model is loading")


def test_without_rows_it_is_the_model_in_the_settings() -> None:
    platform = Platform()
    assert platform.look() == "old"
    assert platform.lazy.settled
    assert platform.said == ["ok"]


def test_the_next_model_is_loaded_before_it_becomes_active() -> None:
    platform = Platform()
    platform.wanted = "new"
    platform.rows = [row("old"), row("new", "building")]
    assert platform.look() == "old"
    assert sorted(platform.loaded) == ["new", "old"]
    before = platform.lazy.current()
    platform.rows = [row("new")]
    assert platform.look() == "new"
    # nothing was loaded for the switch, a search that took the old one goes on with it, and it leaves memory
    assert len(platform.loaded) == 2
    assert before.model == "old"
    platform.rows = [row("old")]
    platform.look()
    assert platform.loaded.count("old") == 2


def test_while_the_store_is_away_the_model_stays() -> None:
    platform = Platform()
    platform.rows = [row("new")]
    platform.look()
    platform.away = True
    assert platform.look() == "new"


def test_a_store_that_is_away_from_the_start_keeps_no_model_from_loading() -> None:
    platform = Platform()
    platform.away = True
    assert platform.look() == "old"


def test_a_model_that_nothing_runs_is_degraded_and_one_turned_off_is_off() -> None:
    platform = Platform()
    platform.models["old"].available = False
    platform.look()
    platform.lazy, platform.models["old"] = LazyEmbedder(), NullEmbedder("turned off")
    platform.rows = [row("new")]
    platform.look()
    assert platform.said == ["degraded", "off"]
    assert not platform.lazy.current().available


def test_following_survives_whatever_a_library_throws_and_ends_when_turned_off() -> None:
    platform, tries = Platform(), threading.Event()

    def load(_model: str | None) -> Any:
        if not tries.is_set():
            tries.set()
            raise MemoryError
        return NullEmbedder("turned off")

    stop = threading.Event()
    stop.wait = lambda _seconds=None: False  # type: ignore[method-assign]
    platform.lazy.follow(platform.read, load, lambda *_: None, stop)
    assert platform.lazy.settled


@pytest.mark.parametrize(
    ("similarity", "floor", "cosine"),
    [
        (0.82, 0.80, 0.82),
        (0.6, 0.80, 0.6),
        (0.80, 0.25, 0.25),
        (1.0, 0.25, 1.0),
        (0.90, 0.25, 0.625),
        (0.4, 0.25, 0.125),
    ],
)
def test_a_watchs_similarity_keeps_its_place_between_the_floor_and_one(
    similarity: float, floor: float, cosine: float
) -> None:
    assert cosine_of(similarity, floor) == pytest.approx(cosine)
