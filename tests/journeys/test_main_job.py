"""The main job, as a newcomer does it."""

from __future__ import annotations

import io
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from pypdf import PdfReader

from services.solo.folder import free_port
from shared.config.load import foreign_environment
from tests.support.folders import engine_folder
from tests.support.platform import ROOT, Platform, command, stream_arguments


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [[], ["--combined"]], ids=["processes", "combined"])
def test_once_does_the_main_job_and_its_line_is_true(mode: list[str]) -> None:
    with engine_folder() as folder:
        data = folder / "data"
        arguments = ["up", "--once", "--port", str(free_port()), "--data", str(data), *stream_arguments(), *mode]
        done = subprocess.run(
            [*command(), *arguments], cwd=ROOT, env=foreign_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.strip().splitlines()
        verdict = json.loads(line)
        assert verdict["lost"] == verdict["duplicated"] == 0
        assert verdict["events"] > verdict["stored"] > 1000
        assert verdict["embedded"] > 0
        assert verdict["topics"]
        assert verdict["search_hits"] > 0
        assert verdict["spend_usd"] == 0
        assert Path(verdict["report"]).read_bytes().startswith(b"%PDF-")


def test_topics_are_planted_stories_and_no_spam(platform: Platform) -> None:
    topics = platform.until("topics", lambda: platform.get("/api/v1/topics")["topics"])
    stream = platform.stream()
    truth = {post.uri: post for post in stream.ledger.posts(stream.anchor_us, int(time.time() * 1e6))}
    for topic in topics:
        posts = [truth[post["uri"]] for post in platform.get(f"/api/v1/topics/{topic['id']}")["posts"]]
        assert posts
        assert not any(post.spam for post in posts), topic["label"]
        stories = Counter(post.story for post in posts)
        story, count = stories.most_common(1)[0]
        assert story is not None, topic["label"]
        assert count > len(posts) / 2, topic["label"]


def test_search_finds_posts_by_meaning_in_other_languages(platform: Platform) -> None:
    def found() -> list[dict[str, object]]:
        answer = platform.get("/api/v1/search?" + urllib.parse.urlencode({"q": "my cat is being silly", "limit": 50}))
        by_meaning = [hit for hit in answer["hits"] if "meaning" in hit["matched"]]
        languages = {language for hit in by_meaning for language in hit["post"]["languages"]}
        return by_meaning if len(languages) >= 2 else []

    assert platform.until("hits in two languages", found, seconds=150)


def test_a_briefing_is_cited_and_comes_as_pdf_html_and_markdown(platform: Platform) -> None:
    topic = platform.until("topics", lambda: platform.get("/api/v1/topics")["topics"])[0]
    run = platform.post("/api/v1/runs", {"topic": topic["id"]})

    def done() -> dict[str, object] | None:
        now = platform.get(f"/api/v1/runs/{run['id']}")
        assert now["status"] != "failed", now["error"]
        return now if now["status"] == "done" else None

    finished = platform.until("finished run", done)
    report = platform.get(f"/api/v1/reports/{finished['report']}")
    assert report["citations"]
    assert all(citation["url"].startswith("https://bsky.app/profile/did:plc:") for citation in report["citations"])
    with urllib.request.urlopen(f"{platform.address}/api/v1/reports/{report['id']}/pdf") as answer:
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.read())).pages)
    assert topic["label"].split(",")[0].split()[0] in text
    with urllib.request.urlopen(f"{platform.address}/api/v1/reports/{report['id']}/markdown") as answer:
        assert report["title"] in answer.read().decode().replace("\\", "")
    with urllib.request.urlopen(f"{platform.address}/api/v1/reports/{report['id']}/html") as answer:
        assert "default-src 'none'" in answer.read().decode()
    assert (report["renderer"], report["renderer_reason"]) == ("built_in", None)


def test_a_second_platform_on_the_same_port_is_refused_with_a_way_out(platform: Platform, tmp_path: Path) -> None:
    done = subprocess.run(
        [*command(), "up", "--port", str(platform.port), "--data", str(tmp_path / "other")],
        cwd=ROOT,
        env=foreign_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 or done.returncode == 1
    assert f"make run PORT={platform.port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_and_search_speak_to_the_running_platform(platform: Platform) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command(), *arguments, "--port", str(platform.port)],
            cwd=ROOT,
            env=foreign_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    doctor = run("doctor")
    assert "The API answers" in doctor.stdout
    assert "FAIL" not in doctor.stdout
    assert "hits in" in run("search", "coffee").stdout
