"""The data folder has one owner, and says clearly why it cannot be used."""

from __future__ import annotations

import errno
import shutil
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from services.solo.folder import DataFolder, check_port, public_home, reachable_by
from shared.errors import ConfigurationError, ConflictError


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.open()
    with pytest.raises(ConflictError, match=r"already runs on .* \(process \d+\)"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_lock_file_left_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999")
    folder = DataFolder(tmp_path)
    folder.open()
    folder.close()


def test_a_path_that_cannot_be_a_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be used.*make run DATA="):
        DataFolder(tmp_path / "file" / "data").open()


def test_the_home_of_nobody_is_explained() -> None:
    with pytest.raises(ConfigurationError, match=r"~no-such-user/data cannot be used.*make run DATA="):
        DataFolder(Path("~no-such-user/data"))


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    def full(_path: Any) -> Usage:
        return Usage(free=100_000_000)

    monkeypatch.setattr(shutil, "disk_usage", full)
    with pytest.raises(ConfigurationError, match=r"Only 100 MB are free.*another disk"):
        DataFolder(tmp_path).open()


def test_a_remembered_value_stays_and_a_half_written_one_is_replaced(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.remember("simulator", {"seed": 1}) == {"seed": 1}
    assert folder.remember("simulator", {"seed": 2}) == {"seed": 1}
    (tmp_path / "simulator.json").write_text('{"seed":')
    assert folder.remember("simulator", {"seed": 3}) == {"seed": 3}


def test_a_port_in_use_names_the_port_and_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConflictError, match=f"Port {port} .*make run PORT={port + 1}"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(("port", "other"), [(80, 8_421), (65_535, 8_421), (9_000, 9_001)])
def test_the_port_proposed_can_be_had(port: int, other: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: object, _address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConflictError, match=f"Permission denied. Take another port: make run PORT={other}$"):
        check_port("127.0.0.1", port)


def test_a_folder_inside_a_closed_one_is_not_reachable_by_others(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    owner = inner.stat().st_uid
    (tmp_path / "closed").chmod(0o700)
    assert not reachable_by(inner, owner + 4242)
    assert public_home(inner) == public_home(inner)
    assert public_home(inner) != public_home(tmp_path)
