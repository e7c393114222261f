"""The arithmetic of docs/scaling.md: by hand where that can be done, and fresh."""

from __future__ import annotations

import tomllib

import msgspec
import pytest

from infra.cost import measured
from infra.scaling import BEGIN, END, FIGURES, ROOT, Facts, block, facts, size

FIGURE = tomllib.loads(FIGURES.read_text("utf-8"))
PLAN = FIGURE["plan"]
KNOWN = Facts(
    decode_frames=100_000, store_events_a_second=10_000, momentum_posts=50_000, vectors=50, events_a_post=10,
    postgres_cores_a_event=0.0002, hot_post=3_000, cold_post=2_000, key=100, qdrant_gb=0.5, pgvector_gb=2.0,
    pgvector_millions=3,
)  # fmt: skip


def test_by_hand() -> None:
    one = size(100, KNOWN, PLAN)
    assert one.events == 1_000
    # 2 cores for vectors, 0.01 to decode everything; a relay may use 1.4 of its 2 cores
    assert one.relays == 2
    assert one.relay_cores == pytest.approx(2 + 2 * 0.01)
    assert one.postgres_cores == pytest.approx(0.2)
    assert one.store_share == pytest.approx(0.1)
    assert one.vectors_millions == pytest.approx(25.92)
    assert one.vectors_gb == pytest.approx(25.92 * 0.5 * 2), "each twice"
    assert one.disk_gb == pytest.approx(100 * 86_400 * (3 * 3_000 + 27 * 2_000) / 1e9)
    assert one.billion_days == pytest.approx(115.74, abs=0.01)


def test_few_vectors_lie_in_postgresql_once() -> None:
    assert size(10, KNOWN, PLAN).vectors_gb == pytest.approx(2.592 * 2.0)


def test_more_posts_never_take_less() -> None:
    sizes = [size(rate, KNOWN, PLAN) for rate in (1, 10, 100, 500, 1_000)]
    for name in ("relays", "relay_cores", "postgres_cores", "store_share", "vectors_millions", "disk_gb", "dollars"):
        values = [getattr(one, name) for one in sizes]
        assert values == sorted(values), name


def test_each_figure_says_where_it_was_measured_and_that_place_has_it() -> None:
    for name, what in FIGURE.items():
        if name == "plan":
            continue
        place = what["from"].partition(",")[0]
        file = ROOT / place if place.startswith("docs/") else None
        if file is None:
            [file] = (ROOT / "docs" / "decisions").glob(f"{int(place.removeprefix('decision ')):04d}-*.md")
        text = file.read_text("utf-8").replace(",", "")
        if name not in ("decode_frames", "pgvector_millions", "pgvector_gb"):  # rounded, or added up, of what is there
            assert f"{what['value']}" in text, name


def test_what_was_never_run_says_so() -> None:
    text = block(FIGURE, measured.read())
    for rate in PLAN["rates"]:
        [row] = [line for line in text.splitlines() if line.startswith(f"| {rate:,} |")]
        assert ("never run" in row) == (rate > PLAN["run_rate"])
    [largest] = [line for line in text.splitlines() if line.startswith("| 1,000,000,000 |")]
    assert "never run" in largest
    assert max(one.posts_asked for one in measured.read().runs) == PLAN["run_rate"]


def test_facts_come_from_the_run_at_the_highest_rate() -> None:
    runs = measured.read()
    known = facts(FIGURE, runs)
    slow = msgspec.structs.replace(runs, runs=[one for one in runs.runs if one.posts_asked < 100])
    assert known != facts(FIGURE, slow)
    assert known.cold_post < known.hot_post


def test_the_page_is_what_the_figures_give() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    assert BEGIN + page.partition(BEGIN)[2].partition(END)[0] + END == block(FIGURE, measured.read()), "make scaling"
