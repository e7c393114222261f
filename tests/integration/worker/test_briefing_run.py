"""A briefing from the outbox to the PDF, on the real engines."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import uuid4

import msgspec
import pypdf
import redis

from services.worker.render.renderer import Renderer
from shared.contracts.channels import LIVE_STREAM
from shared.schemas.live import Message, RunUpdated
from shared.schemas.run import Report
from shared.store import ledger
from shared.store.database import Command, Database
from tests.support.runs import ask, reports, run_row, wait_for_end, worker_thread
from tests.support.topics import TEXTS, gap, gathered, store_topic


def test_a_briefing_is_done_with_a_pdf_that_quotes_the_posts(
    database: Database, postgres_url: str, valkey_url: str
) -> None:
    # given a topic with posts in six languages and a gap
    topic = store_topic(database, gathered(gaps=[gap(33, 38)]))
    # when a briefing is asked for
    with worker_thread(postgres_url, valkey_url):
        run = ask(database, topic)
        row = wait_for_end(database, run)
    # then the run is done, with one report that is whole
    assert (row.status, row.error, row.attempts) == ("done", None, 1)
    [report] = reports(database, run)
    assert row.report == report.id
    body = msgspec.convert(report.body, Report)
    assert (body.pdf, body.pdf_reason, report.pdf_reason) == ("ready", None, None)
    assert body.id == str(report.id)
    assert {citation.text for citation in body.citations} <= set(TEXTS)
    # and the PDF holds its title and its quotes
    assert report.pdf is not None
    document = pypdf.PdfReader(io.BytesIO(report.pdf))
    text = "\n".join(page.extract_text() for page in document.pages)
    assert document.metadata is not None
    assert document.metadata.title == "Briefing: harbour bridge"
    assert "City says the harbour bridge stays shut" in text
    assert "What is missing" in text
    # and the steps say what happened, in order
    steps = database.fetch(ledger.STEPS, {"run": run})
    assert [step.name for step in steps] == ["gather", "compose", "chart", "render"]
    assert {step.status for step in steps} == {"done"}
    assert steps[0].detail == f"{len(TEXTS)} posts about it"


def test_the_screens_are_told_of_every_move(database: Database, postgres_url: str, valkey_url: str) -> None:
    topic = store_topic(database, gathered())
    with worker_thread(postgres_url, valkey_url):
        wait_for_end(database, ask(database, topic))
    with redis.Redis.from_url(valkey_url) as client:
        entries = client.xrange(LIVE_STREAM)
    messages = [msgspec.json.decode(fields[b"m"], type=Message) for _, fields in entries]
    runs = [message.run for message in messages if isinstance(message, RunUpdated)]
    assert runs[0].status == "running"
    assert [step.status for step in runs[0].steps] == ["pending"] * 4
    assert runs[-1].status == "done"
    assert runs[-1].report is not None


def test_a_topic_that_vanished_fails_with_a_plain_reason(
    database: Database, postgres_url: str, valkey_url: str
) -> None:
    with worker_thread(postgres_url, valkey_url):
        run = ask(database, "gone")
        row = wait_for_end(database, run)
    assert row.status == "failed"
    assert row.error is not None
    assert row.error.startswith("The topic no longer exists.")
    statuses = [step.status for step in database.fetch(ledger.STEPS, {"run": run})]
    assert statuses == ["failed", "skipped", "skipped", "skipped"]
    assert reports(database, run) == []


def test_a_renderer_that_crashes_leaves_a_report_without_pdf(
    database: Database, postgres_url: str, valkey_url: str, tmp_path: Path
) -> None:
    # given a renderer that is ended by a signal
    broken = tmp_path / "child.py"
    broken.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    topic = store_topic(database, gathered())
    defaults = Renderer.__init__.__defaults__
    Renderer.__init__.__defaults__ = (None, broken)
    try:
        with worker_thread(postgres_url, valkey_url):
            run = ask(database, topic)
            row = wait_for_end(database, run)
    finally:
        Renderer.__init__.__defaults__ = defaults
    # then the run is done all the same, and says why there is no PDF
    assert row.status == "done"
    [report] = reports(database, run)
    assert report.pdf is None
    assert report.pdf_reason == "The renderer was ended by SIGKILL."
    assert report.body["pdf"] == "failed"
    assert "# Briefing: harbour bridge" in report.markdown


def test_duplicate_messages_and_unknown_jobs_are_harmless(
    database: Database, postgres_url: str, valkey_url: str
) -> None:
    topic = store_topic(database, gathered())
    run = ask(database, topic)
    args = {"run": str(run)}
    again = "INSERT INTO outbox (actor, queue, args) SELECT %(actor)s, 'interactive', "
    for _ in range(5):
        database.execute(
            Command(again + "jsonb_build_object('run_id', %(run)s::text)"), {"actor": "run_briefing", **args}
        )
    database.execute(Command(again + "'{}'::jsonb"), {"actor": "delete_everything"})
    database.execute(Command(again + '\'{"run_id": "no uuid"}\'::jsonb'), {"actor": "run_briefing"})
    database.execute(
        Command(again + "jsonb_build_object('run_id', %(run)s::text)"), {"actor": "run_briefing", "run": str(uuid4())}
    )
    with worker_thread(postgres_url, valkey_url):
        wait_for_end(database, run)
        last = ask(database, topic)
        wait_for_end(database, last)
    assert run_row(database, run).attempts == 1
    assert len(reports(database, run)) == 1
