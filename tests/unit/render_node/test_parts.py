"""Parts of a render node that need no node: locks, folders, jobs, the nightly restart, settings."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from datetime import time as clock
from pathlib import Path

import msgspec
import pytest

from services.render_node import locks
from services.render_node.entry import _alone
from services.render_node.folder import JobFolder
from services.render_node.jobs import MOST_FINISHED, Jobs, QueueFull
from services.render_node.program import Plan, Program
from shared.config.fields import PREFIX
from shared.config.load import load
from shared.config.render_node import secret_of
from shared.config.settings import Settings
from shared.contracts.render_jobs import Asset, RenderJob
from shared.errors import ConfigurationError, ConflictError

JOB = RenderJob(report={"title": "x"})
NODE = {
    PREFIX + "RENDER_NODE_COMMAND": '["/usr/bin/printer","{job}"]',
    PREFIX + "RENDER_NODE_SECRET": "s" * 32,
}


def test_stale_locks_go_and_held_ones_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "a.idlk", tmp_path / ".~lock.b#"
    for path in (old, new, tmp_path / "template.indd"):
        path.touch()
    (tmp_path / "folder.idlk").mkdir()
    (tmp_path / "link.idlk").symlink_to(tmp_path / "template.indd")
    os.utime(old, (1000, 1000))
    patterns = [f"{tmp_path}/*.idlk", f"{tmp_path}/.~lock.*#"]
    # a program that began after the old one was made cannot hold it; the new one may be held
    assert locks.clear(patterns, time.time() - 60) == [old]
    # nobody lives who could hold any
    assert locks.clear(patterns, None) == [new]
    assert {path.name for path in tmp_path.iterdir()} == {"template.indd", "folder.idlk", "link.idlk"}


def test_a_pattern_that_matches_half_the_disk_removes_nothing(tmp_path: Path) -> None:
    for number in range(locks.MOST_LOCKS + 1):
        (tmp_path / f"{number}.txt").touch()
    assert locks.clear([f"{tmp_path}/*"], None) == []
    assert len(list(tmp_path.iterdir())) == locks.MOST_LOCKS + 1


def test_no_name_in_a_jobs_folder_comes_from_the_job(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "job")
    asset = Asset(label="../../evil", media_type="image/png", data=b"png")
    folder.fill(RenderJob(report={"{output}": "x", "title": "../../etc"}, assets=[asset]))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "job/assets.json",
        "job/assets/asset-1.png",
        "job/report.json",
    ]
    assert msgspec.json.decode((folder.path / "assets.json").read_bytes()) == [
        {"label": "../../evil", "media_type": "image/png", "file": "assets/asset-1.png"}
    ]
    assert folder.words(["x", "--in={report}", "{output}", "{job}/y"]) == [
        "x",
        f"--in={folder.report}",
        str(folder.output),
        f"{folder.path}/y",
    ]


def test_jobs_are_known_by_id_and_bounded(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs", most_queued=2, keep_seconds=60)
    assert jobs.submit("a", "1", JOB).state == "queued"
    assert jobs.submit("a", "1", JOB).state == "queued"
    assert jobs.waiting() == 1
    with pytest.raises(ConflictError):
        jobs.submit("a", "2", JOB)
    jobs.submit("b", "1", JOB)
    with pytest.raises(QueueFull):
        jobs.submit("c", "1", JOB)
    first = jobs.take(0)
    assert first is not None
    jobs.finish(first, reason="no", pages=None)
    # one that failed is tried again under its id, in a folder of its own
    assert jobs.submit("a", "1", JOB).state == "queued"
    assert jobs.forget("b")
    again = jobs.take(0)
    assert again is not None
    assert again.folder.path != first.folder.path
    again.folder.output.write_bytes(b"pdf")
    # one that runs and is called off leaves nothing
    assert jobs.forget("a")
    assert again.cancelled
    jobs.finish(again, reason="called off", pages=None)
    assert jobs.find("a") is None
    assert list((tmp_path / "jobs").iterdir()) == []


def test_finished_jobs_leave_by_number_and_age(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs", most_queued=1, keep_seconds=60)
    for number in range(MOST_FINISHED + 3):
        jobs.submit(f"job{number}", "1", JOB)
        job = jobs.take(0)
        assert job is not None
        job.folder.output.write_bytes(b"pdf")
        jobs.finish(job, reason=None, pages=1)
    jobs.take(0)
    assert jobs.find("job0") is None
    assert jobs.pdf(f"job{MOST_FINISHED + 2}") == b"pdf"
    assert len(list((tmp_path / "jobs").iterdir())) == MOST_FINISHED
    jobs._keep = -1.0
    jobs.take(0)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_the_nightly_restart_comes_once_a_night() -> None:
    program = Program(Plan(restart_at=clock(3, 30)))
    at = datetime.now().astimezone().replace(hour=3, minute=29, second=0, microsecond=0)
    program._next = at.replace(minute=30)
    assert not program.due(at)
    assert program.due(at.replace(minute=31))
    assert not program.due(at.replace(minute=32))
    assert program._next.date() > at.date()
    assert (program._next.hour, program._next.minute) == (3, 30)
    assert not Program(Plan()).due(datetime.now(UTC))


def test_two_nodes_do_not_share_a_folder(tmp_path: Path) -> None:
    with _alone(tmp_path), pytest.raises(ConfigurationError, match="Another render node works in"), _alone(tmp_path):
        pass
    with _alone(tmp_path):
        pass


def test_a_node_needs_no_engines_and_says_what_it_needs() -> None:
    assert load("render-node", NODE).render_node_port == 8430
    with pytest.raises(ConfigurationError) as caught:
        load(
            "render-node",
            {
                PREFIX + "RENDER_NODE_SECRET": "short",
                PREFIX + "RENDER_NODE_LOCKS": '["a/*.idlk"]',
                PREFIX + "RENDER_NODE_PROGRAM_NAME": "InDesign",
                PREFIX + "RENDER_NODE_RESTART_AT": "25:00",
            },
        )
    text = str(caught.value)
    for said in (
        "RENDER_NODE_COMMAND (needed by render-node): it is not set",
        "shorter than 32",
        "does not begin with /",
        "RENDER_NODE_PROGRAM_START",
        "'25:00' is no time of day",
    ):
        assert said in text
    assert "POSTGRES_URL" not in text
    with pytest.raises(ConfigurationError, match="no JSON array of texts"):
        load("render-node", {**NODE, PREFIX + "RENDER_NODE_COMMAND": "printer {job}"})


def test_a_worker_with_a_node_needs_its_secret(tmp_path: Path) -> None:
    engines = {
        PREFIX + "POSTGRES_URL": "postgresql://db/x",
        PREFIX + "VALKEY_URL": "redis://valkey",
        PREFIX + "RENDER_NODE_URL": "http://mac:8430/",
    }
    with pytest.raises(ConfigurationError, match=r"RENDER_NODE_SECRET .*: it is not set"):
        load("worker", engines)
    file = tmp_path / "secret"
    file.write_text("t" * 40 + "\n")
    file.chmod(0o644)
    settings = load("worker", {**engines, PREFIX + "RENDER_NODE_SECRET_FILE": str(file)})
    assert settings.render_node_url == "http://mac:8430"
    with pytest.raises(ConfigurationError, match="Others may read"):
        secret_of(settings)
    file.chmod(0o600)
    assert secret_of(settings) == "t" * 40
    for unit in ("solo", "api"):  # they may start the worker, or be it
        with pytest.raises(ConfigurationError, match=r"RENDER_NODE_SECRET .*: it is not set"):
            load(unit, engines)
    with pytest.raises(ConfigurationError, match="shorter than 32"):
        secret_of(Settings())
    with pytest.raises(ConfigurationError, match="cannot be read"):
        secret_of(Settings(render_node_secret_file=str(tmp_path / "none")))
