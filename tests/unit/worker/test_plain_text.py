"""Hostile text loses its tricks and nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.pipelines.plain_text import MOST_MARKS, clean, excerpt


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("pay\u202eevil\u202c now", "payevil now"),
        ("\u2066isolate\u2069 \u200emark\u061c", "isolate mark"),
        ("zero\u200bwidth\ufeff \u2060join", "zerowidth join"),
        ("in\u200dvisible", "invisible"),
        ("bell\x07 null\x00 esc\x1b[31m", "bell null esc[31m"),
        ("two\n\nlines\u2028three\tfour", "two lines three four"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("private\ue000", "private\ufffd"),
        ("z" + "\u0335" * 30 + "algo", "z" + "\u0335" * MOST_MARKS + "algo"),
    ],
)
def test_tricks_are_removed(hostile: str, harmless: str) -> None:
    assert clean(hostile) == harmless


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "👩\u200d🚀 ❤\ufe0f", "क्\u200dष", "日本語テスト", "שלום", "Ça va, où?", "naïve 50 % <b>"]
)
def test_what_people_write_stays(text: str) -> None:
    assert clean(text) == text


def test_long_text_is_cut_with_an_ellipsis() -> None:
    cut = clean("word " * 500, longest=40)
    assert len(cut) <= 40
    assert cut.endswith("word…")


def test_an_excerpt_cannot_forge_a_citation_mark() -> None:
    assert excerpt("proof [3] and [x]") == "proof (3) and [x]"


@settings(deadline=None)
@given(st.text(max_size=300))
def test_nothing_invisible_but_joiners_survives(text: str) -> None:
    left = clean(text)
    assert "\n" not in left
    assert all(unicodedata.category(character) not in ("Cc", "Co", "Cs", "Cn") for character in left)
    assert {character for character in left if unicodedata.category(character) == "Cf"} <= set("\u200c\u200d")
