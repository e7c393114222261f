"""Grouping an hour: what is found, what keeps its name, what never becomes a conversation."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from services.api.clusters.config import ClusterConfig
from services.api.clusters.engine import Engine
from services.api.clusters.model import MINUTE_US, Picture
from shared.errors import InputError
from shared.schemas.vector import DIMENSION
from tests.unit.api.clusters.blobs import UNTIL_US, World


def refresh(world: World, engine: Engine | None = None) -> Picture:
    return (engine or Engine()).refresh(world.items, world.vectors, UNTIL_US)


def abouts(world: World, picture: Picture) -> list[set[str]]:
    """What the posts of each conversation are about."""
    about = {item.post: said for item, said in zip(world.items, world.planted, strict=True)}
    return [{about[post] for post in one.members} for one in picture.conversations]


def test_planted_conversations_are_found_and_the_rest_stays_scattered() -> None:
    world = World().add("", 800, languages=("en", "pt", "ja")).add("storm", 60).add("vote", 40).add("comet", 25)
    picture = refresh(world)
    assert abouts(world, picture) == [{"storm"}, {"vote"}, {"comet"}]
    assert [one.posts for one in picture.conversations] == [60, 40, 25]
    assert (picture.compared, picture.scattered) == (925, 800)


def test_one_story_told_in_three_languages_is_one_conversation() -> None:
    world = World().add("", 900, languages=("en", "pt", "ja")).add("quake", 90, languages=("en", "pt", "ja"))
    picture = refresh(world)
    assert abouts(world, picture) == [{"quake"}]
    assert {language for language, _ in picture.conversations[0].languages} == {"en", "pt", "ja"}


@pytest.mark.parametrize(
    "flood", [{"texts": 2}, {"authors": 3}, {"authors": 1, "texts": 1}], ids=["one text", "few accounts", "one bot"]
)
def test_a_flood_is_no_conversation(flood: dict[str, int]) -> None:
    world = World().add("", 500).add("win coins", 400, **flood)  # type: ignore[arg-type]
    assert refresh(world).conversations == []


def test_small_talk_that_shares_no_word_is_no_conversation() -> None:
    world = World().add("", 500).add("thanks", 60, named=False).add("storm", 30)
    assert abouts(world, refresh(world)) == [{"storm"}]


def test_people_and_texts_are_counted_once() -> None:
    world = World().add("", 500).add("storm", 80, authors=20)
    (one,) = refresh(world).conversations
    assert (one.posts, one.people) == (80, 20)


def test_ids_names_and_places_hold_while_the_hour_moves_on() -> None:
    world = World().add("", 1500, minutes=(0, 120))
    for number, about in enumerate(("storm", "vote", "comet", "strike")):
        world.add(about, 120 + 10 * number, minutes=(0, 120), terms=(about, f"{about}s"))
    engine, seen = Engine(), []
    for start in range(120, 59, -2):
        items, vectors = world.between(start, start - 60)
        picture = engine.refresh(items, vectors, UNTIL_US - (start - 60) * MINUTE_US)
        seen.append({one.id: one for one in picture.conversations})
    assert all(picture.keys() == seen[0].keys() for picture in seen)
    assert len(seen[0]) == 4
    for before, after in pairwise(seen):
        for id, one in after.items():
            assert one.label == before[id].label
            assert np.hypot(one.place.x - before[id].place.x, one.place.y - before[id].place.y) < 40


def test_another_process_goes_on_with_the_same_conversations() -> None:
    world = World().add("", 600).add("storm", 60, terms=("storm",)).add("vote", 40, terms=("vote",))
    first = Engine()
    before = refresh(world, first)
    after = refresh(world, Engine(snapshot=first.snapshot()))
    assert [(one.id, one.label, one.born_us) for one in after.conversations] == [
        (one.id, one.label, one.born_us) for one in before.conversations
    ]
    for old, new in zip(before.conversations, after.conversations, strict=True):
        assert np.hypot(old.place.x - new.place.x, old.place.y - new.place.y) < 40


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe", b"\x81\xa7version\x09"])
def test_a_damaged_snapshot_is_refused(damaged: bytes) -> None:
    with pytest.raises(InputError):
        Engine(snapshot=damaged)


def test_what_nobody_talks_about_any_more_ends() -> None:
    world = World().add("", 900, minutes=(0, 120)).add("storm", 60, minutes=(60, 120)).add("vote", 60, minutes=(0, 50))
    engine = Engine()
    items, vectors = world.between(120, 60)
    (old,) = engine.refresh(items, vectors, UNTIL_US - 60 * MINUTE_US).conversations
    (new,) = refresh_between(engine, world)
    assert old.id != new.id
    assert new.born_us == UNTIL_US


def refresh_between(engine: Engine, world: World) -> list:  # type: ignore[type-arg]
    items, vectors = world.between(60, 0)
    return engine.refresh(items, vectors, UNTIL_US).conversations


def test_one_that_dwindles_lives_on_with_fewer_people_than_it_took_to_begin() -> None:
    engine = Engine()
    (begun,) = refresh(World().add("", 400).add("storm", 40), engine).conversations
    (left,) = refresh(World(2).add("", 400).add("storm", 4), engine).conversations
    assert left.id == begun.id
    assert refresh(World(2).add("", 400).add("storm", 4)).conversations == []


def test_two_that_come_to_be_told_apart_are_split_and_the_larger_keeps_the_id() -> None:
    engine = Engine()
    (one,) = refresh(World().add("", 500).add("storm", 60), engine).conversations
    world = World(3).add("", 500).add("storm", 60).add("vote", 50)
    found = {
        frozenset(about): c
        for about, c in zip(abouts(world, refresh(world, engine)), refresh(world, engine).conversations, strict=True)
    }
    assert found[frozenset({"storm"})].id == one.id
    assert frozenset({"vote"}) in found


def test_the_halves_of_the_hour_are_counted_apart() -> None:
    world = World().add("", 500).add("storm", 30, minutes=(1, 29)).add("storm", 10, minutes=(31, 59))
    (one,) = refresh(world).conversations
    assert (one.recent, one.earlier) == (30, 10)
    assert len(one.spark) == 12
    assert sum(one.spark) == 40


def test_representatives_are_by_different_people_in_different_words() -> None:
    world = World().add("", 500).add("storm", 60, authors=20, texts=30)
    (one,) = refresh(world).conversations
    chosen = [item for item in world.items if item.post in one.representatives]
    assert len(chosen) == 3
    assert len({item.author for item in chosen}) == len({item.fingerprint for item in chosen}) == 3


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_posts_are_no_error(count: int) -> None:
    picture = refresh(World().add("", count))
    assert picture.conversations == []
    assert picture.scattered == count


def test_vectors_that_say_nothing_are_no_error() -> None:
    world = World().add("", 300)
    vectors = world.vectors
    vectors[:40] = 0.0
    vectors[40:90] = vectors[40]
    picture = Engine().refresh(world.items, vectors, UNTIL_US)
    assert all(np.isfinite([one.place.x, one.place.y]).all() for one in picture.conversations)


def test_more_subjects_than_there_is_room_for_are_not_more_conversations() -> None:
    world = World()
    for number in range(20):
        world.add(f"subject {number}", 20)
    engine = Engine(ClusterConfig(most_clusters=7))
    assert len(refresh(world, engine).conversations) <= 7
    assert len(refresh(world, engine).conversations) <= 7


def test_memory_does_not_grow_with_refreshes() -> None:
    engine = Engine()
    sizes = []
    for seed in range(8):
        world = World(seed).add("", 500, languages=("en", "pt", "ja"))
        for number in range(6):
            world.add(f"{seed} {number}", 25)
        items, vectors = world.items, world.vectors
        tracemalloc.start()
        engine.refresh(items, vectors, UNTIL_US)
        sizes.append(len(engine.snapshot()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30 * vectors.nbytes
    assert max(sizes) < 41 * (2 * DIMENSION + 400)


def test_hostile_terms_are_only_text() -> None:
    terms = ("<script>alert(1)</script>", "'; DROP TABLE post; --", "\u202egnirts", "x" * 64, "#", "$")
    world = World().add("", 500).add("storm", 40, terms=terms)
    (one,) = refresh(world).conversations
    assert set(one.terms) <= set(terms)
