"""A small corpus in the shipped format, made by rule, for tests of the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from services.solo.simulator.corpus import LANGUAGES, TOPICS, Corpus, decode

_SLOTS = (
    "city place name number time day food team song film book app shop street".split()  # noqa: SIM905
)
_STORIES = ("blackout", "derby", "comet", "strike", "festival", "storm", "launch", "bakery")


def documents() -> dict[str, Any]:
    """The files of the corpus by name, as plain data."""
    files: dict[str, Any] = {f"{language}.json": _tongue(language) for language in LANGUAGES}
    files["stories.json"] = [_story(number, key) for number, key in enumerate(_STORIES)]
    return files


def write(folder: Path, files: dict[str, Any] | None = None) -> Path:
    """Write the files into ``folder`` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (documents() if files is None else files).items():
        (folder / name).write_bytes(msgspec.json.encode(content))
    return folder


def corpus(files: dict[str, Any] | None = None) -> Corpus:
    """The small corpus, or ``files`` in its place, through the real decoder and its checks."""
    content = documents() if files is None else files
    return decode(lambda name: msgspec.json.encode(content[name]))


def _tongue(language: str) -> dict[str, Any]:
    mark = {"ja": "今日は", "de": "heute schön,", "fr": "à côté,"}.get(language, "so")
    return {
        "language": language,
        "slots": {slot: [f"{slot}-{language}-{n}" for n in range(8)] for slot in _SLOTS},
        "topics": {
            topic: [
                f"{language} {mark} {topic} number {n} in {{city}} #{topic}é"
                if n % 3 == 0
                else f"{language} {mark} {topic} thought {n}"
                for n in range(6)
            ]
            for topic in TOPICS
        },
        "spam": [f"{language} WIN {{number}} coins now, offer {n}: {{link}}" for n in range(10)],
        "replies": [f"{language} reply {n}" for n in range(20)],
    }


def _story(number: int, key: str) -> dict[str, Any]:
    languages = ("en", *LANGUAGES[1 + number % 3 : 3 + number % 3])
    return {
        "key": key,
        "label": key.title(),
        "terms": [key, f"{key}ville"],
        "hashtags": [f"{key.title()}2026"],
        "link": f"https://news.example/{key}",
        "texts": {
            language: {
                phase: [f"{language} {phase} {key} {key}ville ⚡ {n} at {{time}}" for n in range(count)]
                for phase, count in (("early", 4), ("mid", 8), ("late", 5))
            }
            for language in languages
        },
    }
