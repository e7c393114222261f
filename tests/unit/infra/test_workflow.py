"""The workflow calls what there is, and holds no more rights than it needs."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


def test_it_may_only_read_and_no_job_runs_for_ever() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for name, job in WORKFLOW["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        assert "permissions" not in job, name


def test_the_deploy_waits_for_all_the_others() -> None:
    jobs = WORKFLOW["jobs"]
    assert {*jobs["deploy"]["needs"]} == jobs.keys() - {"deploy"}


def test_what_it_calls_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    for target in re.findall(r"\bmake ([a-z-]+)", "\n".join(commands)):
        assert target in targets
    for path in re.findall(r"\b(?:infra|tests|requirements)/[\w./-]+", "\n".join(commands)):
        assert (ROOT / path).exists(), path


def test_actions_are_pinned_to_a_version() -> None:
    used = [step["uses"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.search(r"@v?\d", action) for action in used)
