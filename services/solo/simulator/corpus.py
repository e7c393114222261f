"""The texts: everyday posts in six languages and the stories, read from JSON and checked.

``<language>.json`` holds ``slots``, ``topics``, ``spam`` and ``replies``; ``stories.json`` a list of
stories. A text may hold ``{slot}`` placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, TypeVar

import msgspec

from services.solo.simulator.population import LANGUAGE_SHARES
from shared.errors import ConfigurationError

Phase = Literal["early", "mid", "late"]
_T = TypeVar("_T")
LANGUAGES = tuple(LANGUAGE_SHARES)
TOPICS = tuple(
    """weather commuting coffee cooking gardening cats dogs football cycling running music concerts films
    books video_games board_games photography art fashion travel beaches mountains work meetings school
    university parenting sleep health fitness local_politics elections economy housing technology
    programming ai phones space science""".split()  # noqa: SIM905 - forty lines say no more
)
_SLOTS = frozenset(
    "city place name number time day food team song film book app shop street".split()  # noqa: SIM905
)
_SPAM_SLOTS = _SLOTS | {"link"}
_STORY_SLOTS = frozenset({"number", "time", "street", "name"})
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_HOST = re.compile(r"https?://([^/\s]+)")
_LONGEST_TEXT = 300
_FEWEST_TEXTS = 6


class Tongue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everyday texts of one language; ``topics`` maps each slug of ``TOPICS`` to its texts."""

    language: str
    slots: dict[str, list[str]]
    topics: dict[str, list[str]]
    spam: list[str]
    replies: list[str]


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A planted story; ``texts`` by language and phase, English always among them."""

    key: str
    label: str
    terms: list[str]
    hashtags: list[str]
    link: str
    texts: dict[str, dict[Phase, list[str]]]


class Corpus(msgspec.Struct, frozen=True):
    """All texts of the simulator."""

    tongues: dict[str, Tongue]
    stories: list[Story]


def load(folder: Traversable | None = None) -> Corpus:
    """Read and check the corpus in ``folder`` (default: the one that ships with the package).

    Raises ``ConfigurationError`` that names the file and what is wrong with it.
    """
    home = folder if folder is not None else files("services.solo.simulator") / "corpus"
    return decode(lambda name: (home / name).read_bytes())


def decode(read: Callable[[str], bytes]) -> Corpus:
    """Decode and check the files that ``read`` gives by name; see ``load``."""
    tongues = {name: _decode_file(read, f"{name}.json", Tongue) for name in LANGUAGES}
    corpus = Corpus(tongues=tongues, stories=_decode_file(read, "stories.json", list[Story]))
    faults = list(_faults(corpus))
    if faults:
        raise ConfigurationError(
            f"The simulator's texts have {len(faults)} faults.",
            why="; ".join(faults[:5]) + (" ..." if len(faults) > 5 else ""),
            do="Correct the files in the corpus folder.",
        )
    return corpus


def _decode_file(read: Callable[[str], bytes], name: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(read(name), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            f"The simulator's texts in {name} cannot be read.",
            why=str(error),
            do="Install the package again, or correct the file.",
        ) from error


def _faults(corpus: Corpus) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, tongue in corpus.tongues.items():
        yield from _tongue_faults(name, tongue)
    for story in corpus.stories:
        yield from _story_faults(story, corpus)
    if len({story.key for story in corpus.stories}) != len(corpus.stories) or not corpus.stories:
        yield "stories.json: keys must be distinct and there must be at least one story"
    for place, text, allowed in _texts(corpus):
        yield from _text_faults(place, text, allowed)
        if text in seen:
            yield f"{place}: text also in {seen[text]}: {text[:40]!r}"
        seen[text] = place


def _tongue_faults(name: str, tongue: Tongue) -> Iterator[str]:
    if tongue.language != name:
        yield f"{name}.json: language is {tongue.language!r}"
    if set(tongue.topics) != set(TOPICS):
        odd = sorted(set(tongue.topics) ^ set(TOPICS))
        yield f"{name}.json: topics missing or unknown: {', '.join(odd)}"
    for topic, texts in tongue.topics.items():
        if len(texts) < _FEWEST_TEXTS:
            yield f"{name}.json: topic {topic} has fewer than {_FEWEST_TEXTS} texts"
    if missing := sorted(slot for slot in _SLOTS if not tongue.slots.get(slot)):
        yield f"{name}.json: slots without values: {', '.join(missing)}"
    if not tongue.spam or not tongue.replies:
        yield f"{name}.json: spam and replies must not be empty"


def _story_faults(story: Story, corpus: Corpus) -> Iterator[str]:
    place = f"stories.json: {story.key}"
    if "en" not in story.texts:
        yield f"{place}: English texts are missing"
    if unknown := sorted(set(story.texts) - set(LANGUAGES)):
        yield f"{place}: unknown languages {', '.join(unknown)}"
    if not set(story.texts) & set(corpus.tongues):
        yield f"{place}: none of its languages is loaded"
    if not story.terms:
        yield f"{place}: terms are missing"
    if any(not phases.get(phase) for phases in story.texts.values() for phase in ("early", "mid", "late")):
        yield f"{place}: each language needs early, mid and late texts"
    yield from _text_faults(place, story.link, frozenset())


def _texts(corpus: Corpus) -> Iterator[tuple[str, str, frozenset[str]]]:
    for name, tongue in corpus.tongues.items():
        for topic, texts in tongue.topics.items():
            yield from ((f"{name}.json: {topic}", text, _SLOTS) for text in texts)
        yield from ((f"{name}.json: spam", text, _SPAM_SLOTS) for text in tongue.spam)
        yield from ((f"{name}.json: replies", text, _SLOTS) for text in tongue.replies)
    for story in corpus.stories:
        for phases in story.texts.values():
            for texts in phases.values():
                yield from ((f"stories.json: {story.key}", text, _STORY_SLOTS) for text in texts)


def _text_faults(place: str, text: str, allowed: frozenset[str]) -> Iterator[str]:
    if not text.strip() or len(text) > _LONGEST_TEXT:
        yield f"{place}: text empty or over {_LONGEST_TEXT} characters: {text[:40]!r}"
    if unknown := sorted(set(_PLACEHOLDER.findall(text)) - allowed):
        yield f"{place}: unknown placeholders {', '.join(unknown)}: {text[:40]!r}"
    if any(not host.rstrip(".,!?)").endswith((".example", "{link}")) for host in _HOST.findall(text)):
        yield f"{place}: host outside .example: {text[:40]!r}"
