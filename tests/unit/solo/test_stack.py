"""What the stack refuses before it starts anything."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from services.solo.engines import Postgres
from services.solo.progress import Progress
from services.solo.stack import Origin, Stack, UpOptions
from shared.config.load import load
from shared.config.settings import Settings
from shared.errors import ConfigurationError, InputError


def stack(data: Path, **options: object) -> Stack:
    return Stack(Settings(data_dir=str(data)), UpOptions(**options), Progress(io.StringIO()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"rate": 99_999.0}, {"rate": float("nan")}, {"history_minutes": -1}, {"faults": "nonsense"}]
)
def test_options_that_cannot_be_leave_nothing_behind(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="cannot"):
        stack(tmp_path / "data", **wrong).start()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("history", "read"), [(60, 70), (1_440, 1_440), (3_000, 1_440)])
def test_a_history_of_a_day_or_more_is_no_mistake_in_a_setting_nobody_set(
    tmp_path: Path, history: int, read: int
) -> None:
    minutes = stack(tmp_path, history_minutes=history)._backfill()
    assert minutes == read
    load(
        "relay", given={"feed_backfill_minutes": minutes, "postgres_url": "postgresql://x/y", "valkey_url": "redis://x"}
    )


def test_a_start_told_to_stop_begins_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, said = stack(tmp_path), io.StringIO()
    monkeypatch.setattr(told, "_progress", Progress(said))
    monkeypatch.setattr(Postgres, "prepare", lambda _self: told.stop.set())  # a Ctrl-C while initdb runs
    with pytest.raises(KeyboardInterrupt):
        told.start()
    assert told.supervisor.children == ()
    assert said.getvalue().split() == ["Starting", "PostgreSQL", "stopped"]
    told.close()


def test_a_closed_terminal_does_not_keep_the_children_from_being_ended(tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.EIO, "Input/output error")

    reached = []
    with Progress(Gone()).step("Stopping"):
        reached.append("the end of the children")
    assert reached


@pytest.mark.parametrize("kept", ["[]", '{"seed": 7}', '{"anchor_us": "x", "seed": 7, "rate": 50.0}'])
def test_a_damaged_note_about_the_stream_is_left_alone_and_explained(tmp_path: Path, kept: str) -> None:
    note = tmp_path / "simulator.json"
    note.write_text(kept)
    with pytest.raises(ConfigurationError, match=r"simulator\.json does not say.*another folder"):
        stack(tmp_path)._origin(Origin(1, 7, 50.0))
    assert note.read_text() == kept


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("pigeon", "no source 'pigeon'.*file:PATH"),
        ("file:/nowhere/x.jsonl", "no recording /nowhere/x.jsonl"),
        ("nostr", "GROUNDSWELL_FEED_URL"),
        ("sealed", "GROUNDSWELL_FEED_URL"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_before_anything_starts(
    tmp_path: Path, source: str, wrong: str
) -> None:
    with pytest.raises((InputError, ConfigurationError), match=wrong):
        stack(tmp_path / "data", source=source).start()
    assert not (tmp_path / "data").exists()


def test_simulated_and_real_posts_are_never_mixed_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text('"simulator"')
    mixed = stack(tmp_path, source="jetstream")
    with pytest.raises(InputError, match=r"posts of the source simulator.*DATA=data-jetstream"):
        mixed.start()
    mixed.close()
    assert not (tmp_path / "postgres").exists()
