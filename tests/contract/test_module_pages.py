"""Every module has a page that says the same things, and what it names is there."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from services.cli.main import VERBS
from shared.config.fields import fields

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    *(
        f"services/{folder.name}"
        for folder in sorted((ROOT / "services").iterdir())
        if (folder / "__init__.py").exists()
    ),
    *("services/frontend", "shared", "infra", "bench", "tests"),
]
SECTIONS = ["Run it alone", "Where it begins", "Settings", "It never may"]
MOST_LINES = 50


@pytest.fixture(params=MODULES)
def page(request: pytest.FixtureRequest) -> str:
    return (ROOT / request.param / "README.md").read_text("utf-8")


def test_it_is_short_and_has_the_same_sections(page: str) -> None:
    lines = page.splitlines()
    assert re.fullmatch(r"# \w[\w ]+", lines[0])
    assert re.findall(r"^## (.*)$", page, re.M) == SECTIONS
    assert len(lines) <= MOST_LINES
    assert len(re.findall(r"^- ", page.partition("## It never may")[2], re.M)) >= 2


def test_paths_are_there(page: str) -> None:
    named = re.findall(r"`((?:services|shared|infra|bench|tests|docs|env|requirements|\.railway)(?:/[\w./-]+)?)`", page)
    named += re.findall(r"pytest ((?:[\w./-]+ ?)+)", page)
    for path in [each for group in named for each in group.split()]:
        assert (ROOT / path).exists(), path


def test_commands_are_there(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)", page)) <= targets
    assert set(re.findall(r"\bgroundswell ([a-z-]+)", page)) <= {verb.name for verb in VERBS}
    scripts = json.loads((ROOT / "services/frontend/package.json").read_text("utf-8"))["scripts"]
    assert set(re.findall(r"npm run ([\w-]+)", page)) <= scripts.keys()
    for module in re.findall(r"python -m ([\w.]+)", page):
        assert importlib.util.find_spec(module), module
    for folder in re.findall(r"kubectl kustomize (\S+)", page):
        assert (ROOT / folder / "kustomization.yaml").is_file()


def test_settings_are_known_and_its_own(page: str, request: pytest.FixtureRequest) -> None:
    known = {field.variable: field.about.units for field in fields()}
    named = re.findall(r"GROUNDSWELL_[A-Z_]+", page.partition("## Settings")[2].partition("## ")[0])
    module = request.node.callspec.params["page"].rpartition("/")[2].replace("_", "-")
    for name in named:
        assert name in known, name
        if module in ("relay", "api", "worker", "render-node"):
            assert module in known[name], f"the {module} does not read {name}"
