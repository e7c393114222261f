"""The embedded engines start, survive crashes and explain what they cannot use."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.solo import engines
from services.solo.children import Child, ChildSpec
from services.solo.engines import Postgres, Valkey, buffers_mb
from shared.config.load import foreign_environment
from shared.errors import ConfigurationError
from tests.support.folders import engine_folder


@pytest.fixture
def home() -> Iterator[Path]:
    with engine_folder() as folder:
        yield folder / "data"


def run(spec: ChildSpec, logs: Path) -> Child:
    child = Child(spec, logs)
    child.start()
    deadline = time.monotonic() + 60
    while child.state != "running":
        child.poll()
        assert child.state != "restarting", child.last_lines
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return child


def end(child: Child) -> None:
    child.ask_to_stop()
    assert child.wait_stopped()


def test_postgres_starts_cold_then_warm_on_the_same_data(home: Path, tmp_path: Path) -> None:
    first = Postgres(home, foreign_environment())
    assert first.prepare() is True
    end(run(first.spec(), tmp_path))
    again = Postgres(home, foreign_environment())
    assert again.prepare() is False
    end(run(again.spec(), tmp_path))


def test_an_interrupted_initdb_is_cleaned_up(home: Path, tmp_path: Path) -> None:
    postgres = Postgres(home, foreign_environment())
    postgres.home.mkdir(parents=True)
    (postgres.home / "postgres.new").mkdir()
    (postgres.home / "postgres.new" / "half").write_text("")
    assert postgres.prepare() is True
    end(run(postgres.spec(), tmp_path))


def test_a_folder_that_is_not_a_whole_cluster_is_left_alone_and_explained(home: Path) -> None:
    postgres = Postgres(home, foreign_environment())
    postgres.data.mkdir(parents=True)
    (postgres.data / "base").write_text("perhaps somebody's data")
    with pytest.raises(ConfigurationError, match=r"not a whole PostgreSQL data folder.*mv "):
        postgres.prepare()
    assert (postgres.data / "base").exists()


def test_a_cluster_of_another_version_is_left_alone_and_explained(home: Path) -> None:
    postgres = Postgres(home, foreign_environment())
    postgres.data.mkdir(parents=True)
    (postgres.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 15"):
        postgres.prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_a_cluster_kept_elsewhere_does_not_come_back_under_a_new_folder_of_the_same_name(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "data"
    home.mkdir()
    first = Postgres(home, foreign_environment())
    try:
        assert first.prepare() is True
        again = Postgres(home, foreign_environment())
        assert (again.prepare(), again.set_aside) == (False, None)
        # when the folder is removed and made anew
        shutil.rmtree(home)
        home.mkdir()
        fresh = Postgres(home, foreign_environment())
        # then it begins empty, and what was there is kept
        assert fresh.prepare() is True
        assert fresh.set_aside is not None
        assert (fresh.set_aside / "PG_VERSION").exists()
    finally:
        shutil.rmtree(first.home)


def test_a_pid_file_left_by_a_crash_is_dropped_even_if_its_pid_lives_on_elsewhere(home: Path, tmp_path: Path) -> None:
    postgres = Postgres(home, foreign_environment())
    postgres.prepare()
    child = run(postgres.spec(), tmp_path)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.wait_stopped()
    pid_file = postgres.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # as if the pid had been reused, by us
    again = Postgres(home, foreign_environment())
    again.prepare()
    end(run(again.spec(), tmp_path))


def test_a_server_that_outlived_its_supervisor_is_ended_before_a_new_one_starts(home: Path, tmp_path: Path) -> None:
    postgres = Postgres(home, foreign_environment())
    postgres.prepare()
    left_over = run(postgres.spec(), tmp_path)
    again = Postgres(home, foreign_environment())
    again.prepare()
    left_over.wait_stopped()
    end(run(again.spec(), tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the engine to another user")
def test_binaries_in_a_closed_folder_are_copied_with_the_libraries_they_load(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "reachable_by", lambda path, _uid: "site-packages" not in str(path))
    postgres = Postgres(home, foreign_environment())
    assert postgres.prepare() is True
    end(run(postgres.spec(), tmp_path))
    assert postgres.spec().argv[0].startswith(str(home))


def test_valkey_starts_over_a_socket_that_a_crash_left(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    valkey = Valkey(home, foreign_environment())
    valkey.prepare()
    child = run(valkey.spec(), tmp_path)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.wait_stopped()
    again = Valkey(home, foreign_environment())
    again.prepare()
    end(run(again.spec(), tmp_path))


def test_a_very_long_path_still_gets_a_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir(parents=True)
    valkey = Valkey(home, foreign_environment())
    valkey.prepare()
    end(run(valkey.spec(), tmp_path))


@pytest.mark.parametrize(("gigabytes", "megabytes"), [(0.5, 128), (2, 256), (4, 512), (64, 1024)])
def test_postgresqls_own_memory_follows_the_machines(gigabytes: float, megabytes: int) -> None:
    assert buffers_mb(int(gigabytes * 2**30)) == megabytes
