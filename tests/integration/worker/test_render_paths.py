"""Which way a report is printed, and why, on the real engines and a real render node."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pypdf
import pytest

from services.worker.pipelines.compose import report_id
from services.worker.pipelines.durable import Interrupted
from services.worker.render.node import RenderNode
from services.worker.render.printer import NodeCare, Printed, Printer
from services.worker.render.renderer import Renderer
from services.worker.render.signed import SignedClient
from shared.errors import RenderFailed
from shared.schemas.base import Schema
from shared.schemas.run import Report
from shared.store import ledger, units
from shared.store.database import Command, Database, Statement
from tests.support import pdfs
from tests.support.render_node import SECRET, Node, free_port, node, until
from tests.support.runs import ask, reports, wait_for, wait_for_end, worker_thread
from tests.support.topics import gathered, store_topic

ROOT = Path(__file__).parents[3]


class Known(Schema, frozen=True, kw_only=True):
    failures: int
    reason: str | None
    seconds: float | None


KNOWN = Statement(
    "SELECT failures, reason, extract(epoch FROM rest_until - failed_at)::float8 AS seconds FROM render_node", Known
)
WOKEN = Command("UPDATE render_node SET rest_until = now() - interval '1 s'")


def printer(database: Database, url: str, said: Callable[[str | None], None] = lambda _: None) -> Printer:
    asked = RenderNode(SignedClient(url, SECRET), 60, 0.05, threading.Event())
    return Printer(Renderer(), NodeCare(database, url, asked, 100, said))


def prints(made: Printer, run: UUID | None = None) -> Printed:
    return made.render(pdfs.report(), run or uuid4())


def of_run(database: Database, run: UUID) -> Report:
    [row] = reports(database, run)
    assert row.pdf is not None
    assert pypdf.PdfReader(io.BytesIO(row.pdf)).pages
    return msgspec.convert(row.body, Report)


def test_a_run_says_who_printed_its_report_and_why(
    database: Database, postgres_url: str, valkey_url: str, tmp_path: Path
) -> None:
    topic = store_topic(database, gathered())
    with node(tmp_path, "by-file", pdfs.good()) as there:
        (there.state / "mode").write_text("good")
        settings = {"render_node_url": there.url, "render_node_secret": SECRET, "render_node_rest_seconds": 600}
        with worker_thread(postgres_url, valkey_url, **settings):
            # given a node that works, then it prints the report, and page, ledger and health say so
            run = ask(database, topic)
            assert wait_for_end(database, run).status == "done"
            assert there.runs() == 1
            report = of_run(database, run)
            assert (report.renderer, report.renderer_reason) == ("render_node", None)
            assert report.pdf_pages == len(pypdf.PdfReader(io.BytesIO(pdfs.good())).pages)
            assert database.fetch(ledger.STEPS, {"run": run})[-1].detail == "Printed by the render node"
            # when it fails twice, then the built-in renderer prints it, and says why
            (there.state / "mode").write_text("fail")
            run = ask(database, topic)
            assert wait_for_end(database, run).status == "done"
            assert there.runs() == 3
            report = of_run(database, run)
            assert report.renderer == "built_in"
            assert report.renderer_reason is not None
            assert report.renderer_reason.startswith("Twice: The render command failed with code 4")
            [known] = database.fetch(KNOWN)
            assert (known.failures, known.reason, round(known.seconds or 0)) == (1, report.renderer_reason, 600)
            wait_for(lambda: _health(database) == ("degraded", report.renderer_reason))


def _health(database: Database) -> tuple[str, str | None] | None:
    found = [row for row in database.fetch(units.READ) if row.component == "render_node"]
    return (found[0].state, found[0].reason) if found else None


def test_a_node_that_failed_is_left_alone_then_asked_how_it_is(database: Database, tmp_path: Path) -> None:
    said: list[str | None] = []
    with node(tmp_path, "by-file", pdfs.good()) as there:
        (there.state / "mode").write_text("fail")
        care = NodeCare(database, there.url, there.asks(60), 100, said.append)
        made = Printer(Renderer(), care)
        first = prints(made)
        assert (first.renderer, there.runs()) == ("built_in", 2)
        # while it rests it is not asked, by this worker or another
        again = prints(printer(database, there.url, said.append))
        assert again.reason == f"It is left alone after a failure. {first.reason}"
        assert there.runs() == 2
        # after its rest it is asked how it is; away, it rests twice as long
        there.kill()
        database.execute(WOKEN)
        away = prints(made)
        assert away.reason == "It could not be reached (ConnectError)."
        [known] = database.fetch(KNOWN)
        assert (known.failures, round(known.seconds or 0)) == (2, 200)
        # once it is back and well, health knows before the next report, it prints, and all is forgotten
        there.start()
        (there.state / "mode").write_text("good")
        care.look()
        database.execute(WOKEN)
        care.look()
        assert prints(made).renderer == "render_node"
        [known] = database.fetch(KNOWN)
        assert (known.failures, known.reason, known.seconds) == (0, None, None)
        assert said == [first.reason, first.reason, away.reason, away.reason, None, None]
        there.kill()
        care.look()
        assert said[-1] == "It could not be reached (ConnectError)."


def test_a_pdf_that_nobody_should_get_is_never_shown(database: Database, tmp_path: Path) -> None:
    with node(tmp_path, "file:bad.pdf", pdfs.good()) as there:
        made = printer(database, there.url)
        for bad, why in (
            (pdfs.with_a_script(), "It holds a script"),
            (pdfs.link_to("https://evil.example/"), "It links to an address that is not ours"),
        ):
            database.execute(WOKEN)
            (there.state / "bad.pdf").write_bytes(bad)
            printed = prints(made)
            assert printed.renderer == "built_in"
            assert why in (printed.reason or "")
            assert printed.pdf != bad


def test_both_renderers_failing_is_told_with_both_reasons(database: Database, tmp_path: Path) -> None:
    broken = tmp_path / "child.py"
    broken.write_text("import sys\nsys.exit(1)\n")
    url = f"http://127.0.0.1:{free_port()}"
    care = NodeCare(
        database, url, RenderNode(SignedClient(url, SECRET), 5, 0.01, threading.Event()), 60, lambda _: None
    )
    with pytest.raises(RenderFailed) as caught:
        Printer(Renderer(program=broken), care).render(pdfs.report(), uuid4())
    assert caught.value.why.startswith("The renderer said: nothing. The render node: Twice: It could not be reached")


def test_a_worker_killed_while_it_waits_for_the_node_costs_no_second_render(
    database: Database, postgres_url: str, valkey_url: str, tmp_path: Path
) -> None:
    run = ask(database, store_topic(database, gathered()))
    with node(tmp_path, "wait", pdfs.good()) as there:
        # given a worker process that waits for the node
        settings = {"render_node_url": there.url, "render_node_secret": SECRET}
        journal = tmp_path / "journal"
        words = [sys.executable, "-m", "tests.support.worker_process", postgres_url, valkey_url, "none", str(journal)]
        victim = subprocess.Popen([*words, msgspec.json.encode(settings).decode()], cwd=ROOT)
        try:
            until(lambda: there.runs() == 1, 40)
        finally:
            # when it is killed
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
        # then another takes the run over and gets what the first one asked for
        with worker_thread(postgres_url, valkey_url, **settings):
            until(lambda: _attempts(database, run) == 2, 40)
            (there.state / "go").touch()
            assert wait_for_end(database, run).status == "done"
        report = of_run(database, run)
        assert (report.id, report.renderer) == (str(report_id(run)), "render_node")
        assert there.runs() == 1


def _attempts(database: Database, run: UUID) -> int:
    return database.fetch(ledger.RUN, {"run": run})[0].attempts


def test_a_worker_that_stops_gives_the_run_back_and_the_job_goes_on(database: Database, tmp_path: Path) -> None:
    with node(tmp_path, "wait", pdfs.good()) as there:
        stopping = threading.Event()
        asked = RenderNode(there.client(), 30, 0.05, stopping)
        run = uuid4()
        threading.Thread(target=lambda: (until(lambda: there.runs() == 1), stopping.set())).start()
        with pytest.raises(Interrupted):
            NodeCare(database, there.url, asked, 60, lambda _: None).render(run.hex, pdfs.report())
        assert database.fetch(KNOWN) == []
        assert _running(there)


def _running(there: Node) -> bool:
    return there.asks().health().running_seconds is not None
