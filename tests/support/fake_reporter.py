"""A fake provider whose model passes on what its tools answered, so that there is something to look at.

``python -m tests.support.fake_reporter FOLDER`` serves, and prints the environment of a platform that asks it, as JSON.
The model understands nothing: it calls what a script says, quotes the posts that came back, and repeats sentences that
the platform counted. So pictures and transcripts show the path of a run, over a provider's real wire, and say nothing
of what a model finds.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.config.load import PREFIX
from tests.support.agents import model_settings
from tests.support.fake_llm import FakeProvider, Play, serve
from tests.support.fake_llm_wires import Made

#: What no claim may hold: links and markup.
_FORBIDDEN = re.compile(r"(?i)https?:|www\.|\]\(|[<>`@\x00-\x1f\u2028\u2029]")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_NUMBER = re.compile(r"^\[(c\d+)\]")
_TOPIC = re.compile(r"topic with the id '([^']+)'")
_QUOTED = re.compile(r"^\[(\d+)\] \d\d:\d\d UTC: (.+)$", re.MULTILINE)
MOST_TOPICS, MOST_QUOTES, MOST_FACTS, MOST_LETTERS = 3, 5, 4, 160
UNKNOWN = ["Whether anybody official has said so."]
#: Whoever follows a run is to see it go on: seconds that an answer takes.
DELAY = (0.5, 1.2)

Found = dict[str, Any]


class FakeReporter(FakeProvider):
    """Plays the agents of the pipelines, the watch-keeper, and the paragraph of a briefing."""

    def reset(self, control: dict[str, Any]) -> None:
        super().reset({"delay": DELAY, **control})

    def play(self, messages: list[dict[str, Any]]) -> Play | None:
        system, task = (str(message["content"]) for message in messages[:2])
        answers = [str(message["content"]) for message in messages if message["role"] == "tool"]
        if "You write reports" in system:
            return "answer", draft(next(objects(task.partition("You are given")[2], "subject")))
        if "You are an editor" in system:
            return "answer", {"verdict": "accept", "faults": []}
        if "You look after watches" in system:
            return self._watch(task, len(answers))
        calls = list(plan(system, task, answers))
        if len(answers) < len(calls):
            return calls[len(answers)]
        found: dict[str, Any] = {"claims": claims(answers), "unknown": UNKNOWN}
        return "answer", ({"verdict": "unproven", **found} if "You are a fact-checker" in system else found)

    def _make(self, asked: Any, name: str, body: dict[str, Any]) -> Made:
        made = super()._make(asked, name, body)
        if not body.get("tools"):
            made.text = paragraph(str(body["messages"][-1]["content"]))
        said = json.dumps(made.arguments, ensure_ascii=False) if made.tool else made.text
        made.output = min(len(_TOKEN.findall(said)) + 4, asked.max_tokens)
        return made

    def _watch(self, task: str, answered: int) -> Play:
        rule = {"words": {"any": words(task)[:3]}, "threshold": {"posts": 5, "authors": 4, "minutes": 10}}
        if answered:
            return "create_watch", {"name": " ".join(words(task)[:3]).capitalize(), "rule": rule}
        return "backtest_rule", {"rule": rule}


def plan(system: str, task: str, answers: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is called, one call after the other."""
    about = _TOPIC.search(task)
    if "You are the scout" in system:
        yield "topics", {}
        topics = [one["id"] for answer in answers[:1] for one in objects(answer, "why", "label")]
        for topic in topics[:MOST_TOPICS]:
            yield "topic_posts", {"topic": topic, "limit": 4}
        return
    if about:
        yield "topic", {"topic": about[1]}
        yield "topic_posts", {"topic": about[1], "limit": 8}
    yield "search", {"q": " ".join(words(task)[:5]), "limit": 8}


def claims(answers: list[str]) -> list[Found]:
    """What the platform says of topics, citing the call, and posts in their own words; the words of one once."""
    told: list[Found] = []
    seen: set[str] = set()
    for answer in answers:
        number = _NUMBER.match(answer)
        if number is None:
            continue
        for topic in list(objects(answer, "why", "label"))[:MOST_TOPICS]:
            text = f"“{topic['label']}”: {topic['why']}"
            if text not in seen and not _FORBIDDEN.search(text):
                seen.add(text)
                told.append({"text": text[:500], "posts": [], "calls": [number[1]]})
        fresh = {quote(post): post["id"] for post in objects(answer, "uri") if quotable(post["text"])}
        for text in [text for text in fresh if text not in seen][:MOST_QUOTES]:
            seen.add(text)
            told.append({"text": text, "posts": [fresh[text]], "calls": []})
    return told[:20]


def quote(post: Found) -> str:
    """A sentence that says no more than that somebody wrote this."""
    where = f" in {', '.join(post['languages'])}" if post.get("languages") not in (None, [], ["en"]) else ""
    return f"One account writes{where}: “{shortened(post['text'])}”"


def draft(given: Found) -> Found:
    """The report of a dossier: counted sentences first, then the findings as they are."""
    facts = [
        {"text": text[:500], "posts": [], "calls": [fact]}
        for fact, text in given["counted_facts"].items()
        if not _FORBIDDEN.search(text)
    ]
    found = [
        {name: one[name] for name in ("text", "posts", "calls")}
        for one in given["findings"]
        if (one["posts"] or one["calls"]) and not _FORBIDDEN.search(one["text"])
    ]
    counted = [one for one in found if not one["posts"]]
    quotes = [one for one in found if one["posts"]]
    if not quotes:
        quotes = [
            {"text": quote(post), "posts": [post["id"]], "calls": []}
            for post in given["posts"]
            if quotable(post["text"])
        ]
    sections = [
        {"heading": heading, "claims": part}
        for heading, part in (
            ("What gains momentum", counted[:6]),
            ("What people write", quotes[:8]),
            ("What was counted", facts[2 : 2 + MOST_FACTS]),
        )
        if part
    ]
    return {"title": "What people write, and how often", "summary": facts[:2], "sections": sections}


def paragraph(prompt: str) -> str:
    """Of the posts that a briefing quotes, by their numbers."""
    posts = [(number, text) for number, text in _QUOTED.findall(prompt) if quotable(text)]
    return " ".join(f"One account writes: “{shortened(text)}” [{number}]" for number, text in posts[:3])


def objects(text: str, *having: str) -> Iterator[Found]:
    """Objects of a JSON that may be cut off, innermost ones too, that have these fields."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except ValueError:
            continue
        if set(having) <= value.keys():
            yield value


def quotable(text: str) -> bool:
    return len(text) > 20 and not _FORBIDDEN.search(shortened(text))


def shortened(text: str) -> str:
    """Its beginning, without marks that would count as citations."""
    plain = " ".join(text.replace("[", "(").replace("]", ")").split())
    return plain if len(plain) <= MOST_LETTERS else f"{plain[:MOST_LETTERS].rsplit(' ', 1)[0]} …"


def words(task: str) -> list[str]:
    """Words of the question that one would look for."""
    question = task.partition("The question:\n")[2].partition("\n")[0]
    return [word for word in re.findall(r"\w+", question) if len(word) > 3 and word.lower() not in _COMMON]


_COMMON = frozenset(
    ("what", "when", "where", "which", "this", "that", "they", "people", "about", "does", "tell", "talk")
)


def environment(folder: Path, url: str) -> dict[str, str]:
    """Variables that make it the platform's only model, named so that nobody takes it for a real one."""
    settings = {**model_settings(folder, url, "fake-reporter"), "llm_openai_api_key": f"sk-{secrets.token_hex(16)}"}
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()}


async def main(folder: Path) -> None:
    """Serve until the process ends; the first line is the settings, with files in ``folder``."""
    await serve(FakeReporter(), lambda port: json.dumps(environment(folder, f"http://127.0.0.1:{port}")))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
