"""``make up`` before Docker is asked: secrets, and what it says where something is missing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra import stack


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(stack.sys, "executable", str(folder / "no-python"))
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert stack.ensure_secrets(path) == [*stack.SECRETS]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = stack.read(path)
    assert all(len(made[name]) == 2 * size and made[name].isalnum() for name, size in stack.SECRETS.items())
    assert len({*made.values()}) == len(made)
    assert stack.ensure_secrets(path) == []
    assert stack.read(path) == made


def test_what_a_person_wrote_is_kept_and_what_is_missing_added(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nGROUNDSWELL_API_TOKEN='my own long token'\nREDIS_PASSWORD=\nFRONTEND_PORT=9000")
    path.chmod(0o644)
    assert stack.ensure_secrets(path) == ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "QDRANT_API_KEY", "GRAFANA_PASSWORD"]
    assert path.read_text().startswith(
        "# mine\nGROUNDSWELL_API_TOKEN='my own long token'\nREDIS_PASSWORD=\nFRONTEND_PORT=9000\n"
    )
    assert stack.read(path)["GROUNDSWELL_API_TOKEN"] == "my own long token"
    assert stack.read(path)["REDIS_PASSWORD"], "the last one counts, here as in Compose"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_says_how_to_go_on_without_docker(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stack.main(["up"]) == 1
    assert "Without it: make run" in capsys.readouterr().err


def test_it_says_that_compose_is_missing_or_old(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tools, "docker", "exit 1")
    put(tools, "docker-compose", "echo 1.29.2")
    assert stack.main(["up"]) == 1
    assert "Docker Compose 2.24 or newer is not installed" in capsys.readouterr().err


def test_it_says_that_docker_does_not_answer(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tools, "docker", 'test "$1" = compose && echo v2.40.3')
    assert stack.main(["down"]) == 1
    assert "Docker does not answer" in capsys.readouterr().err


def test_compose_may_be_a_plugin_or_a_command(tools: Path) -> None:
    put(tools, "docker", 'test "$1" = info')
    put(tools, "docker-compose", "echo v5.6.1")
    assert stack.find_compose() == ["docker-compose"]
    put(tools, "docker", 'if test "$1" = compose; then echo 2.24.0; fi')
    assert stack.find_compose() == ["docker", "compose"]


def test_without_a_service_names_the_others_and_refuses_what_is_none(tools: Path) -> None:
    put(tools, "compose", "printf 'api\\nqdrant\\nrelay\\n'")
    assert stack.services(["compose"], stack.os.environ, ["qdrant"]) == ["api", "relay"]
    with pytest.raises(stack.Stop, match=r"no service redi\. There are: api, qdrant, relay"):
        stack.services(["compose"], stack.os.environ, ["redi"])


def test_buildkit_is_not_asked_for_where_its_plugin_is_missing(tools: Path) -> None:
    put(tools, "docker", "exit 1")
    assert stack.build_environment()["DOCKER_BUILDKIT"] == "0"
    put(tools, "docker", "exit 0")
    assert "DOCKER_BUILDKIT" not in stack.build_environment()
