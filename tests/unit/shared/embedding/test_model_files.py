"""The built model on disk: sound or built anew. The graph here is a toy; the rest is real."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.embedding import model_files, openvino_session
from shared.embedding.models import MULTILINGUAL
from shared.embedding.runtime import op, ov


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each build."""
    builds: list[int] = []

    def build(_weights: object, *, compact: bool) -> ov.Model:
        builds.append(len(builds))
        source = op.parameter([-1, 4], np.float32, name="x")
        return ov.Model([op.add(source, op.constant(np.arange(4, dtype=np.float32)))], [source], "toy")

    monkeypatch.setattr(openvino_session, "build_graph", build)
    return builds


def load(cache: Path, *, compact: bool = False) -> ov.Model:
    weights: Any = None
    return openvino_session.load_graph(ov.Core(), MULTILINGUAL, weights, cache, compact=compact)


def folder(cache: Path) -> Path:
    return next(cache.glob("multilingual-e5-small-*"))


def test_a_second_start_builds_nothing(tmp_path: Path, built: list[int]) -> None:
    load(tmp_path / "models")
    model = load(tmp_path / "models")
    assert len(built) == 1
    assert model.get_friendly_name() == "toy"


def test_the_two_forms_lie_beside_each_other(tmp_path: Path, built: list[int]) -> None:
    for _ in range(2):
        load(tmp_path, compact=False)
        load(tmp_path, compact=True)
    assert len(built) == 2


def test_what_a_killed_build_left_is_cleared_by_the_next(tmp_path: Path, built: list[int]) -> None:
    load(tmp_path)
    left = tmp_path / (folder(tmp_path).name + "k1ll3d")
    folder(tmp_path).rename(left)
    load(tmp_path)
    assert not left.exists()


def _flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "model.bin").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.bin").write_bytes(data)


def _truncate(folder: Path) -> None:
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:-1])


def _lose_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _spoil_the_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"{}")


def _lose_the_graph(folder: Path) -> None:
    (folder / "model.xml").unlink()


@pytest.mark.parametrize("damage", [_flip_a_byte, _truncate, _lose_the_manifest, _spoil_the_manifest, _lose_the_graph])
def test_a_damaged_copy_is_built_anew(tmp_path: Path, built: list[int], damage: Callable[[Path], None]) -> None:
    load(tmp_path)
    damage(folder(tmp_path))
    load(tmp_path)
    load(tmp_path)
    assert len(built) == 2


def test_another_version_takes_the_place_of_the_old(
    tmp_path: Path, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path)
    old = folder(tmp_path)
    monkeypatch.setattr(model_files, "_GRAPH_VERSION", 999)
    load(tmp_path)
    assert len(built) == 2
    assert folder(tmp_path) != old
    assert not old.exists()


def test_a_build_that_fails_leaves_nothing_behind(
    tmp_path: Path, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ov, "save_model", fail)
        assert load(tmp_path).get_friendly_name() == "toy"  # from memory
    assert list(tmp_path.glob("multilingual-*")) == []
    load(tmp_path)
    assert folder(tmp_path).is_dir()


def test_without_a_folder_to_write_the_graph_is_built_in_memory(tmp_path: Path, built: list[int]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert load(tmp_path / "file" / "models").get_friendly_name() == "toy"


def test_those_who_start_together_build_once(tmp_path: Path, built: list[int]) -> None:
    threads = [threading.Thread(target=load, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
